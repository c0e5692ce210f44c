"""CSV files of images: what they give, and what is said of each mistake."""

import os

import numpy as np
import pytest
from undiagnosed import UNDIAGNOSED

from kerasnets.data.sources.csv_file import read_csv
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError


@pytest.fixture
def table(image_folder):
    """Write a CSV file beside the photos: its lines as arguments."""

    def write(*lines, encoding="utf-8"):
        path = image_folder / "images.csv"
        path.write_bytes("\n".join([*lines, ""]).encode(encoding))
        return path

    return write


def test_rows_become_splits_with_labels_and_weights(table, image_folder):
    path = table(
        "label,path,weight,split,photographer",
        '"nan",digit0/00.png,1,train,me',
        f"007,{image_folder}/digit1/00.png,0.5,train,you",
        "007,digit1/01.png,2,val,",
        '"nan","digit0/01.png",1e-1,test,"a, b"',
    )
    dataset = read_csv(path, 3)
    assert dataset.classes == ("007", "nan"), "names are taken as they are written"
    assert dataset.image_shape == (None, None, 3)
    train = dataset.train
    assert [train.images.path(i) for i in range(2)] == [
        str(image_folder / name) for name in ("digit0/00.png", "digit1/00.png")
    ]
    np.testing.assert_array_equal(train.labels, [1, 0])
    np.testing.assert_array_equal(train.weights, np.array([1, 0.5], "float32"))
    assert [len(split) for split in dataset.splits.values()] == [2, 1, 1]


def test_integer_labels_are_in_the_order_of_their_numbers(table):
    rows = [f"digit0/{number:02}.png,{label}" for number, label in enumerate([10, 9, 10, 2])]
    dataset = read_csv(table("path,label", *rows), 3)
    assert dataset.classes == ("2", "9", "10")
    np.testing.assert_array_equal(dataset.train.labels, [2, 1, 2, 0])
    assert dataset.train.weights is None


def test_labels_without_files_and_files_without_labels_are_findings(table, image_folder):
    rows = [f"digit{label}/{number:02}.png,{label}" for label in (0, 1) for number in range(20)]
    path = table("path,label", *rows[:-1], "digit1/gone.png,1")
    found = {(finding.kind, finding.path) for finding in read_csv(path, 3).findings}
    assert found == {
        ("label_without_file", str(image_folder / "digit1/gone.png")),
        ("file_without_label", str(image_folder / "digit1/19.png")),
    }
    with pytest.raises(UserError, match=r"gone\.png: label_without_file"):
        load_dataset("csv", str(path))
    skipped = load_dataset("csv", str(path), policies={"label_without_file": "skip"}, test=0, validation=0)
    assert len(skipped.train) == 39


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["path,name", "a.png,x"], "row 1: found columns path, name, allowed: path, label .*, split, weight"),
        (["path,label,target_x", "a.png,x,1"], "row 1: found columns label and target_x, allowed: cl"),
        (["path,label,label", "a.png,x,y"], "row 1: found column label twice"),
        (["path,label", "digit0/00.png,"], "row 2, label: found '', allowed: a class name"),
        (["path,label", ",x"], "row 2, path: found '', allowed: a path"),
        (["path,label,split", "a.png,x,tran"], "row 2, split: found 'tran'.*did you mean 'train'"),
        (["path,label,weight", "a.png,x,-1"], "row 2, weight: found '-1', allowed: a number from 0"),
        (["path,label,weight", "a.png,x,nan"], "row 2, weight: found 'nan'"),
        (["path,label", "a.png,x", "./a.png,y"], "row 3, path: .* row 2 names already"),
        (["path,label", "digit0/00.png,x"], "label: found only x, allowed: two classes or more"),
        (["path,label", "a.png,x,7,8"], "row 2: found 4 cells, allowed: 2, as row 1 has"),
        (["path,label", '"a"b,x'], "line 2: not readable as a table"),
        (["path,label", '"a,x'], "line 2: not readable as a table: unexpected end of data"),
        (["path,label,Label", "a.png,x,y"], "row 1: found column label twice, allowed: once"),
        (["path,label", "a\0.png,x"], "row 2, path: found 'a.x00.png', allowed: a path"),
        (["path,label", "gone.png,x", "away.png,y"],
         "row 2, path: found 'gone.png': no such file as /.*gone.png, nor any of the 1 others; allowed: "),
        (["path,label", r"C:\photos\a.png,x"], "row 2, path: found 'C:.*', a path of Windows; allowed: p"),
        (["path,label", "a.png,x", "", "b.png,nan", "c.png,", "d.png,NA"],
         "row 4, label: found 'nan', and in 2 more rows .5, 6., allowed: a class name; a class of that na"),
        (["path,label", *["a.png,None"] * 9], "row 2, label: found 'None', and in 8 more rows .3, 4, 5, 6"),
        ([""], "found an empty file"),
    ],
)  # fmt: skip
def test_mistakes_name_row_and_column(table, lines, said):
    with pytest.raises(UserError, match=rf"images\.csv: .*{said}|images\.csv: {said}") as caught:
        read_csv(table(*lines), 3)
    assert "\n" not in str(caught.value)


ROWS = ["digit0/00.png;0;Käfer", "digit1/00.png;1;x", "digit1/01.png;1;x"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read(table, encoding, separator):
    rows = [row.replace(";", separator) for row in ["Path;LABEL;Note", "", ROWS[0], "", *ROWS[1:], ";;"]]
    dataset = read_csv(table(*(row + "\r" for row in rows), encoding=encoding), 3)
    assert dataset.classes == ("0", "1")
    np.testing.assert_array_equal(dataset.train.labels, [0, 1, 1])
    assert dataset.notes == ()


def test_text_that_is_no_utf8_is_read_as_windows_has_it_and_reported(table, image_folder):
    (image_folder / "digit0/00.png").rename(image_folder / "digit0/Käfer.png")
    path = table("path,label", "digit0/Käfer.png,a", "digit1/00.png,Ärger", encoding="cp1252")
    dataset = read_csv(path, 3)
    assert dataset.classes == ("a", "Ärger")
    assert dataset.train.images.path(0) == str(image_folder / "digit0/Käfer.png")
    said = "not in UTF-8, read as Windows-1252: first in row 2, 'digit0/Käfer.png'"
    assert dataset.notes == (f"{path}: {said}",)
    path.write_bytes(b"path,label\ndigit0/\x81.png,a\n")
    with pytest.raises(UserError, match="found the byte 0x81 in line 2, allowed: text in UTF-8, UTF-16 or W"):
        read_csv(path, 3)


def test_names_of_files_may_be_bytes_that_are_no_text(table, image_folder):
    name = os.fsdecode(b"digit0/K\xe4fer.png")
    (image_folder / "digit0/00.png").rename(image_folder / name)
    path = table("path,label", "digit1/00.png,b")
    path.write_bytes(path.read_bytes() + b"digit0/K\xe4fer.png,a\n")
    dataset = read_csv(path, 3)
    assert dataset.train.images.path(1) == str(image_folder / name)
    assert dataset.notes == ()


def test_names_without_ending_and_with_backslashes_are_found_and_reported(table, image_folder):
    path = table("path,label", "digit0/00,a", r"digit1\00.png,b", r"digit1\01,b", "digit1/02.png,b")
    dataset = read_csv(path, 3)
    found = [dataset.train.images.path(index) for index in range(4)]
    right = ("digit0/00.png", "digit1/00.png", "digit1/01.png", "digit1/02.png")
    assert found == [str(image_folder / name) for name in right]
    turned = r"backslashes taken for the / between folders: 2, first 'digit1\\00.png' in row 3"
    named = "names without ending taken for the images there of that name: 2, first 'digit0/00' in row 2"
    assert dataset.notes == (f"{path}: path: {turned}", f"{path}: path: {named}")
    (image_folder / "digit0/00.jpg").touch()
    with pytest.raises(UserError, match=r"row 2, path: found 'digit0/00', which may be any of 00\.jpg"):
        read_csv(path, 3)


def test_a_name_with_a_backslash_that_is_there_is_taken_as_it_is(table, image_folder):
    (image_folder / r"digit0\00.png").write_bytes((image_folder / "digit1/00.png").read_bytes())
    dataset = read_csv(table("path,label", r"digit0\00.png,a", "digit1/00.png,b"), 3)
    assert dataset.train.images.path(0) == str(image_folder / r"digit0\00.png")
    assert dataset.notes == ()


def test_splits_are_named_as_folders_are(table):
    names = ("Train", "training", "valid", "DEV", "Testing")
    rows = [f"digit{index % 2}/00.png,{index % 2},{name}" for index, name in enumerate(names)]
    rows = [row.replace("00", f"{index:02}") for index, row in enumerate(rows)]
    splits = read_csv(table("path,label,Split", *rows), 3).splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 2, "validation": 2, "test": 1}


def test_the_command_says_how_a_table_was_read(table, tmp_path, command):
    rows = [rf"digit{label}\{number:02};{label}" for label in (0, 1) for number in range(20)]
    path = table("Path;Label", *rows, encoding="utf-16")
    code, output, errors = command("audit", path, "--to", tmp_path)
    assert code == 0, errors
    assert f"{path}: path: backslashes taken for the / between folders: 40, first" in output
    assert f"{path}: path: names without ending taken for the images there of that name: 40, first" in output


def test_a_file_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(UserError, match="no such CSV file"):
        read_csv(tmp_path / "none.csv", 3)


def test_weights_scale_the_loss_of_training(table, tmp_path, command):
    rows = [f"digit{label}/{number:02}.png,{label},0" for label in (0, 1) for number in range(19)]
    path = table("path,label,weight", *rows, "digit0/19.png,0,1", "digit1/19.png,1,1")
    overrides = [
        "data.source=csv", f"data.path={path}", "data.validation=0.0", "data.test=0.0", "train.epochs=1",
        "train.batch_size=40", "augment=[]", "optimizer.learning_rate=0.001", *UNDIAGNOSED,
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    code, output, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert code == 0, errors
    # two of forty images count: the loss of an untrained network, log 2 a piece, is a twentieth
    loss = float(output.split("loss ")[1].split()[0])
    assert 0.2 * np.log(2) / 20 < loss < 5 * np.log(2) / 20
