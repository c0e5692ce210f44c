"""environment.json of a run: the machine and the process that trained it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kerasnets.files.records import read_record, write_record

FORMAT = 2
"""Version of the file, which every process that trains in a run directory writes first; so it is that of the
tables beside it too: history.csv, diagnostics.csv, images.csv.gz. 1 stated none and may lack `settings` and
`command`."""

DECISIVE = ("devices", "replicas", "settings", "packages.tensorflow", "packages.keras", "packages.numpy")
"""Where these differ, the same steps may give numbers that differ in their last bits."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine and the process that a run was last trained on.

    Attributes:
        python: its version.
        machine: operating system and processor architecture.
        devices: the processor, then the GPUs, each with `kind` and `name`.
        strategy: class name of the `tf.distribute.Strategy`.
        replicas: devices that share each batch.
        settings: what decides how TensorFlow computes, environment variables included.
        packages: versions by name.
        command: the program's name and its arguments.
    """

    python: str
    machine: str
    devices: list[dict[str, Any]]
    strategy: str
    replicas: int
    settings: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str]
    command: list[str] = field(default_factory=list)

    def differences_from(self, before: "Environment") -> str:
        """Return in words what decides the last bits of numbers and has changed; empty if nothing has."""
        old, new = dict(_flat(asdict(before))), dict(_flat(asdict(self)))
        keys = [key for key in {**old, **new} if key.startswith(DECISIVE) and old.get(key) != new.get(key)]
        return ", ".join(f"{key} {_word(new.get(key))} (before: {_word(old.get(key))})" for key in keys)

    def write(self, path: Path) -> None:
        """Write environment.json, whole or not at all."""
        write_record(path, FORMAT, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read environment.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        table = read_record(
            path, FORMAT, python=str, machine=str, devices=list, strategy=str, replicas=int, packages=dict
        )
        return cls(**{name: table[name] for name in cls.__dataclass_fields__ if name in table})


def _flat(table: dict[str, Any] | list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables, each with its dotted key; items of lists are counted from 0."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, dict | list):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "unset" if value is None else value
