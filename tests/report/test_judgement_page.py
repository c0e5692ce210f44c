"""The page of a judgement: every link leads somewhere, every name is text, and it stays small."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from kerasnets.data.dataset import Identities, Split
from kerasnets.judgement.judge import judge
from kerasnets.report import drawing
from kerasnets.report.judgement.page import judgement_sections, write_judgement

NASTY = ('<script>alert("x")</script>', 'it\'s & "so"', "emoji 🐈 {{ 1 + 1 }}", "$x_1$", "tab\there")


def predicted(images, classes, *, side=8, seed=0, names=None):
    """Probabilities, and noise images with labels of `classes` classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes)).astype("float64")
    logits[np.arange(images), labels] += 3
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    pixels = random.integers(0, 256, (images, side, side, 3), "uint8")
    if names is None:
        names = [f"{number}.png" for number in range(images)]
    identities = Identities(np.array(names, object), np.arange(1, images + 1).astype("uint64"))
    return probabilities, Split(pixels, labels, identities=identities)


class Page(HTMLParser):
    """What stands on a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.sources, self.texts = [], set(), set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links |= {found["href"]} if tag == "a" else set()
        self.sources += [found["src"]] if "src" in found else []

    def handle_data(self, data):
        self.texts.append(data)


def _page(folder, judgement, split="test"):
    about = {"split": split, "runs": ["runs/<b>"], "views": "center"}
    return write_judgement(folder, judgement, title="runs/<b>: test", about=about).read_text()


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    names = [f"{NASTY[number % 5]}-{number}.png" for number in range(60)]
    probabilities, split = predicted(60, 5, names=names)
    judgement = judge(probabilities, split, NASTY, others={"train": split.at(np.arange(3))})
    return judgement, _page(tmp_path_factory.mktemp("page"), judgement)


def test_the_page_needs_nothing_else_and_its_links_lead_somewhere(nasty):
    _, text = nasty
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)
    assert page.sources
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "script" not in page.tags
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_names_of_files_and_classes_are_shown_as_text(nasty):
    _, text = nasty
    texts = " ".join(Page(text).texts)
    assert "<script>" not in text
    for name in (*NASTY[:3], "tab\\there"):
        assert name in texts, name


def test_each_cell_opens_the_pictures_of_its_images(nasty):
    judgement, _ = nasty
    with drawing.style():
        section = next(
            each for each in judgement_sections(judgement, split="test") if each.anchor == "confusions"
        )
    table = judgement.images
    groups = {group.anchor: group for group in section.groups}
    for truth, (_, cells) in enumerate(section.matrix.rows):
        for taken, cell in enumerate(cells):
            both = table[(table.truth == NASTY[truth]) & (table.predicted_1 == NASTY[taken])]
            assert cell.count == (str(len(both)) if len(both) else "")
            if len(both):
                shots = groups[cell.link].shots
                worst = both.sort_values("loss", ascending=False).image[:12]
                assert [shot.lines[0] for shot in shots] == [name.replace("\t", "\\t") for name in worst]
    shot = groups["cell-0-0"].shots[0]
    image = Image.open(io.BytesIO(base64.b64decode(shot.jpeg)))
    assert image.size == (8, 8)


def test_the_worst_and_the_least_certain_come_first(nasty):
    judgement, _ = nasty
    with drawing.style():
        sections = {each.anchor: each for each in judgement_sections(judgement, split="test")}
    table = judgement.images
    wrong = table[table.truth != table.predicted_1].sort_values("loss", ascending=False)
    names = [shot.lines[0] for shot in sections["mistakes"].gallery]
    assert names == [name.replace("\t", "\\t") for name in wrong.image[:50]]
    least = table.sort_values("probability_1").image[:50]
    names = [shot.lines[0] for shot in sections["uncertain"].gallery]
    assert names == [name.replace("\t", "\\t") for name in least]
    assert len(sections["copies"].gallery) == 3
    assert "same bytes as" in sections["copies"].gallery[0].lines[1]
    assert "conditions" in sections, "brightness differs"


def test_a_split_that_was_trained_on_is_said_to_hide_wrong_labels(nasty):
    judgement, _ = nasty
    with drawing.style():
        notes = {
            split: next(each.notes for each in judgement_sections(judgement, split=split) if each.notes)
            for split in ("train", "test")
        }
    assert "trained on these labels" in " ".join(notes["train"])
    assert "trained on these labels" not in " ".join(notes["test"])


def test_many_classes_are_pairs_in_place_of_a_matrix(tmp_path):
    probabilities, split = predicted(900, 40)
    judgement = judge(probabilities, split, [f"class {number}" for number in range(40)])
    text = _page(tmp_path, judgement)
    page = Page(text)
    assert '<table class="matrix">' not in text
    assert all(link[1:] in page.ids for link in page.links)
    assert any(link.startswith("#cell-") for link in page.links)
    assert len(text) < 10**7


def test_numbers_have_residuals_and_their_largest_errors(tmp_path):
    random = np.random.default_rng(0)
    truth = random.normal(size=(70, 2)).astype("float32")
    values = truth + 0.1 * random.normal(size=truth.shape)
    values[33] += 5
    split = Split(random.integers(0, 256, (70, 8, 8, 1), "uint8"), truth)
    judgement = judge(values, split, ["<x>", "y"])
    with drawing.style():
        sections = {each.anchor: each for each in judgement_sections(judgement, split="test")}
    assert sections["mistakes"].gallery[0].lines[0] == "image 33"
    assert len(sections["mistakes"].gallery) == 50
    assert len(sections["residuals"].pictures) == 2
    _, below = sections["residuals"].pictures[1].drawing.axes
    np.testing.assert_allclose(below.lines[1].get_ydata(), values[:, 1] - truth[:, 1])
    page = Page(_page(tmp_path, judgement))
    assert all(link[1:] in page.ids for link in page.links)
    assert "<x>" in " ".join(page.texts)
