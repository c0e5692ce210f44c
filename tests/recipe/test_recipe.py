"""Recipes: resolved, merged with their bases, overridden, and written as TOML and read again."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from kerasnets.errors import UserError
from kerasnets.recipe import changed, load_recipe, recipe_names
from kerasnets.recipe.tables.optimizer import Adam

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", recipe_names())
def test_resolved_recipe_round_trips_through_toml(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "again.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "again.toml") == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_begins_with_what_it_is_its_source_and_its_command(name):
    about, header, *_ = (files("kerasnets.recipes") / f"{name}.toml").read_text().split("\n\n")
    recipe = load_recipe(name)
    assert about.startswith("description = ")
    assert recipe.description.endswith(".")
    assert recipe.measured or recipe.published
    assert all(line.startswith("#") for line in header.splitlines())
    assert f"kerasnets train {name}" in header


def test_measured_results_are_those_of_the_readme():
    rows = re.findall(r"\| `([\w-]+)` \|.*?\| ([01]\.\d+) \|", README.read_text())
    measured = {name: load_recipe(name).measured for name, _ in rows}
    assert {name for name in recipe_names() if load_recipe(name).measured} == set(measured)
    for name, accuracy in rows:
        assert measured[name].startswith(f"test accuracy {accuracy}, ")


def test_a_recipe_does_not_inherit_what_its_base_says_about_itself(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "lenet5-mnist"\n')
    recipe = load_recipe(tmp_path / "mine.toml")
    assert (recipe.description, recipe.measured, recipe.published) == ("", "", "")
    assert recipe == changed(load_recipe("lenet5-mnist"), {"name": "mine"})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_recipes_are_read_as_editors_save_them(tmp_path, encoding):
    (tmp_path / "x.toml").write_bytes('# Käfer\nbase = "lenet5-digits"\nname = "ä"\n'.encode(encoding))
    assert load_recipe(tmp_path / "x.toml").name == "ä"


def test_a_recipe_that_is_no_text_is_refused_by_its_line(tmp_path):
    (tmp_path / "x.toml").write_bytes('base = "lenet5-digits"\nname = "Käfer"\n'.encode("latin-1"))
    with pytest.raises(UserError, match="found the byte 0xe4 in line 2, allowed: text in UTF-8"):
        load_recipe(tmp_path / "x.toml")


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
    assert recipe.optimizer == Adam(name="adam")  # no momentum left over from sgd
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
    assert recipe.optimizer == Adam(name="adam", learning_rate=0.5)
    assert recipe.augment[0].padding == 3
    assert recipe.model.options == {"pooling": "max"}
    assert recipe.data.path.startswith("/")
    assert not recipe.data.path.startswith("/~")
    assert changed(recipe, {"train.epochs": 9}).train.epochs == 9


def test_single_keys_of_tables_that_are_not_there_can_be_set(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "lenet5-mnist"\n[loss]\nlabel_smoothing = 0.1\n')
    recipe = load_recipe(tmp_path / "mine.toml", ["schedule.warmup_epochs=2"])
    assert (recipe.loss.name, recipe.loss.label_smoothing) == ("categorical_crossentropy", 0.1)
    assert (recipe.schedule.name, recipe.schedule.warmup_epochs) == (
        load_recipe("lenet5-mnist").schedule.name, 2.0,
    )  # fmt: skip


FULL = [
    'loss={name="hierarchical_softmax",tree="tree.csv",class_weights=[0.1,2,1e-30],auxiliary_weight=0.4}',
    'optimizer={name="adafactor",learning_rate=1e-3,global_clipnorm=0.3,use_ema=true,ema_momentum=0.9999}',
    'schedule={name="piecewise",steps=[7,90],factors=[1,0.1,0.01],warmup_error=0.8,warmup_factor=0.1}',
    'initialization={from_run="runs/first",from_layers=["c1","c3"]}',
    'train={epochs=3,batch_size=32,precision="mixed_bfloat16",steps_per_execution=7,xla=true,accumulation=4,'
    'checkpoint_seconds=0.1,max_bad_steps=3,monitor="loss",early_stopping=4,'
    'keep="best",strategy="multi_worker"}',
    "model.options.stochastic_depth=0.5",
]


def test_every_key_survives_toml_and_paths_are_absolute(tmp_path):
    recipe = load_recipe("lenet5-digits", FULL)
    for path in (recipe.loss.tree, recipe.initialization.from_run):
        assert path.startswith("/")
    (tmp_path / "again.toml").write_text(recipe.to_toml())
    again = load_recipe(tmp_path / "again.toml")
    assert again == recipe.model_copy(update={"name": again.name})
    assert again.loss.class_weights == [0.1, 2.0, 1e-30]
    assert again.train.steps_per_execution == 7


def test_epochs_are_the_sum_of_phases_which_can_be_changed_one_by_one(tmp_path):
    path = tmp_path / "phased.toml"
    recipe = load_recipe("lenet5-digits", {"train.phases": [{"epochs": 2}, {"epochs": 28}]})
    assert recipe.train.epochs == 30
    assert changed(recipe, {"train.phases.1.epochs": 1}).train.epochs == 3
    path.write_text(recipe.to_toml())
    assert "epochs = 30" not in path.read_text()
    assert load_recipe(path) == recipe


def test_checking_loads_neither_data_nor_tensorflow():
    code = (
        "import sys\nfrom kerasnets.recipe import load_recipe\nfrom kerasnets.errors import UserError\n"
        "try: load_recipe('lenet5-fashion', ['train.epochs=-1'])\n"
        "except UserError: pass\nelse: sys.exit('accepted')\n"
        "load_recipe('lenet5-fashion')\nassert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
