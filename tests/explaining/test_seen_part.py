"""Which part of an image the network sees, and where a heat map is laid: against the preprocessing itself."""

import numpy as np
import pytest

from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.explaining.heat_map_files import heat_map_name
from kerasnets.explaining.overlay import LONGEST, SHORTEST, overlaid, picture_of, placed
from kerasnets.explaining.seen_part import Span, seen_part

STEPS = {
    "stretched": [{"op": "resize", "size": [60, 80]}],
    "cropped to fit": [{"op": "resize", "size": [60, 60], "fit": "crop", "method": "bilinear"}],
    "padded to fit": [{"op": "resize", "size": [60, 60], "fit": "pad", "method": "bilinear", "fill": 0}],
    "the centre": [
        {"op": "resize", "short_side": 70, "method": "bilinear"},
        {"op": "center_crop", "size": [60, 60]},
    ],
    "padded": [
        {"op": "resize", "size": [50, 47], "fit": "crop", "method": "bilinear"},
        {"op": "pad", "size": [60, 60], "fill": 0},
    ],
}


def _preprocessing(steps, image_shape=(None, None, 1)):
    filled = [{"method": "bilinear", "fit": "stretch"} | step if "size" in step else step for step in steps]
    return Preprocessing(filled, image_shape)


@pytest.mark.parametrize("shape", [(200, 300), (301, 199), (120, 120), (60, 1300)])
@pytest.mark.parametrize("name", STEPS)
def test_a_bright_spot_lies_where_the_seen_part_says(name, shape):
    preprocessing = _preprocessing(STEPS[name])
    height, width = shape
    parts = seen_part(preprocessing, *shape)
    inside = [(max(0, part.start), min(1, part.start + part.length)) for part in parts]  # without padding
    spot = [(low + 0.45 * (high - low)) * side for (low, high), side in zip(inside, shape, strict=True)]
    image = np.zeros((1, height, width, 1), "uint8")
    reach = [
        max(2, round((high - low) * side * 0.05)) for (low, high), side in zip(inside, shape, strict=True)
    ]
    slices = tuple(
        slice(round(centre) - half, round(centre) + half) for centre, half in zip(spot, reach, strict=True)
    )
    image[0][slices] = 255
    seen = preprocessing.spatial(image).numpy()[0, :, :, 0]
    assert seen.sum()
    for axis, (span, centre, side) in enumerate(zip(parts, map(round, spot), shape, strict=True)):
        profile = seen.sum(1 - axis)
        found = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
        expected = (centre / side - span.start) / span.length * len(profile)
        assert found == pytest.approx(expected, abs=0.6), (axis, span)


def test_images_of_one_training_size_are_stretched_to_it_first():
    preprocessing = _preprocessing([{"op": "center_crop", "size": [20, 20]}], (40, 80, 1))
    assert seen_part(preprocessing, 500, 500) == (Span(0.25, 0.5), Span(0.375, 0.25))


def test_heat_is_placed_on_what_was_seen():
    heat = np.zeros((4, 4))
    heat[1, 2] = 1
    laid = placed(heat, (Span(0.0, 1.0), Span(0.25, 0.5)), (40, 80))
    assert np.isnan(laid[:, :20]).all()
    assert np.isnan(laid[:, 60:]).all()
    assert np.isfinite(laid[:, 20:60]).all()
    assert np.unravel_index(np.nanargmax(laid), laid.shape) in [(14, 44), (15, 45), (14, 45), (15, 44)]
    # with padding the map reaches over the image
    assert np.isfinite(placed(heat, (Span(-0.5, 2.0), Span(0.0, 1.0)), (40, 80))).all()


def test_pictures_are_neither_tiny_nor_huge_and_the_heat_is_drawn_where_it_is():
    for shape, side in (
        ((8, 4, 1), SHORTEST),
        ((300, 400, 3), 400),
        ((1500, 3000, 3), LONGEST),
        ((1, 5000, 3), LONGEST),
    ):
        picture = picture_of(np.full(shape, 100, "uint8"))
        assert (max(picture.shape[:2]), picture.shape[2]) == (side, 3)
        assert (picture == 100).all()
    picture = np.full((2, 3, 3), 100, "uint8")
    drawn = overlaid(picture, [np.array([[0, 1, np.nan]] * 2), np.array([[0, 1, np.nan]] * 2)])
    assert drawn[0, 0].tolist() == [100, 100, 100]
    assert np.abs(drawn[0, 1].astype(int) - 100).max() > 20
    assert drawn[0, 2].tolist() == [50, 50, 50]
    half = overlaid(picture, [np.array([[0.0, 1, 1]] * 2), np.array([[0.0, 0, np.nan]] * 2)])
    assert (half[0, 2] == drawn[0, 1]).all(), "the mean of those that saw it"
    assert (half[0, 1] != drawn[0, 1]).any()


def test_names_of_heat_maps_cannot_collide_and_fit_any_disk():
    names = {
        heat_map_name(number, name) for number, name in enumerate(["a/x.jpg", "b/x.jpg", "x.png", "x", ""], 1)
    }
    assert names == {"00001-x.png", "00002-x.png", "00003-x.png", "00004-x.png", "00005.png"}
    assert heat_map_name(7, "/tmp/a b\n\udcff*.jpg") == "00007-a_b___.png"
    assert len(heat_map_name(123456, "🐝" * 300 + ".jpg").encode()) < 200
