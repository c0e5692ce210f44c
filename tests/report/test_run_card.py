"""What a notebook shows of a run."""

import re
import shutil
from html.parser import HTMLParser

import pytest

import kerasnets
from kerasnets.errors import UserError
from kerasnets.report.run_card import HEIGHT, run_card
from kerasnets.runs.directory import RunDirectory


class _Parts(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_a_card_has_the_measures_and_the_curves(default_run):
    card = kerasnets.Run(default_run)._repr_html_()
    shown, result = _Parts(card), default_run.result
    for measured in result.splits.values():
        assert f"{measured.accuracy:.4f}{measured.loss:.4f}" in shown.text
    assert result.verdict in shown.text
    assert "30 of 30 epochs" in shown.text
    assert shown.tags.count("polyline") == 4  # loss and accuracy, of training and validation
    assert "http" not in card, "works offline"
    assert len(card) < 20_000


def test_a_cards_curve_has_an_epoch_a_point_between_the_extremes(default_run):
    card, history = run_card(default_run), default_run.history()
    points = [float(pair.split(",")[1]) for pair in re.search(r'points="([^"]+)"', card)[1].split()]
    assert len(points) == len(history)
    both = [*history.loss, *history.val_loss]
    expected = [2 + (HEIGHT - 4) * (max(both) - loss) / (max(both) - min(both)) for loss in history.loss]
    assert points == pytest.approx(expected, abs=0.051)


def test_names_are_text_in_a_card(default_run, tmp_path):
    run = shutil.copytree(default_run, tmp_path / '<img src=x onerror="alert(1)">')
    shown = _Parts(kerasnets.Run(run)._repr_html_())
    assert "img" not in shown.tags
    assert str(run) in shown.text


def test_a_damaged_run_is_a_card_with_the_reason(run_copy):
    run = kerasnets.Run(run_copy)
    (run / "history.csv").write_text("epoch,<b>\n1,")
    shown = _Parts(run._repr_html_())
    assert "history.csv" in shown.text
    assert "b" not in shown.tags


def test_an_unfinished_run_has_a_card(run_copy):
    RunDirectory(run_copy).result_file.unlink()
    assert "unfinished" in _Parts(kerasnets.Run(run_copy)._repr_html_()).text


def test_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run here; allowed: a folder that"):
        kerasnets.Run(tmp_path)
