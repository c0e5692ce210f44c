"""Which output of ImageNet's networks is which class."""

import json

import pytest
from places import WEIGHTS, needs_weights

from kerasnets.data.preprocessing.shapes import output_shape
from kerasnets.errors import UserError
from kerasnets.weights.imagenet_classes import OUTPUTS, imagenet_classes, imagenet_outputs
from kerasnets.weights.published_input import TIMM_INCEPTION_RESNET_CROP, TORCHVISION_CROP


def test_outputs_are_in_the_order_of_their_wnids():
    wnids = [wnid for wnid, _ in imagenet_classes()]
    assert len(wnids) == OUTPUTS
    assert wnids == sorted(set(wnids))


@needs_weights
def test_names_are_those_of_the_usual_index():
    index = json.loads((WEIGHTS / "imagenet_class_index.json").read_text())
    assert list(imagenet_classes()) == [
        (wnid, name.replace("_", " ")) for wnid, name in (index[str(place)] for place in range(OUTPUTS))
    ]


def test_classes_are_found_by_wnid_by_name_and_by_number():
    names = [
        "n01440764",
        "n01443537_goldfish",
        "great_white_shark",
        "Shih-Tzu",
        "Cardigan",
        "cardigan",
        "999",
    ]
    assert imagenet_outputs(names, numbers=True) == [0, 1, 2, 155, 264, 474, 999]


@pytest.mark.parametrize(
    ("name", "numbers", "said"),
    [
        ("tenches", True, "'tenches': found none of that name .* did you mean 'tench'"),
        ("n00000001", True, "'n00000001': found none"),
        ("1000", True, "'1000': found none"),
        ("7", False, "'7': found none"),
        ("crane", True, "two classes of that name, allowed: n02012849 and n03126707"),
    ],
)
def test_what_is_no_class_is_refused(name, numbers, said):
    with pytest.raises(UserError, match=said):
        imagenet_outputs(["tench", name], numbers=numbers)


@pytest.mark.parametrize(
    ("crop", "size", "images", "sides"),
    [
        (TORCHVISION_CROP, (224, 224), (None, None), (256, 224)),
        (TORCHVISION_CROP, (299, 299), (None, None), (342, 299)),  # as torchvision's Inception has it
        (TIMM_INCEPTION_RESNET_CROP, (299, 299), (32, 32), (333, 299)),  # 299 / 0.8975
    ],
)
def test_the_centre_is_cut_out_of_the_short_side(crop, size, images, sides):
    resized, cut = crop.steps(size, images)
    assert (resized["short_side"], tuple(cut["size"])) == (sides[0], (sides[1], sides[1]))
    assert output_shape(crop.steps(size, images), (*images, 3)) == (*size, 3)


def test_networks_for_small_images_see_all_of_them():
    assert TORCHVISION_CROP.steps((32, 32), (32, 32)) == []
    (step,) = TORCHVISION_CROP.steps((32, 32), (None, None))
    assert (step["op"], step["size"], step["fit"]) == ("resize", [32, 32], "crop")
