"""The exceptions whose message is meant for a user: a single line each."""

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave cannot be used: exit code 2.

    The message is one line: the file, key or path; what was found; what is allowed.
    """


class FailureError(Exception):
    """Something went wrong that is not the user's to mend: exit code 1, and one line that says all of it."""


class StoppedError(Exception):
    """A signal stopped a run, which has saved itself: exit code 128 + the signal's number, as shells have it.

    Args:
        signal: the `signal.Signals`, SIGINT, SIGTERM or SIGHUP.
    """

    def __init__(self, signal):
        super().__init__({"SIGINT": "interrupted", "SIGHUP": "hung up"}.get(signal.name, "terminated"))
        self.code = 128 + signal


def nearest(word, allowed):
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


def one_line(message, most=500):
    """Return a message as one line of printable characters, its middle left out where it is very long.

    What is at fault stands at the beginning of a message, what is meant at its end.

    Args:
        message: text or an exception.
        most: characters.
    """
    text = shown(file_fault(message) if isinstance(message, OSError) else str(message))
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 7]} [...] {text[-end:]}"


def file_fault(error):
    """Return what an `OSError` says, the file first: "runs/a/history.csv: no space left on device"."""
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {reason(error)}" if error.filename else reason(error)


def shown(text):
    r"""Return `text` with what cannot be printed on one line escaped: `\n`, `\x1b`, and `\xff` for bytes.

    Args:
        text: any str; a byte of a file name that is no UTF-8 is a lone surrogate in it.
    """
    return "".join(_escaped(character) for character in text)


def _escaped(character):
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def reason(error):
    """Return in one line what an exception says, without the file that an `OSError` names."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r} is missing"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def graph_cause(error):
    """Return the line of a TensorFlow error that says what happened, without where in the graph."""
    lines = [re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", line).strip() for line in str(error.message).splitlines()]
    said = [
        line for line in lines if line and not line.startswith(("File ", "Detected at ", "[[", "Graph exec"))
    ]
    return said[0] if said else type(error).__name__


class DivergedError(FailureError):
    """Too many steps in a row were not finite.

    Attributes:
        epoch, step: the last of them, from 0; step within the epoch.
        count: how many they are.
    """

    def __init__(self, epoch, step, count=0, broken=""):
        where = f" in epoch {epoch + 1} at step {step + 1}"
        super().__init__(f"training diverged{where}{f': {broken} is not finite' if broken else ''}")
        self.epoch, self.step, self.count = epoch, step, count
