"""The `kerasnets` command: its groups of commands, and its exit codes. The public functions do the work."""

import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kerasnets import __version__, terminal
from kerasnets.cli import hand_over, networks, predicting, prepare, training, understand
from kerasnets.cli.exits import stop
from kerasnets.errors import FailureError, UserError, graph_cause, one_line

GROUPS: dict[str, dict[str, Callable[..., None]]] = {
    "Prepare": {
        "list": prepare.list_names,
        "new": prepare.new,
        "audit": prepare.audit,
        "preview": prepare.preview,
        "check": prepare.check,
        "pack": prepare.pack,
        "cache": prepare.cache,
    },
    "Train": {
        "train": training.train,
        "lr": training.lr,
        "tune": training.tune,
    },
    "Understand": {
        "evaluate": understand.evaluate,
        "calibrate": understand.calibrate,
        "predict": predicting.predict,
        "compare": understand.compare,
        "report": understand.report,
        "watch": understand.watch,
        "summary": networks.summary,
        "size": networks.size,
        "complexity": networks.complexity,
        "bench": networks.bench,
        "study": understand.study,
    },
    "Hand over": {
        "export": hand_over.export,
        "serve": hand_over.serve,
        "verify": hand_over.verify,
    },
}
"""The commands by the name of their group, in the order of the help."""


class GroupedCommands(TyperGroup):
    """Commands whose plain help has a section for each group too."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the help that list commands."""
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name, _first_paragraph(self.commands[name].help)) for name in names])


class Command(TyperCommand):
    """A command whose help has no names of Python's types, such as "list[Path]": words say what is meant."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        params: list[Any] = super().get_params(ctx)
        for each in params:
            each.display_type = lambda ctx: ""
        return params


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


app = typer.Typer(
    cls=GroupedCommands,
    no_args_is_help=True,
    # rich draws boxes around help and wrong options: for people alone
    rich_markup_mode="rich"
    if terminal.is_terminal(sys.stdout) and terminal.is_terminal(sys.stderr)
    else None,
    pretty_exceptions_enable=False,
)
for _group, _commands in GROUPS.items():
    for _name, _command in _commands.items():
        app.command(_name, cls=Command, rich_help_panel=_group)(_command)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"kerasnets {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train, understand and hand over convolutional networks."""


class _Line(logging.Formatter):
    """A record as one line; warnings and errors are marked as such."""

    def format(self, record: logging.LogRecord) -> str:
        text = one_line(super().format(record))
        if record.levelno <= logging.INFO:
            return text
        return f"{terminal.styled(f'{record.levelname.lower()}:', terminal.WARNING, sys.stderr)} {text}"


def main() -> None:
    """Run the command.

    Exit code 0; 2 for what the user must change; 3 where `check` found a fault, or `predict` refused some
    images and predicted the others; 1 for what the machine or the training failed at; 130 for Ctrl-C, 143
    for SIGTERM, 129 for SIGHUP.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("kerasnets").setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except UserError as error:
        stop(error, 2)
    except (FailureError, OSError) as error:
        stop(error, 1)
    except Exception as error:
        # TensorFlow's, which is not loaded here: images that break while they are read
        if not type(error).__module__.startswith("tensorflow."):
            raise
        stop(graph_cause(error), 1)
