"""`kerasnets new` and `kerasnets train` on folders of real images."""

import re

import numpy as np
import pytest
from PIL import Image
from published_weights import drawn_state
from sweep import sweep

import kerasnets
from kerasnets.recipe import load_recipe

WATCHED = ("update_ratio", "activation_stats", "gradient_stats", "weight_stats")
UNWATCHED = [part for name in WATCHED for part in ("--set", f"diagnostics.{name}_every=0")]


@pytest.fixture(autouse=True)
def nothing_published(monkeypatch, tmp_path):
    """No weights to be had, which is known at once."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("KERASNETS_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def squares(tmp_path):
    """A folder of 24 grey images of 12x12 pixels: bright squares on the left or on the right."""
    draws = np.random.default_rng(0)
    for name, start in (("left", 0), ("right", 6)):
        (tmp_path / "squares" / name).mkdir(parents=True)
        for number in range(12):
            pixels = draws.integers(0, 60, (12, 12), "uint8")
            pixels[3:9, start : start + 6] += 150
            Image.fromarray(pixels).save(tmp_path / "squares" / name / f"{number}.png")
    return tmp_path / "squares"


def test_the_recipe_loads_and_is_what_was_said(command, squares):
    code, printed, errors = command("new", squares)
    assert code == 0, errors
    recipe = load_recipe("squares.toml")
    assert recipe.model.name == "lenet5"
    assert recipe.data.channels == 1
    assert "12x12 pixels, grey" in printed
    assert "network: lenet5 on 32x32x1" in printed
    assert "recipe: squares.toml" in printed
    assert recipe == kerasnets.new_recipe(squares).recipe


def test_training_on_a_folder_is_both_commands_in_one(command, refused, squares, digit_photos, tmp_path):
    code, printed, errors = command("train", squares, "--set", "train.epochs=2", *UNWATCHED)
    assert code == 0, errors
    run = tmp_path / "runs/squares"
    assert (run / "result.json").is_file()
    assert "# Proposed: " in (run / "proposed.toml").read_text()
    kept = load_recipe(run / "recipe.toml")
    assert kept.train.epochs == 2
    assert kept.model.name == "lenet5"
    assert "network: lenet5" in printed
    code, printed, errors = command("train", squares, "--resume")
    assert code == 0, errors
    assert "finished already" in printed
    assert "holds a run on" in refused("train", digit_photos, "--resume", "--run", run)


def test_photos_without_published_weights_say_what_would_help(command, tmp_path, caplog):
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).integers(0, 256, (100, 120, 3), "uint8")
            noise[:, :, "ab".index(name)] = 30 * number
            Image.fromarray(noise).save(tmp_path / "photos" / name / f"{number}.png")
    code, printed, errors = command("new", tmp_path / "photos")
    assert code == 0, errors
    assert "resnet18 on 128x128x3" in printed
    [line] = [record.getMessage() for record in caplog.records if "no published weights" in record.message]
    assert str(tmp_path / "keras/models") in line
    assert "training from nothing" in line
    assert "no published weights" in (tmp_path / "photos.toml").read_text()
    caplog.clear()
    assert command("new", tmp_path / "photos", "--scratch", "--to", "other.toml")[0] == 0
    assert "no published weights" not in caplog.text
    text = (tmp_path / "other.toml").read_text()
    assert "# Train:    kerasnets train other.toml\n" in text
    assert max(map(len, text.splitlines())) < 120 + len(str(tmp_path))


@pytest.mark.parametrize("network", sweep([None, "resnet20"], quick=[None]))
def test_a_table_of_numbers_gets_a_recipe_that_fits_them(command, squares, tmp_path, network):
    places = {file: float(file.parent.name == "right") for file in sorted(squares.rglob("*.png"))}
    rows = [f"{file},{place},{100 * place + 20}" for file, place in places.items()]
    (tmp_path / "places.csv").write_text("\n".join(["path,target_side,target_pixels", *rows]))
    options = ["--network", network] if network else []
    code, printed, errors = command("train", "places.csv", *options, "--set", "train.epochs=1", *UNWATCHED)
    assert code == 0, errors
    assert "to predict side from 0 to 1, pixels from 20 to 120; all 12x12 pixels, grey" in printed
    said = re.search(r"pixels has mean (\S+) and deviation (\S+): a table with \(pixels - \1\) / \2", printed)
    right = (float(said[1]) - 20) / 100  # the share of the training images on the right
    assert float(said[2]) == pytest.approx(100 * (right * (1 - right)) ** 0.5, rel=0.01)
    assert "side has mean" not in printed
    recipe = load_recipe("runs/places/proposed.toml")
    assert (recipe.loss.name, recipe.optimizer.name, recipe.augment) == ("mean_squared_error", "adam", [])
    assert recipe.model.name == (network or "lenet5")
    assert list(kerasnets.Run("runs/places").evaluate().targets.target) == ["side", "pixels"]


def test_mistakes_are_one_line(refused, squares, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one/class").mkdir(parents=True)
    Image.new("L", (12, 12)).save(tmp_path / "one/class/a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "table.csv").write_text("name,age\nx,1\n")
    (tmp_path / "there.toml").write_text("# mine")
    for arguments, said in (
        (["empty"], "empty"),
        (["one"], "one class"),
        (["notes.txt"], "notes.txt: found a file, allowed: a folder of images or a .csv table"),
        (["nowhere"], "nowhere: no such folder or file"),
        (["table.csv"], "table.csv"),
        ([squares, "--network", "lenet6"], "did you mean 'lenet5'"),
        ([squares, "--minutes", "0"], "--minutes: found 0, allowed: above 0"),
        ([squares, "--scratch", "--weights", "a.npz"], "--scratch and --weights"),
        ([squares, "--weights", "a.npz"], "a.npz: no such file"),
        ([squares, "--weights", "imagenet"], "imagenet: of which network?"),
        ([squares, "--to", "there.toml"], "there.toml: exists already"),
        (
            [squares, "--to", "there.toml/x.toml"],
            "there.toml: found a file, allowed: a folder for the recipe",
        ),
    ):
        assert said in refused("new", *arguments), arguments
    assert (tmp_path / "there.toml").read_text() == "# mine"
    assert not (tmp_path / "squares.toml").exists()
    assert "--minutes: found with a recipe" in refused("train", "lenet5-digits", "--minutes", "3")


def test_minutes_too_few_for_an_epoch_are_refused(refused, squares):
    assert "minutes or more" in refused("new", squares, "--minutes", "0.1")


def test_broken_files_are_left_out_by_name_and_too_many_are_refused(command, refused, squares):
    (squares / "left/broken.png").write_bytes((squares / "left/0.png").read_bytes()[:60])
    assert command("new", squares)[0] == 0
    text = (squares.parent / "squares.toml").read_text()
    assert 'truncated = "skip"' in text
    assert "left/broken.png" in text
    for number in range(8):
        (squares / "right" / f"{number}.png").write_bytes(b"")
    assert "of 25 images cannot be used, first" in refused("new", squares, "--to", "x.toml")


@pytest.mark.exhaustive
def test_published_weights_are_the_start(command, squares, tmp_path):
    file = tmp_path / "resnet20-drawn.npz"
    np.savez(file, **drawn_state(kerasnets.build("resnet20")))
    changes = ("--set", "train.phases.0.epochs=1", *UNWATCHED)
    code, _, errors = command("train", squares, "--weights", file, "--run", "run", *changes)
    assert code == 0, errors
    recipe = load_recipe("run/recipe.toml")
    assert (recipe.model.weights, recipe.model.new_head) == (str(file), True)
    trained = kerasnets.Run("run").network
    drawn = np.load(file)["conv1.weight"]
    np.testing.assert_array_equal(trained.get_layer("stem_conv").kernel, drawn.transpose(2, 3, 1, 0))
    assert np.any(trained.get_layer("fc").kernel)
