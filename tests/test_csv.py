"""CSV files of images: what they give, and what is said of each mistake."""

import numpy as np
import pytest

from kerasnets.data.csv_file import read_csv
from kerasnets.data.sources import load_dataset
from kerasnets.errors import UserError


@pytest.fixture
def table(image_folder):
    """Write a CSV file beside the photos: its lines as arguments."""

    def write(*lines):
        path = image_folder / "images.csv"
        path.write_bytes("\n".join(lines).encode() + b"\n")
        return path

    return write


def test_rows_become_splits_with_labels_and_weights(table, image_folder):
    path = table(
        "label,path,weight,split,photographer",
        "nan,digit0/00.png,1,train,me",
        f"007,{image_folder}/digit1/00.png,0.5,train,you",
        "007,digit1/01.png,2,val,",
        'nan,"digit0/01.png",1e-1,test,"a, b"',
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
        (["path,label", "a.png,x,7,8"], "not readable as a CSV file"),
    ],
)  # fmt: skip
def test_mistakes_name_row_and_column(table, lines, said):
    with pytest.raises(UserError, match=rf"images\.csv: .*{said}|images\.csv: {said}") as caught:
        read_csv(table(*lines), 3)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="no such CSV file"):
        read_csv(tmp_path / "none.csv", 3)


def test_weights_scale_the_loss_of_training(table, tmp_path, command):
    rows = [f"digit{label}/{number:02}.png,{label},0" for label in (0, 1) for number in range(19)]
    path = table("path,label,weight", *rows, "digit0/19.png,0,1", "digit1/19.png,1,1")
    overrides = [
        "data.source=csv", f"data.path={path}", "data.validation=0.0", "data.test=0.0", "train.epochs=1",
        "train.batch_size=40", "augment=[]", "optimizer.learning_rate=0.001",
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    code, output, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert code == 0, errors
    # two of forty images count: the loss of an untrained network, log 2 a piece, is a twentieth
    loss = float(output.split("loss ")[1].split()[0])
    assert 0.2 * np.log(2) / 20 < loss < 5 * np.log(2) / 20
