"""Accuracy against cost: every accuracy has its source, every size is the golden table's."""

import inspect
from importlib import import_module

import pandas as pd
import pytest
from matplotlib.image import imread
from places import TESTS

import kerasnets
from kerasnets.errors import UserError
from kerasnets.models import BUILDERS
from kerasnets.sizing.complexity import AREA_PER_PARAMETER, PUBLISHED, complexity_table, draw_complexity

GOLDEN = pd.read_csv(TESTS / "architectures.csv", index_col="name")
PUBLISHED_ROWS = pd.read_csv(PUBLISHED, index_col="name")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Table and picture of all architectures."""
    to = tmp_path_factory.mktemp("all") / "new" / "folder"
    kerasnets.complexity(to)
    return to


@pytest.fixture(scope="module")
def table(folder):
    return pd.read_csv(folder / "complexity.csv", index_col="name")


@pytest.fixture
def two():
    """A table that costs nothing to make."""
    return pd.DataFrame(
        {
            "name": ["small", "large"],
            "family": ["AlexNet", "VGG"],
            "parameters": [5e6, 140e6],
            "macs": [1e9, 10e9],
            "top1": [60.0, 70.0],
            "views": ["1 crop", "10 crops"],
        }
    )


def test_every_accuracy_has_its_views_and_its_source():
    assert PUBLISHED_ROWS.index.is_unique
    assert not PUBLISHED_ROWS.isna().any().any()
    assert (PUBLISHED_ROWS.source.str.len() > 10).all()
    assert PUBLISHED_ROWS.top1.between(50, 85).all()


@pytest.mark.parametrize("name", PUBLISHED_ROWS.index)
def test_the_networks_are_those_for_imagenet(name):
    builder = getattr(import_module(f"kerasnets.models.{BUILDERS[name]}"), name)
    defaults = inspect.signature(builder).parameters
    assert defaults["input_shape"].default in [(224, 224, 3), (227, 227, 3), (299, 299, 3)]
    assert defaults["classes"].default == 1000


@pytest.mark.exhaustive  # the table of all networks
def test_the_table_has_every_published_architecture(table):
    assert list(table.index) == list(PUBLISHED_ROWS.index)
    assert (table.flops == 2 * table.macs).all()
    pd.testing.assert_frame_equal(table[PUBLISHED_ROWS.columns], PUBLISHED_ROWS)


@pytest.mark.exhaustive  # the table of all networks
@pytest.mark.parametrize("name", GOLDEN.index.intersection(PUBLISHED_ROWS.index))
def test_sizes_are_the_golden_ones(table, name):
    golden = GOLDEN.loc[name]
    assert table.parameters[name] == golden.trainable_params
    if pd.notna(golden.macs):
        assert table.macs[name] == golden.macs


@pytest.mark.exhaustive  # the table of all networks
def test_the_picture_can_be_read(folder):
    picture = imread(folder / "complexity.png")
    assert picture.shape[0] > 600
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05  # not blank
    assert sorted(path.name for path in folder.iterdir()) == ["complexity.csv", "complexity.png"]


def test_a_blob_has_the_area_of_its_parameters(two, monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: _keep(figures, figure, path))
    draw_complexity(two, tmp_path / "two.png")
    (axes,) = figures[0].axes
    blobs = {tuple(blob.get_offsets()[0]): blob for blob in axes.collections if len(blob.get_offsets())}
    small, large = blobs[1, 60], blobs[10, 70]
    assert small.get_sizes() == pytest.approx([5e6 * AREA_PER_PARAMETER])
    assert large.get_sizes() / small.get_sizes() == pytest.approx(28)
    assert small.get_linestyle() != large.get_linestyle()
    assert {text.get_text() for text in axes.texts} == {"small", "large"}


def _keep(figures, figure, path):
    figures.append(figure)
    path.touch()


@pytest.mark.exhaustive  # the table of all networks
def test_names_cover_no_other_name(table, monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: _keep(figures, figure, path))
    draw_complexity(table.reset_index(), tmp_path / "all.png")
    boxes = [text.get_window_extent() for text in figures[0].axes[0].texts]
    assert len(boxes) == len(table)
    for i, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[i + 1 :])


def test_svg_by_suffix(two, tmp_path):
    draw_complexity(two, tmp_path / "two.svg")
    assert "<svg" in (tmp_path / "two.svg").read_text()
    with pytest.raises(UserError, match=r"'\.jpg', allowed: \.png, \.svg"):
        draw_complexity(two, tmp_path / "two.jpg")


def test_the_command_says_where(command, tmp_path):
    code, printed, errors = command("complexity", "alexnet_owt", "resnet18", "--to", tmp_path / "out")
    assert code == 0, errors
    assert "61,100,840" in printed
    assert "torchvision AlexNet_Weights.IMAGENET1K_V1" in printed
    for name in ("complexity.csv", "complexity.png"):
        assert str(tmp_path / "out" / name) in printed
        assert (tmp_path / "out" / name).stat().st_size > 100


def test_what_cannot_be_is_one_line(refused, tmp_path):
    (tmp_path / "file").touch()
    assert "found a file" in refused("complexity", "resnet18", "--to", tmp_path / "file")
    assert "found a file" in refused("complexity", "resnet18", "--to", tmp_path / "file" / "below")
    assert "did you mean 'resnet18'?" in refused("complexity", "resnet_18", "--to", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(kerasnets.complexity(names=["resnet18"]).name) == ["resnet18"]
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="lenet5: no published accuracy"):
        complexity_table(["lenet5"])
