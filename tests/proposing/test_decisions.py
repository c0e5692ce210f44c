"""What a proposal decides, by the facts it is given: no image is read, nothing is trained."""

import tomllib
from dataclasses import replace

import pytest

from kerasnets.errors import UserError
from kerasnets.proposing.facts import DataFacts, MachineFacts, Noticed
from kerasnets.proposing.networks import choose_network, searched_networks, wants_weights
from kerasnets.proposing.pace import Pace, within
from kerasnets.proposing.plan import make_plan
from kerasnets.proposing.proposal import write_down
from kerasnets.weights.availability import PublishedWeights
from kerasnets.weights.published_input import CAFFE

PHOTOS = DataFacts(
    source="folder",
    path="/photos",
    name="photos",
    images={"train": 244, "validation": 153},
    drawn=(),
    classes={"ants": 123, "bees": 121},
    height=375,
    width=500,
    one_size=False,
    grey=False,
)
DIGITS = replace(
    PHOTOS,
    images={"train": 48_000, "validation": 6_000, "test": 10_000},
    drawn=("validation",),
    classes={str(digit): 4800 for digit in range(10)},
    height=28,
    width=28,
    one_size=True,
    grey=True,
)
LAPTOP = MachineFacts("1 CPU", gpus=0)
SERVER = replace(LAPTOP, text="1 GPU", gpus=1)
GOOGLENET = PublishedWeights(
    network="googlenet", options={}, file="/weights/googlenet.npz", values=CAFFE, place="a file"
)


def proposed(data, machine=LAPTOP, weights=None, **asked):
    """Return the tables of what is proposed, and its text."""
    chosen = choose_network(data, machine, weights, **asked)
    proposal = write_down(make_plan(data, machine, chosen), command="kerasnets new photos")
    assert proposal.recipe.tables().items() >= {"name": data.name}.items()
    return tomllib.loads(proposal.text), proposal


@pytest.mark.parametrize(
    ("height", "width", "grey", "machine", "network", "shape"),
    [
        (28, 28, True, LAPTOP, "lenet5", (32, 32, 1)),
        (8, 8, True, LAPTOP, "lenet5", (32, 32, 1)),
        (32, 32, False, SERVER, "resnet20", (32, 32, 3)),
        (64, 80, True, LAPTOP, "resnet20", (64, 64, 1)),
        (375, 500, False, LAPTOP, "resnet18", (128, 128, 3)),
        (375, 500, True, SERVER, "resnet18", (224, 224, 1)),
    ],
)
def test_the_network_follows_size_colour_and_machine(height, width, grey, machine, network, shape):
    chosen = choose_network(replace(PHOTOS, height=height, width=width, grey=grey), machine)
    assert (chosen.name, (chosen.size, chosen.size, chosen.channels)) == (network, shape)


def test_published_weights_bring_network_input_and_preprocessing():
    tables, proposal = proposed(PHOTOS, weights=GOOGLENET)
    assert tables["model"]["name"] == "googlenet"
    assert tables["model"]["weights"] == "/weights/googlenet.npz"
    assert tables["model"]["new_head"] is True
    assert tables["preprocess"] == [
        {"op": "resize", "short_side": 256},
        {"op": "center_crop", "size": [224, 224]},
        {"op": "bgr"},
        {"op": "subtract_mean", "mean": [104.0, 117.0, 123.0]},
    ]
    assert "channels" not in tables["data"]
    assert "from published weights" in proposal.recipe.description


def test_published_weights_are_trained_in_two_phases():
    tables, proposal = proposed(PHOTOS, weights=GOOGLENET)
    assert tables["initialization"] == {"kernel": "zeros"}
    assert tables["train"]["phases"] == [
        {"epochs": 30, "trainable": ["fc"], "augment": False},
        {"epochs": 5, "trainable": ["inception5*", "fc"], "learning_rate": 1e-5},
    ]
    assert proposal.recipe.train.epochs == 35
    tables, _ = proposed(replace(PHOTOS, images={"train": 5000}), weights=GOOGLENET)
    assert tables["train"]["phases"][1]["learning_rate"] == 3e-5
    vgg = replace(GOOGLENET, network="vgg16")
    tables, _ = proposed(PHOTOS, weights=vgg)
    assert [phase["trainable"] for phase in tables["train"]["phases"]] == [["fc8"]]


@pytest.mark.parametrize(
    ("network", "size", "short_side"),
    [("inception_v3", 299, 342), ("resnet50", 224, 256), ("resnet20", 32, None)],
)
def test_published_weights_get_the_input_that_they_were_measured_on(network, size, short_side):
    tables, _ = proposed(PHOTOS, weights=replace(GOOGLENET, network=network))
    first, second = tables["preprocess"][:2]
    if short_side:
        assert (first, second) == (
            {"op": "resize", "short_side": short_side},
            {"op": "center_crop", "size": [size, size]},
        )
    else:
        assert first == {"op": "resize", "size": [size, size], "fit": "crop"}


@pytest.mark.parametrize(
    ("counts", "loss", "sampling"),
    [((100, 40), None, None), ((120, 40), "balanced", None), ((1000, 100), None, "balanced")],
)
def test_small_classes_count_more_or_come_more_often(counts, loss, sampling):
    tables, _ = proposed(replace(PHOTOS, classes=dict(zip(("ants", "bees"), counts, strict=True))))
    assert tables.get("loss", {}).get("class_weights") == loss
    assert tables["data"].get("sampling") == sampling


def test_photos_want_weights_and_small_images_do_not():
    assert wants_weights(PHOTOS)
    assert not wants_weights(DIGITS)
    assert searched_networks(LAPTOP)[0] == "googlenet"
    assert searched_networks(SERVER)[0] == "resnet50"


def test_digits_are_read_without_colour_and_not_mirrored():
    tables, _ = proposed(DIGITS)
    assert tables["data"] == {"source": "folder", "path": "/photos", "channels": 1, "validation": 0.1}
    assert tables["preprocess"] == [{"op": "resize", "size": [32, 32]}, {"op": "standardize"}]
    assert [each["op"] for each in tables["augment"]] == ["pad_crop"]
    assert tables["optimizer"] == {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
    assert tables["train"] == {"epochs": 12, "batch_size": 128}


def test_rates_follow_the_batch_and_epochs_the_number_of_images():
    tables, _ = proposed(replace(DIGITS, height=32, width=32, grey=False))
    assert (tables["optimizer"]["learning_rate"], tables["train"]["epochs"]) == (0.1, 42)
    tables, _ = proposed(PHOTOS)
    assert (tables["optimizer"]["learning_rate"], tables["train"]["epochs"]) == (0.025, 100)
    assert tables["train"]["batch_size"] == 32


def test_a_batch_is_never_more_than_a_quarter_of_the_images():
    tables, _ = proposed(replace(PHOTOS, images={"train": 20}, classes={"a": 10, "b": 10}))
    assert tables["train"]["batch_size"] == 4
    assert tables["data"]["validation"] == tables["data"]["test"] == 0.0


def test_validation_images_without_test_images_are_all_there_is():
    tables, proposal = proposed(PHOTOS)
    assert tables["data"] == {"source": "folder", "path": "/photos", "test": 0.0}
    assert "244 train, 153 validation" in proposal.text


def test_a_network_asked_for_is_taken_and_another_name_refused():
    tables, _ = proposed(PHOTOS, asked="alexnet")
    assert tables["model"] == {"name": "alexnet"}
    assert tables["preprocess"][1] == {"op": "center_crop", "size": [227, 227]}
    assert tables["optimizer"]["learning_rate"] == 0.005
    with pytest.raises(UserError, match="did you mean 'resnet18'"):
        choose_network(PHOTOS, LAPTOP, asked="resnet19")


def test_what_the_audit_found_is_left_out_or_to_be_looked_at():
    data = replace(
        PHOTOS,
        refused=(Noticed("truncated", 2, "ants/a.jpg: 12 bytes are missing"),),
        doubtful=(Noticed("duplicate_across_splits", 1, "bees/b.jpg: same bytes as bees/c.jpg"),),
        odd=(Noticed("odd_format", 1, "ants/no\nimage.gif: the only GIF"),),
    )
    tables, proposal = proposed(data)
    assert tables["data"]["audit"] == {"truncated": "skip", "duplicate_across_splits": "skip"}
    assert '# odd_format = "skip"' in proposal.text
    assert r"ants/no\nimage.gif: the only GIF" in proposal.text


def test_names_that_toml_must_escape_survive():
    data = replace(PHOTOS, path='/a "b"\\c\té😀', classes={'x"\n# y': 4, "\x7f": 5}, images={"train": 9})
    tables, proposal = proposed(data)
    assert tables["data"]["path"] == '/a "b"\\c\té😀'
    assert r'x"\n# y 4, \x7f 5' in proposal.text


def test_minutes_bound_the_epochs_and_too_few_are_refused():
    plan = make_plan(PHOTOS, LAPTOP, choose_network(PHOTOS, LAPTOP))
    pace = Pace(step=2.0, epoch=20.0)
    bounded = within(plan, 10, pace)
    assert bounded.epochs == 24  # 0.85 (600 - 30) / 20
    assert "a step takes 2 seconds here" in write_down(bounded, command="kerasnets new").text
    assert within(plan, 1000, pace) == plan
    with pytest.raises(UserError, match=r"--minutes 0\.5: .*allowed: 0\.9 minutes or more"):
        within(plan, 0.5, pace)
