"""The page of runs as it stands now: drawn anew when their files have changed, once for all who look."""

import hashlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2

from kerasnets.errors import KerasnetsError, one_line
from kerasnets.watching.run_files import RunFiles

log = logging.getLogger("kerasnets")

EVERY_SECONDS = 2.0
"""Seconds from one drawing to the next, at least."""

SHARE = 0.2
"""Drawing takes at most this share of a core's time: the training needs the processor."""

NICENESS = 10
"""By which drawing stands back behind the training, where both want the same core; see nice(1)."""

Draw = Callable[[Sequence[Path]], str]
"""Gives the page of some runs as HTML."""


@dataclass(frozen=True)
class Shown:
    """What a browser shows.

    Attributes:
        html: the page.
        token: identifies it; another page has another one.
    """

    html: str
    token: str


class LivePage:
    """The page of runs, whatever state they are in.

    It is drawn in a thread of its own, and only after somebody has asked for it: `shown` gives what there is
    and has what has changed drawn for the next one who asks. Where files are damaged or gone, the page before
    stays, with a line that says so.

    Args:
        runs: run directories, which need not exist yet.
        load: gives what draws the page of those that do; it is called once, and may load large libraries.
        every: seconds from one drawing to the next, at least.
    """

    def __init__(self, runs: Sequence[Path], load: Callable[[], Draw], every: float = EVERY_SECONDS):
        self._runs, self._load, self._every = list(runs), load, every
        self._draw: Draw | None = None
        self._lock = threading.Lock()
        self._drawing = False
        self._drawn_from: list[RunFiles] | None = None
        self._page, self._next = "", 0.0
        self._shown = _shown(_empty_page(), "Reading the run …")

    def shown(self) -> Shown:
        """Return the page to show now; begin to draw it anew where files have changed since."""
        with self._lock:
            if not self._drawing and time.monotonic() >= self._next:
                found = [RunFiles.of(run) for run in self._runs]
                if found != self._drawn_from:
                    self._drawing, self._drawn_from = True, found
                    threading.Thread(target=self._refresh, args=(found,), daemon=True).start()
            return self._shown

    def _refresh(self, found: Sequence[RunFiles]) -> None:
        """Draw the page, and say when it may be drawn next."""
        _stand_back()
        took, trouble = self._try_to_draw(found)
        shown = _shown(self._page or _empty_page(), trouble or _as_of(found), trouble=bool(trouble))
        with self._lock:
            self._shown = shown
            self._next = time.monotonic() + max(self._every, took * (1 / SHARE - 1))
            self._drawing = False

    def _try_to_draw(self, found: Sequence[RunFiles]) -> tuple[float, str]:
        """Draw the runs that there are.

        Returns:
            The time it took on a core, in seconds, and what was wrong in words, or an empty text.
        """
        there = [run for run, its in zip(self._runs, found, strict=True) if its.states]
        missing = ", ".join(str(run) for run in self._runs if run not in there)
        trouble = f"{missing}: nothing here yet, or not any more; waiting" if missing else ""
        if not there:
            return 0.0, trouble
        self._draw = self._draw or self._load()
        started = time.thread_time()
        try:
            self._page = self._draw(there)
        except KerasnetsError as error:
            trouble = one_line(error)
        except (
            Exception
        ) as error:  # whatever a reader of half-written files raises: a later change may end it
            trouble = f"the page could not be drawn: {type(error).__name__}: {one_line(error)}"
            log.warning("%s", trouble)
        return time.thread_time() - started, trouble


def _as_of(found: Sequence[RunFiles]) -> str:
    """Return when the files last changed: "Live, as of 14:03:21"."""
    changed = max(each.changed_at for each in found)
    return f"Live, as of {time.strftime('%H:%M:%S', time.localtime(changed))}"


def _stand_back() -> None:
    """Lower the priority of this thread alone, where the system has that."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _shown(page: str, state: str, *, trouble: bool = False) -> Shown:
    """Return a page with the line at its foot that says how it stands, and the script that keeps it so."""
    head, end, rest = page.rpartition("</body>")
    html = head + _foot().render(state=state, trouble=trouble) + end + rest
    return Shown(html, hashlib.sha256(html.encode()).hexdigest()[:16])


def _foot() -> jinja2.Template:
    text = files("kerasnets.watching").joinpath("foot.html").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(text)


def _empty_page() -> str:
    return files("kerasnets.watching").joinpath("empty.html").read_text(encoding="utf-8")
