"""The exceptions whose message is meant for a user, a single line each; and how messages are written."""

import difflib
import re
from collections.abc import Iterable
from signal import Signals


class KerasnetsError(Exception):
    """What every exception of kerasnets that is meant for a user derives from; its message is one line."""


class UserError(KerasnetsError):
    """Something the user gave cannot be used: exit code 2.

    The message names the file, key or path, what was found, and what is allowed.
    """


class FailureError(KerasnetsError):
    """Something went wrong that the user's input did not cause: exit code 1."""


class DivergedError(FailureError):
    """Too many training steps in a row had a loss or gradient that was not finite.

    Args:
        epoch: epoch of the last such step, from 0.
        step: that step's number within the epoch, from 0.
        count: how many such steps came in a row.
        broken: what was not finite, for instance "the gradient of conv1/kernel"; empty if unknown.
    """

    def __init__(self, epoch: int, step: int, *, count: int = 0, broken: str = "") -> None:
        where = f" in epoch {epoch + 1} at step {step + 1}"
        super().__init__(f"training diverged{where}{f': {broken} is not finite' if broken else ''}")
        self.epoch, self.step, self.count = epoch, step, count


class StoppedError(KerasnetsError):
    """A signal stopped a run, which has saved itself: exit code 128 + the signal's number, as in shells.

    Args:
        signal: SIGINT, SIGTERM or SIGHUP.
    """

    def __init__(self, signal: Signals) -> None:
        super().__init__({"SIGINT": "interrupted", "SIGHUP": "hung up"}.get(signal.name, "terminated"))
        self.code = 128 + signal


def nearest(word: object, allowed: Iterable[object]) -> str:
    """Return "; did you mean 'x'?" for the closest spelling among `allowed`, or an empty string."""
    close = difflib.get_close_matches(str(word), [str(name) for name in allowed], n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def few(names: Iterable[object], width: int = 240) -> str:
    """Return names in a row, as many as fit: "lenet5, alexnet and 37 more".

    Args:
        names: what to list; each becomes text.
        width: most characters of the names that are listed; the first one always is.
    """
    texts = [str(name) for name in names]
    kept = [
        text for place, text in enumerate(texts) if not place or len(", ".join(texts[: place + 1])) <= width
    ]
    return ", ".join(kept) + (f" and {len(texts) - len(kept):,} more" if len(kept) < len(texts) else "")


def one_line(message: str | BaseException, most: int = 500) -> str:
    """Return a message as one line of printable characters; a very long one loses its middle.

    Messages begin with what is wrong and end with what is allowed: both stay.

    Args:
        message: text or an exception.
        most: characters in the line, at most.
    """
    text = printable(file_fault(message) if isinstance(message, OSError) else str(message))
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 7]} [...] {text[-end:]}"


def shortened(text: str, most: int = 100) -> str:
    """Return `text` with its middle replaced by "…" where it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) + 1 :]}"


def file_fault(error: OSError) -> str:
    """Return the message of an `OSError`, the file first: "runs/a/history.csv: no space left on device"."""
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {reason(error)}" if error.filename else reason(error)


def printable(text: str) -> str:
    r"""Return `text` with all unprintable characters escaped: `\n`, `\x1b`, and `\xff` for a byte.

    Args:
        text: any string. In a file name that is not UTF-8, each undecodable byte is a lone surrogate.
    """
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def reason(error: BaseException) -> str:
    """Return the first line of an exception's message, without the file that an `OSError` names."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r} is missing"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def graph_cause(error: BaseException) -> str:
    """Return the line of a TensorFlow error that names the cause, without its place in the graph.

    Args:
        error: a `tf.errors.OpError`.
    """
    message = str(getattr(error, "message", error))
    lines = [re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", line).strip() for line in message.splitlines()]
    places = ("File ", "Detected at ", "[[", "Graph exec")
    causes = [line for line in lines if line and not line.startswith(places)]
    return causes[0] if causes else type(error).__name__
