"""Recipes: resolved, round-tripped, and every mistake said in one line."""

import inspect
import subprocess
import sys
import typing
from importlib.resources import files

import keras
import pytest

from kerasnets.data import preprocessing, sources
from kerasnets.data.augmentation.keras_layers import LAYERS
from kerasnets.data.augmentation.operations import OPERATIONS
from kerasnets.data.crops import CROPS
from kerasnets.errors import UserError
from kerasnets.losses import example_loss
from kerasnets.recipe import changed, load_recipe, recipe_names, schema
from kerasnets.recipe.augmentation import AugmentOp


@pytest.mark.parametrize("name", recipe_names())
def test_resolved_recipe_round_trips_through_toml(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "again.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "again.toml") == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_header_says_source_and_command(name):
    header = (files("kerasnets.recipes") / f"{name}.toml").read_text().split("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert f"kerasnets train {name}" in header


MISTAKES = [
    (
        "optimizer.momentm=0.9",
        "optimizer.momentm: unknown key, allowed: name, learning_rate",
        "did you mean 'momentum'",
    ),
    ("modl.name=lenet5", "modl: unknown key", "did you mean 'model'"),
    ("optimizer.name=sdg", "optimizer: found name = 'sdg', allowed: sgd, adagrad", "did you mean 'sgd'"),
    ("optimizer.learning_rate=-0.1", "optimizer.learning_rate: found -0.1, allowed: greater than 0", ""),
    ("optimizer.learning_rate=fast", "optimizer.learning_rate: found 'fast', allowed: a valid number", ""),
    ("optimizer.learning_rate=nan", "optimizer.learning_rate: found nan, allowed: a finite number", ""),
    ("train.epochs=0", "train.epochs: found 0, allowed: greater than or equal to 1", ""),
    ("train.epochs=2.5", "train.epochs: found 2.5, allowed: a valid integer", ""),
    ("train.epochs=true", "train.epochs: found True, allowed: a valid integer", ""),
    ("data.source=mnits", "data.source: found 'mnits', allowed: 'digits', 'mnist'", "did you mean 'mnist'"),
    ("data.source=tfds:", "or tfds:NAME", ""),
    ("data.path=x.npz", "data: path goes with source", ""),
    ("data.streams=5", "data.streams: found 5, allowed: a divisor of train.batch_size", ""),
    ("data.audit.truncated=fix", "data.audit.truncated: found 'fix', allowed: 'error' or 'skip'", ""),
    ('augment=[{op="mixup"},{op="flip"}]', "augment: mixup comes last", ""),
    ('augment=[{op="flip"},{op="random_resized_crop"}]', "augment: random_resized_crop comes first", ""),
    ('augment=[{op="RandomCrop"}]', "augment.0: RandomCrop changes the size", ""),
    ('preprocess=[{op="resize"}]', "resize takes one of size", ""),
    ('preprocess=[{op="zca"},{op="scale"}]', "zca comes last", ""),
    ("evaluation.views=dens", "evaluation.views: found 'dens'", "did you mean 'dense'"),
    ("data.source=folder", "data: path goes with source", ""),
    ("preprocess.0.op=resise", "preprocess.0: found op = 'resise'", "did you mean 'resize'"),
    ("preprocess.0.size=[32]", "preprocess.0.size: found [32]", ""),
    ("preprocess.7.op=scale", "preprocess.7.op: found '7', allowed: an index below 2", ""),
    ("augment.0.fill=grey", "augment.0.fill: found 'grey', allowed: 'mean' or a valid number", ""),
    (
        'preprocess=[{op="standardize"},{op="resize",size=[9,9]}]',
        "resize, pad and center_crop come before",
        "",
    ),
    ("optimizer=3", "optimizer: found 3, allowed: a table", ""),
    ("schedule.name=step", "schedule.epochs: missing", ""),
    ("train.devices=3", "train: batch_size 32 cannot be shared evenly by 3 devices", ""),
    ("diagnostics.ratio_band=[1e-2,1e-4]", "diagnostics: ratio_band is [low, high]", ""),
    (
        "tune.parameters.optimizer.learning_rate.min=-1",
        "tune.parameters.optimizer.learning_rate: sampling",
        "",
    ),
    ("tune.parameters.optimizer.learning_rate.max=1000", "optimizer.learning_rate: found 1000.0", ""),
    ("optimizer.learning_rate.x=1", "optimizer.learning_rate.x: learning_rate is a value, not a table", ""),
    ("name=../up", "name: found '../up', allowed: a folder's name", ""),
    ("train.epochs", "--set train.epochs: allowed: dotted.key=value", ""),
]


@pytest.mark.parametrize(("override", "said", "hint"), MISTAKES, ids=[mistake[0] for mistake in MISTAKES])
def test_mistakes_name_key_found_and_allowed(override, said, hint):
    with pytest.raises(UserError) as caught:
        load_recipe("lenet5-digits", [override])
    message = str(caught.value)
    assert said in message
    assert hint in message
    assert "\n" not in message
    assert "--set" in message or "lenet5-digits.toml" in message


def test_several_mistakes_are_counted():
    with pytest.raises(UserError, match=r"\(and 1 more\)"):
        load_recipe("lenet5-digits", ["train.epochs=0", "train.batch_size=0"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = [", "not readable as TOML"),
        ('base = "lenet5-digit"', "did you mean 'lenet5-digits'"),
        ('base = "bad.toml"', "leads back to itself"),
        ("base = 3", "base: found 3"),
        ('[model]\nname = "lenet5"', "data: missing"),
    ],
)
def test_files_that_are_no_recipes(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(UserError, match=said):
        load_recipe("./bad.toml")


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'lenet5-mnist'"):
        load_recipe("lenet5-mnits")
    with pytest.raises(UserError, match="no such recipe file"):
        load_recipe("nowhere/x.toml")


def test_base_merges_tables_and_replaces_lists_and_other_kinds(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'base = "lenet5-digits"\naugment = []\n[train]\nepochs = 3\n[optimizer]\nname = "adam"\n'
    )
    recipe, base = load_recipe(tmp_path / "mine.toml"), load_recipe("lenet5-digits")
    assert recipe.name == "mine"
    assert recipe.augment == []
    assert recipe.train.epochs == 3
    assert recipe.train.batch_size == base.train.batch_size
    assert recipe.optimizer == schema.Adam(name="adam")  # no momentum left over from sgd
    assert recipe.preprocess == base.preprocess


def test_overrides_reach_any_key_and_may_change_the_kind():
    recipe = load_recipe(
        "lenet5-digits",
        [
            "optimizer.learning_rate=0.5",
            "optimizer.name=adam",
            "augment.0.padding=3",
            "model.options.pooling=max",
            "data.source=npz",
            "data.path=~/x.npz",
        ],
    )
    assert recipe.optimizer == schema.Adam(name="adam", learning_rate=0.5)
    assert recipe.augment[0].padding == 3
    assert recipe.model.options == {"pooling": "max"}
    assert recipe.data.path.startswith("/")
    assert not recipe.data.path.startswith("/~")
    assert changed(recipe, {"train.epochs": 9}).train.epochs == 9


def test_checking_loads_neither_data_nor_tensorflow():
    code = (
        "import sys\nfrom kerasnets.recipe import load_recipe\nfrom kerasnets.errors import UserError\n"
        "try: load_recipe('lenet5-fashion', ['train.epochs=-1'])\n"
        "except UserError: pass\nelse: sys.exit('accepted')\n"
        "load_recipe('lenet5-fashion')\nassert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _members(annotated):
    return typing.get_args(typing.get_args(annotated)[0])


def _tag(model, key):
    return typing.get_args(model.model_fields[key].annotation)[0]


@pytest.mark.parametrize("model", _members(schema.Optimizer), ids=lambda model: model.__name__)
def test_optimizers_have_keras_keys_and_defaults(model):
    arguments = inspect.signature(getattr(keras.optimizers, model.__name__).__init__).parameters
    for key, field in model.model_fields.items():
        if key != "name":
            assert field.default == arguments[key].default, key
    assert isinstance(keras.optimizers.get(_tag(model, "name")), getattr(keras.optimizers, model.__name__))


def test_the_schema_offers_just_what_is_built():
    published, _ = typing.get_args(schema.Data.model_fields["source"].annotation)
    assert typing.get_args(published) == sources.SOURCES
    spatial = {_tag(model, "op") for model in schema.SPATIAL}
    assert spatial == set(preprocessing.SPATIAL)


def test_every_augmentation_takes_just_the_keys_of_its_table():
    *models, layers = _members(AugmentOp)
    assert typing.get_args(layers.model_fields["op"].annotation) == LAYERS
    tables = {_tag(model, "op"): model for model in models}
    assert set(tables) == {*CROPS, *OPERATIONS}
    for name, model in tables.items():
        function, given = (CROPS[name].windows, 3) if name in CROPS else (OPERATIONS[name].apply, 2)
        given = 4 if name in OPERATIONS and OPERATIONS[name].mixes else given
        options = list(inspect.signature(function).parameters.values())[given:]
        fields = {key: field for key, field in model.model_fields.items() if key != "op"}
        assert {option.name for option in options} == set(fields), name
        for option in options:
            default = fields[option.name].default
            if option.default is not option.empty and default not in ("mean", "training"):
                assert default == (
                    list(option.default) if isinstance(option.default, tuple) else option.default
                )


@pytest.mark.parametrize("model", _members(schema.Loss), ids=lambda model: model.__name__)
def test_every_loss_of_the_schema_is_built(model):
    name = _tag(model, "name")
    loss = example_loss(**model(name=name).model_dump())
    assert type(loss).__name__ == model.__name__
    assert loss([[0.0, 1.0], [1.0, 0.0]], [[3.0, 1.0], [3.0, 1.0]]).shape == (2,)
