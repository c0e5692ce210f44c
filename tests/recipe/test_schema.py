"""The schema has just the keys, and the defaults, of what it describes."""

import inspect
import typing

import keras
import pytest

from kerasnets.catalog.keras_layers import LAYERS
from kerasnets.catalog.sources import SOURCES
from kerasnets.data.augmentation.crops import CROPS
from kerasnets.data.augmentation.operations import OPERATIONS
from kerasnets.data.preprocessing import steps
from kerasnets.losses import LOSSES
from kerasnets.optimizers import OPTIMIZERS
from kerasnets.recipe import schema
from kerasnets.recipe.augment.operations import AugmentOp
from kerasnets.recipe.tables.loss import OF_TRAINING
from kerasnets.schedules import FACTORS, PLATEAU


def _members(annotated):
    return typing.get_args(typing.get_args(annotated)[0])


def _tag(model, key):
    return typing.get_args(model.model_fields[key].annotation)[0]


@pytest.mark.parametrize("model", _members(schema.Optimizer), ids=lambda model: model.__name__)
def test_optimizers_have_keras_keys_and_defaults(model):
    assert OPTIMIZERS[_tag(model, "name")] is getattr(keras.optimizers, model.__name__)
    arguments = inspect.signature(getattr(keras.optimizers, model.__name__).__init__).parameters
    for key, field in model.model_fields.items():
        if key != "name":
            assert field.default == arguments[key].default, key
    elsewhere = {
        "self", "kwargs", "weight_decay",  # in [regularization]
        "loss_scale_factor", "gradient_accumulation_steps", "ema_overwrite_frequency",  # the training step's
    }  # fmt: skip
    assert set(arguments) - set(model.model_fields) == elsewhere


def test_the_schema_has_every_optimizer_loss_and_schedule():
    for union, there in ((schema.Optimizer, OPTIMIZERS), (schema.Loss, LOSSES), (schema.Schedule, FACTORS)):
        assert {_tag(model, "name") for model in _members(union)} == set(there)


def _own_arguments(function, given):
    """Return default by name of the arguments that a function has after the first `given`."""
    arguments = list(inspect.signature(function).parameters.values())[given:]
    return {each.name: each.default for each in arguments}


def _same_keys(own, fields):
    """Check that arguments and keys have the same names, and the same defaults where both have one."""
    assert set(own) == set(fields)
    for key, default in own.items():
        assert default in (inspect.Parameter.empty, fields[key].default), key
        assert (default is inspect.Parameter.empty) == fields[key].is_required(), key


@pytest.mark.parametrize("model", _members(schema.Schedule), ids=lambda model: model.__name__)
def test_schedules_take_just_the_keys_of_their_tables(model):
    name = _tag(model, "name")
    own = _own_arguments(FACTORS[name], 1) | (PLATEAU if name == "plateau" else {})
    shared = {"name", "warmup_epochs", "warmup_error", "warmup_factor"}
    _same_keys(own, {key: field for key, field in model.model_fields.items() if key not in shared})


@pytest.mark.parametrize("model", _members(schema.Loss), ids=lambda model: model.__name__)
def test_losses_take_just_the_keys_of_their_tables(model):
    name = _tag(model, "name")
    keys = {key: field for key, field in model.model_fields.items() if key not in OF_TRAINING | {"name"}}
    own = _own_arguments(LOSSES[name], 2)
    if name == "hierarchical_softmax":
        own.pop("label_smoothing")  # of a tree's leaves it would not be the same on all levels
    _same_keys(own, keys)
    needed = {key: "x" for key, field in model.model_fields.items() if field.is_required()} | {"name": name}
    table = model(**needed)
    assert set(table.options()) == {"name", *keys}
    assert table.class_weights is None


def test_the_schema_offers_just_what_is_built():
    published, _ = typing.get_args(schema.Data.model_fields["source"].annotation)
    assert typing.get_args(published) == tuple(name for name in SOURCES if name != "tfds:NAME")
    spatial = {_tag(model, "op") for model in schema.SPATIAL}
    assert spatial == set(steps.SPATIAL)


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
