"""The page of a search: its numbers are those recorded, names are text, and it can be written at any time."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import qmc
from searches import (
    KEYS,
    RATE,
    drawn_trials,
    rate_range,
    staged_best,
    staged_trials,
    written_search,
)

import kerasnets
from kerasnets.report import drawing
from kerasnets.report.tuning.axes import KeyAxis, name_of
from kerasnets.report.tuning.forest import forest_of
from kerasnets.report.tuning.page import search_sections
from kerasnets.report.tuning.progress import progress_sections, trainings
from kerasnets.report.tuning.records import read_search
from kerasnets.report.tuning.scores import score_sections

NASTY = ('<script>alert("x")</script>', 'it\'s & "so"', "emoji 🐈 {{ 1 + 1 }}", "$x_1$", "_hidden")


def _sections(search):
    with drawing.style():
        return {section.anchor: section for section in search_sections(read_search(search))}


def _figure(search, name, made_by):
    with drawing.style():
        pictures = [picture for section in made_by(read_search(search)) for picture in section.pictures]
    return next(picture.drawing for picture in pictures if picture.name == name)


def _check_links(page):
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    links = re.findall(r'(?:href|src)="(#[^"]*|[^"]{,40})', page)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(ids)
    assert all(link.startswith(("#", "data:")) for link in links)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A search of the rate in stages, finished. Read only."""
    trials = staged_trials()
    return written_search(
        tmp_path_factory.mktemp("staged") / "search",
        trials,
        keys={RATE: KEYS[RATE]},
        tuner="stages",
        best=staged_best(trials),
        rates=rate_range(),
        seeds=2,
        trials=16,
        trainings=7.13,
    )


def test_the_command_shows_a_finished_search_and_writes_its_pictures(staged, tmp_path, command, refused):
    code, text, _ = command("tune", "--show", staged, "--pictures", tmp_path / "pictures")
    assert code == 0
    assert str(staged.page_file) in text
    page, best = staged.page_file.read_text(), staged.best()
    for words in (best.verdict, f"{best.mean:.4f}, 2 seeds", "best.toml", "Range test", "Learning curves"):
        assert words in page
    assert "half a step to each side, is trained in full" in page
    assert "Importance" not in page
    _check_links(page)
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {f"{name}.{kind}" for name in ("score-0", "range", "timeline") for kind in ("png", "svg")} <= names
    assert "no search here" in refused("tune", "--show", tmp_path)
    assert "found no recipe" in refused("tune")


def test_all_seeds_are_drawn_and_their_means_joined(staged):
    axes = _figure(staged, "score-0", score_sections).axes[0]
    full = [trial for trial in staged.trial_records() if trial.stage == "full"]
    dots = next(line for line in axes.lines if line.get_label() == "full")
    assert dots.get_xdata().tolist() == [trial.values[RATE] for trial in full]
    assert dots.get_ydata().tolist() == [trial.score for trial in full]
    means = axes.lines[list(axes.lines).index(dots) + 1]
    rates = sorted({trial.values[RATE] for trial in full})
    by_hand = [np.mean([trial.score for trial in full if trial.values[RATE] == rate]) for rate in rates]
    np.testing.assert_allclose(means.get_ydata(), by_hand)
    assert axes.get_xscale() == "log"
    recipe = [line for line in axes.lines if line.get_label() == "recipe"]
    assert [line.get_xdata()[0] for line in recipe] == [0.05]


def test_the_range_test_is_told_with_its_picture(staged):
    section = _sections(staged)["range-test"]
    assert [picture.name for picture in section.pictures] == ["range"]
    assert ("loss diverges", "1") in section.tables[0].rows
    assert ("cost", "160 steps, 0.13 trainings") in section.tables[0].rows


@pytest.mark.parametrize(("direction", "better"), [("max", max), ("min", min)])
def test_the_best_so_far_never_gets_worse(tmp_path, direction, better):
    trials = drawn_trials(30)
    search = written_search(tmp_path / "search", trials, direction=direction)
    axes = _figure(search, "best-so-far", progress_sections).axes[0]
    steps = next(line for line in axes.lines if line.get_label() == "random")
    scores = [trial.score for trial in trials if trial.score is not None]
    assert steps.get_ydata().tolist() == [better(scores[: place + 1]) for place in range(len(scores))]


def test_the_cost_counts_what_was_trained_once(staged, tmp_path):
    assert trainings(read_search(staged)) == pytest.approx((10 * 3 + 6 * 30) / 30 + 0.13)
    first = drawn_trials(1)[0]
    promoted = replace(first, id="next", stage="25 epochs", epochs=25, promoted_from=first.id)
    assert first.epochs == 10
    search = written_search(tmp_path / "search", [first, promoted])
    assert trainings(read_search(search)) == pytest.approx(25 / 30)


def test_zero_has_a_place_below_the_other_numbers_of_a_logarithmic_axis():
    axis = KeyAxis.of("l2", {"min": 2e-5, "max": 0.1, "sampling": "log"}, [2e-5, 0.1, 0.0, 1e-3])
    np.testing.assert_allclose(axis.numbers([0, 2e-5, 0.1]), [1e-6, 2e-5, 0.1])
    np.testing.assert_allclose(axis.shares(axis.numbers([0, 1e-3, 0.1])), [0, 0.6, 1])
    assert axis.end_texts() == ("0", "0.1")
    axes = Figure().subplots()
    axis.draw_on(axes.xaxis)
    assert axes.get_xscale() == "log"
    assert [axes.xaxis.get_major_formatter()(at) for at in (1e-6, 1e-4)] == ["0", "0.0001"]


def test_shares_of_variance_are_those_of_the_function():
    """f = 2 a + b + 3 (a - 1/2)(c - 1/2) on the unit cube, whose shares can be computed by hand."""
    places = qmc.Sobol(3, seed=0).random(512)
    a, b, c = places.T
    axes = [KeyAxis(key, (), False, 0.0, 1.0) for key in "abc"]
    forest = forest_of(places, 2 * a + b + 3 * (a - 0.5) * (c - 0.5), axes=axes)
    parts = {(0,): 4 / 12, (1,): 1 / 12, (2,): 0.0, (0, 1): 0.0, (0, 2): 9 / 144, (1, 2): 0.0}
    total = sum(parts.values())
    assert forest.shares.keys() == parts.keys()
    for keys, part in parts.items():
        assert forest.shares[keys] == pytest.approx(part / total, abs=0.03), keys
    assert forest.fit > 0.95
    points = (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(forest.marginal((0,), points), 2 * points + 0.5, atol=0.12)
    both = forest.marginal((0, 2), points)
    by_hand = 2 * points[:, None] + 0.5 + 3 * (points[:, None] - 0.5) * (points - 0.5)
    np.testing.assert_allclose(both, by_hand, atol=0.35)
    np.testing.assert_allclose(both.mean(axis=1), forest.marginal((0,), points), atol=0.05)


def test_a_trees_variance_is_that_of_its_predictions():
    """Against plain sampling of scikit-learn's own predictions."""
    from sklearn.tree import DecisionTreeRegressor

    from kerasnets.report.tuning.forest import _boxes

    draws = np.random.default_rng(0)
    places = draws.random((40, 2))
    tree = DecisionTreeRegressor(random_state=0).fit(places, draws.normal(size=40))
    boxes = _boxes(tree.tree_, 2)
    line = (np.arange(400) + 0.5) / 400
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    predicted = tree.predict(grid).reshape(400, 400)
    assert boxes.variance((0, 1)) == pytest.approx(predicted.var(), rel=0.02)
    assert boxes.variance((0,)) == pytest.approx(predicted.mean(axis=1).var(), rel=0.02)
    np.testing.assert_allclose(boxes.marginal((0, 1), line), predicted, atol=1e-9)


def test_the_key_that_decides_is_named_first(tmp_path):
    sections = _sections(written_search(tmp_path / "search", drawn_trials(40)))
    rows = sections["importance"].tables[0].rows
    assert rows[0][0] == RATE
    assert float(rows[0][1]) > 0.5
    assert len(sections["contours"].pictures) == 6
    assert len(sections["scores"].pictures) == 4


def test_values_lie_where_their_axis_has_them():
    log = KeyAxis.of("k", {"min": 1e-4, "max": 1.0, "sampling": "log"}, [1e-2, None])
    assert (log.low, log.high) == (1e-2, 1e-2)
    log = KeyAxis.of("k", {"min": 1e-7, "max": 100.0, "sampling": "log"}, [1e-4, 1.0])
    numbers = log.numbers([1e-4, 1e-2, 1.0, None])
    np.testing.assert_allclose(log.shares(numbers), [0, 0.5, 1, np.nan])
    np.testing.assert_allclose(log.at(np.array([0, 0.25, 1])), [1e-4, 1e-3, 1])
    listed = KeyAxis.of("k", {"choices": [16, 32, 256]}, [16, 256])
    assert listed.log
    assert listed.choices == ()
    names = KeyAxis.of("k", {"choices": ["sgd", True]}, ["sgd", None, [2, 2]])
    assert names.choices == ("sgd", "true", "[2, 2]", "none")
    assert names.numbers([True, None]).tolist() == [1, 3]
    assert names.at(names.shares(np.arange(4.0))).tolist() == [0, 1, 2, 3]
    assert name_of(0.0123456) == "0.01235"


def test_names_are_shown_as_text(tmp_path):
    keys = {RATE: KEYS[RATE], 'model.options.<b>"x"': {"choices": list(NASTY)}}
    trials = [
        replace(trial, stage="stage <i>", worker='host "<b>" 🐈', reason="<img src=x>\nline")
        for trial in drawn_trials(9, keys=keys)
    ]
    search = written_search(tmp_path / "search", trials, keys=keys, name="<b>'it' & 🐈")
    page = kerasnets.write_search_report(search).read_text()
    assert not re.search(r"<(script|b|i|img src=x)>", page)
    for text in ("&lt;script&gt;", "stage &lt;i&gt;", "🐈", "$x_1$", "&lt;img src=x&gt;\\nline"):
        assert text in page
    _check_links(page)


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "No winner yet: 0 of 0 trials have a score, 0 are running."),
        (drawn_trials(1, keys={RATE: KEYS[RATE]}), "No winner yet: 1 of 1 trials have a score"),
        ([replace(trial, status="running", score=None, ended="", epochs=0) for trial in drawn_trials(2)],
         "No winner yet: 0 of 2 trials have a score, 2 are running."),
        ([replace(trial, status="failed", score=None, reason="no memory") for trial in drawn_trials(9)],
         "No trial has a score: all have ended without one."),
        ([replace(trial, status="killed", score=None, epochs=0) for trial in drawn_trials(3)], "were killed"),
    ],
)  # fmt: skip
def test_a_search_has_a_page_at_any_time(tmp_path, trials, told):
    search = written_search(tmp_path / "search", trials, keys={RATE: KEYS[RATE]})
    page = kerasnets.write_search_report(search).read_text()
    assert told in page
    _check_links(page)


@pytest.mark.exhaustive
def test_many_trials_stay_small(tmp_path):
    search = written_search(tmp_path / "search", drawn_trials(200, workers=4))
    assert kerasnets.write_search_report(search).stat().st_size < 3e6
