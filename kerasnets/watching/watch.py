"""`kerasnets.watch`: the report's page of runs, served live."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kerasnets.watching.live_page import LivePage
from kerasnets.watching.server import serve


def watch_runs(runs: Sequence[Path], *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the live page of runs; see `kerasnets.watch`."""
    serve(LivePage(runs, load), host=host, port=port, announce=announce)


def load() -> Callable[[Sequence[Path]], str]:
    """Load what draws the page of runs, Keras with it, and return it."""
    from kerasnets import runtime

    runtime.prepare()
    from kerasnets.report.page import render_page
    from kerasnets.report.run_records import read_runs

    return lambda runs: render_page(read_runs(runs))
