"""What a recipe asks of its network is refused before any image is looked at."""

import pytest
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.sources import load
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe

PHOTOS = ("data.source=folder", "train.batch_size=8", "augment=[]", *UNDIAGNOSED)
RESIZED = 'preprocess=[{op="resize", size=[32, 32]}]'
MISTAKES = {
    "no resize": (["preprocess=[]"], "preprocess: images of this source differ in size: add a resize step"),
    "too small": (['preprocess=[{op="resize", size=[4, 4]}]'], "model: lenet5 cannot be built with"),
    "freeze": ([RESIZED, "model.freeze=c33"], "model.freeze: found no layer 'c33', .* did you mean 'c3'"),
    "all frozen": ([RESIZED, "model.freeze=output"], "model.freeze: found 'output', allowed: a layer with"),
    "option": ([RESIZED, "model.options.poling=max"], "model.options: lenet5 has no option 'poling'"),
    "option's value": ([RESIZED, "model.options.pooling=median"], "model: lenet5 cannot be built with"),
    "class weights": ([RESIZED, "loss.class_weights=[1, 2]"], "loss.class_weights: found 2 numbers"),
    "targets": ([RESIZED, "train.monitor=mean_absolute_error"], "train.monitor: found 'mean_absolute_error'"),
    "no validation": (
        [RESIZED, "data.validation=0", "train.monitor=val_loss"],
        "train.monitor: found 'val_loss', allowed: loss, accuracy; data.validation sets images apart",
    ),
    "no run": ([RESIZED, "initialization.from_run=nowhere"], "initialization.from_run: .*no run here"),
    "augmentation": ([RESIZED, 'augment=[{op="RandomShear", foo=1}]'], "augment: RandomShear: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_nothing_is_audited_for_a_recipe_that_cannot_be_trained(image_folder, tmp_path, monkeypatch, mistake):
    overrides, said = MISTAKES[mistake]

    def audited(*_, **__):
        raise AssertionError("images were looked at")

    monkeypatch.setattr(load, "audit", audited)
    recipe = load_recipe("lenet5-digits", [*PHOTOS, f"data.path={image_folder}", *overrides])
    with pytest.raises(UserError, match=said) as refusal:
        kerasnets.train(recipe, tmp_path / "run")
    assert str(refusal.value).startswith(recipe.origin)
    assert not (tmp_path / "run").exists()


def test_classes_that_the_audit_leaves_out_have_no_logits(image_folder, tmp_path):
    for photo in sorted((image_folder / "digit2").iterdir())[1:]:
        photo.unlink()
    overrides = ["data.audit.one_image_class=skip", "loss.class_weights=[1, 2]", "train.epochs=1"]
    recipe = load_recipe("lenet5-digits", [*PHOTOS, RESIZED, f"data.path={image_folder}", *overrides])
    run = kerasnets.train(recipe, tmp_path / "run")
    assert kerasnets.evaluate(run).classes["class"].tolist() == ["digit0", "digit1"]


MONITORS = ["mean_absolute_error", "val_mean_absolute_error"]


@pytest.mark.parametrize("monitor", sweep(MONITORS, quick=MONITORS[1:]))
def test_numeric_targets_are_judged_by_what_the_refusal_names(tmp_path, monitor):
    import numpy as np

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, 8, 8, 1)).astype("uint8")
    np.savez(tmp_path / "d.npz", x_train=images, y_train=images.mean((1, 2, 3), keepdims=True)[:, :, 0, 0])
    overrides = [
        "data.source=npz", f"data.path={tmp_path / 'd.npz'}", "loss.name=mean_absolute_error",
        "train.batch_size=8", "augment=[]", RESIZED, "train.epochs=2", "schedule.name=plateau",
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"schedule\.monitor: found 'val_accuracy', allowed: .*" + monitor):
        kerasnets.train(load_recipe("lenet5-digits", overrides), tmp_path / "run")
    asked = [f"{table}.monitor={monitor}" for table in ("train", "schedule")]
    kerasnets.train(load_recipe("lenet5-digits", [*overrides, *asked]), tmp_path / "run")


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_place_that_cannot_hold_a_run_is_refused_at_once(image_folder, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setattr(load, "audit", None)
    recipe = load_recipe("lenet5-digits", [*PHOTOS, RESIZED, f"data.path={image_folder}"])
    with pytest.raises(UserError, match=r"/file: found a file, allowed: a folder for the run"):
        kerasnets.train(recipe, tmp_path / place)
