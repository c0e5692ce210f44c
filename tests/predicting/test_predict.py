"""What finished runs say of many images: alike in any batch, streamed, written, explained."""

import csv
import io
import itertools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kerasnets
from kerasnets import terminal
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.inference.views import averaged_predictions
from kerasnets.predicting import prediction_files
from kerasnets.predicting.predictor import AT_ONCE
from kerasnets.runs.trained_run import open_run


@pytest.fixture(scope="module")
def digits():
    """75 digits at sizes that differ: two batches and a part of one."""
    images = load_dataset("digits").test.images[:75]
    sizes = [(32 + index % 5, 32 + index % 7) for index in range(75)]
    return [
        tf.image.resize(image, size).numpy().astype("uint8")
        for image, size in zip(images, sizes, strict=True)
    ]


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for index, image in enumerate(digits):
        Image.fromarray(image[..., 0]).save(folder / f"{index:02}.png")
    return folder


def _probabilities(run, images):
    """Return the classes' probabilities of each image alone, float64 (N, classes)."""
    member = open_run(run, "test")
    logits = [member.network(member.preprocessing(image[None])).numpy()[0] for image in images]
    powers = np.exp(np.array(logits, "float64"))
    return powers / powers.sum(1, keepdims=True)


def test_images_are_predicted_in_batches_as_one_by_one(default_run, folder, digits):
    assert len(digits) > 2 * AT_ONCE
    table = kerasnets.predict(default_run, folder, top=10)
    right = _probabilities(default_run, digits)
    found = np.zeros_like(right)
    found[np.repeat(np.arange(75), 10), table.label.astype(int)] = table.probability
    assert table.image.tolist() == [str(folder / f"{index:02}.png") for index in range(75) for _ in range(10)]
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-9)
    alone = [kerasnets.predict(default_run, folder / f"{index:02}.png", top=1) for index in (0, 40, 74)]
    together = table[table["rank"] == 1].iloc[[0, 40, 74]]
    assert [each.label[0] for each in alone] == together.label.tolist()
    np.testing.assert_allclose([each.probability[0] for each in alone], together.probability, rtol=1e-6)


def test_arrays_are_predicted_as_their_files_are(default_run, folder, digits):
    files = kerasnets.predict(default_run, folder, top=2)
    arrays = kerasnets.predict(default_run, digits, top=2)
    assert arrays.image.tolist() == [index for index in range(75) for _ in range(2)]
    assert arrays.drop(columns="image").equals(files.drop(columns="image"))
    stacked = np.stack(digits[::35])
    assert kerasnets.predict(default_run, stacked).shape == (9, 4)
    assert kerasnets.predict(default_run, digits[0]).image.tolist() == [0, 0, 0]
    with pytest.raises(
        UserError, match=r"^0: unreadable: found float64 \(32, 32, 1\), allowed: uint8 \(height"
    ):
        kerasnets.predict(default_run, digits[0] / 255)


def test_predicting_in_a_loop_warns_of_nothing(default_run, digits, tmp_path, caplog):
    """TensorFlow warns of the fifth trace of one line of code."""
    for time in range(5):
        kerasnets.predict(default_run, digits[:1], explain=tmp_path / str(time))
        kerasnets.predict(default_run, digits[:1], views="ten_crop", short_sides=[36])
    assert caplog.messages == []


def test_views_are_averaged(default_run, folder, digits):
    table = kerasnets.predict(default_run, folder, top=10, views="ten_crop", short_sides=[36, 40])
    member = open_run(default_run, "test")
    right = averaged_predictions(
        member.network, member.preprocessing, lambda: digits, views="ten_crop", short_sides=[36, 40]
    )
    found = np.zeros_like(right)
    found[np.repeat(np.arange(75), 10), table.label.astype(int)] = table.probability
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-9)
    with pytest.raises(UserError, match=r"evaluation.views: found 'ten_crops', allowed: .*; did you mean"):
        kerasnets.predict(default_run, folder, views="ten_crops")


def test_images_are_read_when_their_predictions_are_asked_for(default_run, folder):
    endless = (folder / f"{index % 75:02}.png" for index in itertools.count())
    first = list(itertools.islice(kerasnets.predict_each(default_run, endless), 3))
    assert [each.image for each in first] == [str(folder / f"{index:02}.png") for index in range(3)]
    assert next(endless).name == f"{AT_ONCE:02}.png", "no more than a batch was read"


@pytest.fixture
def mixed(folder, tmp_path):
    """A good image among a broken one, a missing one, an empty folder, and names that need care."""
    good = (folder / "00.png").read_bytes()
    for name in ("=1+2.png", "a,b.png", "x/y.png", "z/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(good)
    (tmp_path / "half.png").write_bytes(good[:60])
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_csv_and_json_lines_say_the_same(default_run, mixed, monkeypatch, command):
    monkeypatch.chdir(mixed)
    asked = (default_run, "=1+2.png", "a,b.png", "half.png", "empty", "none.png", "x", "--top", 2)
    code, printed, errors = command("predict", *asked)
    assert code == 3
    table = kerasnets.predict(default_run, [*map(str, asked[1:-2])], top=2)
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [row["image"] for row in rows] == ["'=1+2.png"] * 2 + ["a,b.png"] * 2 + ["x/y.png"] * 2
    assert [float(row["probability"]) for row in rows] == table.probability.tolist()
    assert [(int(row["rank"]), row["label"]) for row in rows] == list(
        zip(table["rank"], table.label, strict=True)
    )
    assert errors.endswith("kerasnets: 3 of 6 images were refused; the others are predicted\n")
    code, printed, _ = command("predict", *asked, "--json")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 3
    assert [line["image"] for line in lines] == [
        "=1+2.png",
        "a,b.png",
        "half.png",
        "empty",
        "none.png",
        "x/y.png",
    ]
    assert [set(line) for line in lines] == [
        {"image", "refused" if index in (2, 3, 4) else "predictions"} for index in range(6)
    ]
    assert lines[2]["refused"].startswith("truncated: ")
    assert lines[3]["refused"] == "unreadable: found no image in this folder"
    assert lines[4]["refused"] == "unreadable: no such file"
    assert lines[5]["predictions"] == table[["rank", "label", "probability"]].tail(2).to_dict("records")
    assert table.attrs["refused"] == {line["image"]: line["refused"] for line in lines if "refused" in line}


def test_a_file_of_predictions_appears_whole_or_not_at_all(default_run, mixed, command, refused, monkeypatch):
    code, printed, errors = command("predict", default_run, mixed / "x", "--to", mixed / "new" / "all.csv")
    assert (code, printed) == (0, ""), errors
    _, printed, _ = command("predict", default_run, mixed / "x")
    assert (mixed / "new" / "all.csv").read_text() == printed
    command("predict", default_run, mixed / "x", mixed / "half.png", "--to", mixed / "all.jsonl")
    assert [len(json.loads(line)) for line in (mixed / "all.jsonl").read_text().splitlines()] == [2, 2]
    before = (mixed / "all.jsonl").read_bytes()
    for image, said in (("half.png", "truncated: "), ("empty", "unreadable: found no image in this folder")):
        code, _, errors = command("predict", default_run, mixed / image, "--to", mixed / "all.jsonl")
        assert code == 2
        assert f"kerasnets: {mixed / image}: {said}" in errors
        assert errors.endswith("; no image is left to predict\n")
    assert (mixed / "all.jsonl").read_bytes() == before

    def full(stream):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(prediction_files.WRITERS, ".jsonl", full)
    assert command("predict", default_run, mixed / "x", "--to", mixed / "all.jsonl")[0] == 1
    assert (mixed / "all.jsonl").read_bytes() == before
    assert not list(mixed.glob(".*"))
    said = refused("predict", default_run, mixed / "x", "--to", mixed / "all.txt")
    assert "all.txt: found the ending '.txt', allowed: .csv or .jsonl" in said
    assert "found no image, allowed: runs, then images" in refused("predict", default_run)
    assert "--to FILE.jsonl writes JSON lines" in refused(
        "predict", default_run, mixed / "x", "--json", "--to", mixed / "all.csv"
    )


def test_several_runs_patterns_and_paths_on_standard_input(
    default_run, run_copy, mixed, command, monkeypatch
):
    monkeypatch.chdir(mixed)
    odd = b"new\nline \xff.png"
    with open(odd, "wb") as file:
        file.write((mixed / "x" / "y.png").read_bytes())
    listed = {b"x/y.png\0" + odd + b"\0": "\0", b"x/y.png\r\n\nz\n": "\n"}
    images = []
    for written in listed:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written)))
        code, printed, errors = command(
            "predict", default_run, run_copy, "[xz]/*.png", "-", "--json", "--top", 1
        )
        assert code == 0, errors
        images.append([json.loads(line)["image"] for line in printed.splitlines()])
    assert images == [
        ["x/y.png", "z/y.png", "x/y.png", "new\nline \udcff.png"],
        ["x/y.png", "z/y.png", "x/y.png", "z/y.png"],
    ]


def test_a_person_sees_a_line_an_image_and_the_progress(default_run, folder, command, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda stream: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    code, printed, errors = command("predict", default_run, folder, "--top", 2)
    assert code == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in printed.splitlines()]
    table = kerasnets.predict(default_run, folder, top=2)
    (label, second), (most, less) = table.label[:2], table.probability[:2]
    assert lines[0] == f"{folder / '00.png'}  {label} {most:.4f}  {second} {less:.4f}"
    assert len(lines) == 75
    assert re.findall(r"predicted (\d+ of \d+)", errors) == ["32 of 75", "64 of 75"]
    assert errors.rstrip(" ").endswith("\r"), "nothing of it is left"


def test_heat_maps_are_written_beside_predictions(default_run, mixed, command):
    asked = (default_run, mixed / "x", mixed / "half.png", mixed / "z", mixed / "x")
    code, printed, errors = command("predict", *asked, "--top", 2, "--explain", mixed / "maps")
    assert code == 3, errors
    rows = list(csv.DictReader(io.StringIO(printed)))
    names = [f"0000{number}-y.png" for number in (1, 3, 4)]
    assert sorted(path.name for path in (mixed / "maps").iterdir()) == names
    assert [row["heat_map"] for row in rows] == [
        str(mixed / "maps" / name) for name in names for _ in range(2)
    ]
    first, second, again = (np.asarray(Image.open(mixed / "maps" / name)).astype(int) for name in names)
    assert first.shape == (256, 256, 3)
    assert (first == second).all()
    assert (first == again).all()
    assert np.ptp(first, axis=2).max() > 50, "colours over a grey image"
    table = kerasnets.predict(default_run, mixed / "x", explain=mixed / "sharper", explain_method="layer_cam")
    sharper = np.asarray(Image.open(table.heat_map[0])).astype(int)
    assert (sharper != first).any()
    with pytest.raises(UserError, match=r"half.png: found a file, allowed: a folder for the heat maps"):
        kerasnets.predict(default_run, mixed / "x", explain=mixed / "half.png")


def test_the_command_loads_tensorflow_only_when_the_process_is_prepared_for_it():
    code = (
        "import sys, kerasnets.cli.predicting, kerasnets.predicting.prediction_files as files;"
        "import kerasnets.predicting.named_images, kerasnets.runs.directory;"
        "assert not {'keras', 'tensorflow'} & set(sys.modules), files"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
