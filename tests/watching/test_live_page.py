"""When the live page is drawn, and what it shows of runs in any state."""

import shutil
import threading

import pytest
from waiting import until

from kerasnets.errors import UserError
from kerasnets.watching.live_page import LivePage


class Drawing:
    """Draws what `history.csv` of the runs holds; counts how often, and waits where it is told to."""

    def __init__(self):
        self.count = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, runs):
        self.count += 1
        assert self.may_go_on.wait(10)
        texts = [(run / "history.csv").read_text() for run in runs]
        if "half" in texts:
            raise UserError("history.csv: cut off")
        return f"<html><body><h1>{' and '.join(texts)}</h1></body></html>"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.csv").write_text("one epoch")
    return tmp_path / "run"


def _shows(page, *texts):
    until(lambda: all(text in page.shown().html for text in texts), lambda: page.shown().html)


def test_all_who_ask_share_one_drawing(run):
    draw = Drawing()
    draw.may_go_on.clear()
    page = LivePage([run], lambda: draw, every=0)
    waiting = {page.shown() for _ in range(20)}
    assert len(waiting) == 1
    assert "Reading the run" in waiting.pop().html
    draw.may_go_on.set()
    _shows(page, "one epoch")
    assert {page.shown().token for _ in range(20)} == {page.shown().token}
    assert draw.count == 1


def test_a_changed_file_is_drawn_and_one_that_is_not_shown_is_not(run):
    draw = Drawing()
    page = LivePage([run], lambda: draw, every=0)
    _shows(page, "one epoch")
    before = page.shown().token
    (run / "report.html").write_text("a page")
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "epoch-00001.npz").write_bytes(b"numbers")
    (run / ".history.12.tmp.csv").write_text("not whole yet")
    assert page.shown().token == before
    assert draw.count == 1
    (run / "history.csv").write_text("two epochs")
    _shows(page, "two epochs", "Live, as of")
    assert draw.count == 2
    assert page.shown().token != before


def test_it_is_not_drawn_again_before_its_time(run):
    draw = Drawing()
    page = LivePage([run], lambda: draw, every=1e6)
    _shows(page, "one epoch")
    (run / "history.csv").write_text("two epochs")
    assert all("one epoch" in page.shown().html for _ in range(20))
    assert draw.count == 1


def test_what_cannot_be_read_leaves_the_page_before(run):
    page = LivePage([run], Drawing, every=0)
    _shows(page, "one epoch")
    (run / "history.csv").write_text("half")
    _shows(page, "one epoch", "history.csv: cut off")
    (run / "history.csv").write_text("two epochs")
    _shows(page, "two epochs", "Live, as of")
    (run / "history.csv").write_bytes(b"\xff")  # not what a reader is made for
    _shows(page, "two epochs", "could not be drawn: UnicodeDecodeError")


def test_a_run_may_come_and_go(run, tmp_path):
    other = tmp_path / "other"
    page = LivePage([other], Drawing, every=0)
    _shows(page, "other: nothing here yet")
    shutil.copytree(run, other)
    _shows(page, "one epoch", "Live, as of")
    shutil.rmtree(other)
    _shows(page, "one epoch", "other: nothing here yet, or not any more")
    shutil.copytree(run, other)
    _shows(page, "one epoch", "Live, as of")


def test_of_several_runs_those_are_shown_that_there_are(run, tmp_path):
    page = LivePage([run, tmp_path / "other"], Drawing, every=0)
    _shows(page, "<h1>one epoch</h1>", "other: nothing here yet")
    shutil.copytree(run, tmp_path / "other")
    _shows(page, "one epoch and one epoch", "Live, as of")


def test_what_is_wrong_is_text_and_no_markup(run):
    def draw(runs):
        raise UserError("<script>alert(1)</script>")

    page = LivePage([run], lambda: draw, every=0)
    _shows(page, "&lt;script&gt;alert(1)")
