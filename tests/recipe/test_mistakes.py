"""Mistakes in recipes: each said in one line, with key, what was found and what is allowed."""

import pytest

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe

MISTAKES = [
    (
        "optimizer.momentm=0.9",
        "optimizer.momentm: unknown key, allowed: name, learning_rate",
        "did you mean 'momentum'",
    ),
    ("modl.name=lenet5", "modl: unknown key", "did you mean 'model'"),
    ("optimizer.name=sdg", "optimizer: found name = 'sdg', allowed: sgd, adagrad", "did you mean 'sgd'"),
    ("optimizer.learning_rate=-0.1", "optimizer.learning_rate: found -0.1, allowed: greater than 0", ""),
    ("optimizer.learning_rate=fast", "optimizer.learning_rate: found 'fast', allowed: a number", ""),
    ("optimizer.learning_rate=nan", "optimizer.learning_rate: found nan, allowed: a finite number", ""),
    ("train.phases=[{epochs=2}]", "train.epochs: found 30, allowed: 2, the sum of train.phases, or none", ""),
    ("train.phases=[{epochs=0}]", "train.phases.0.epochs: found 0, allowed: greater than or equal to 1", ""),
    ("train.phases=[{epoch=2}]", "train.phases.0.epochs: missing", ""),
    ("train.phases=2", "train.phases: found 2, allowed: a list of tables, as in [{epochs = 5, ", ""),
    ("train.batch_size=atuo", "train.batch_size: found 'atuo', allowed: 'auto'", "did you mean 'auto'"),
    ("train.epochs=0", "train.epochs: found 0, allowed: greater than or equal to 1", ""),
    ("train.epochs=2.5", "train.epochs: found 2.5, allowed: a whole number", ""),
    ("train.epochs=true", "train.epochs: found True, allowed: a whole number", ""),
    ("data.source=mnits", "data.source: found 'mnits', allowed: 'digits', 'mnist'", "did you mean 'mnist'"),
    ("data.source=tfds:", "or tfds:NAME", ""),
    ("data.source=minst", "or tfds:NAME; did you mean 'mnist'?", ""),
    ("data.path=x.npz", 'x.npz\', allowed: a path with source = "npz", "folder"', ""),
    ("data.streams=5", "data.streams: found 5, allowed: a divisor of train.batch_size", ""),
    ("data.audit.truncated=fix", "data.audit.truncated: found 'fix', allowed: 'error' or 'skip'", ""),
    (
        'augment=[{op="mixup"},{op="flip"}]',
        "augment: found a step after mixup, allowed: mixup comes last",
        "",
    ),
    (
        'augment=[{op="flip"},{op="random_resized_crop"}]',
        "augment: found a step before random_resized_crop, allowed: ",
        "",
    ),
    ('augment=[{op="RandomCrop"}]', "augment.0: RandomCrop changes the size", ""),
    (
        'preprocess=[{op="resize"}]',
        "preprocess.0: found neither size nor short_side, allowed: one of size",
        "",
    ),
    ('preprocess=[{op="zca"},{op="scale"}]', "preprocess: found zca, scale, allowed: zca once, and last", ""),
    ("evaluation.views=dens", "evaluation.views: found 'dens'", "did you mean 'dense'"),
    ("data.source=folder", "data.path: found none, allowed: a path with source = ", ""),
    ("preprocess.0.op=resise", "preprocess.0: found op = 'resise'", "did you mean 'resize'"),
    ("preprocess.0.size=[32]", "preprocess.0.size: found [32]", ""),
    ("preprocess.7.op=scale", "preprocess.7.op: found '7', allowed: an index below 2", ""),
    ("augment.0.fill=grey", "augment.0.fill: found 'grey', allowed: 'mean' or a number", ""),
    (
        'preprocess=[{op="standardize"},{op="resize",size=[9,9]}]',
        "preprocess: found standardize, resize, allowed: resize, pad and center_crop before all other",
        "",
    ),
    ("optimizer=3", "optimizer: found 3, allowed: a table", ""),
    ("schedule.name=step", "schedule.epochs: missing", ""),
    ("train.devices=3", "train.batch_size: found 32, allowed: a multiple of 3, for 3 devices", ""),
    (
        "train.accumulation=5",
        "train.batch_size: found 32, allowed: a multiple of 5, for 1 device in 5 parts each",
        "",
    ),
    ("train.precision=bfloat16", "train.precision: found 'bfloat16'", "did you mean 'mixed_bfloat16'"),
    ("train.steps_per_execution=0", "found 0, allowed: 'auto' or greater than or equal to 1", ""),
    ("train.checkpoint_seconds=0", "train.checkpoint_seconds: found 0, allowed: greater than 0", ""),
    ("train.max_bad_steps=0", "train.max_bad_steps: found 0, allowed: greater than or equal to 1", ""),
    ("train.monitor=val_acuracy", "train.monitor: found 'val_acuracy'", "did you mean 'val_accuracy'"),
    ("train.early_stopping=-1", "train.early_stopping: found -1", ""),
    ("train.keep=first", "train.keep: found 'first', allowed: 'last' or 'best'", ""),
    ("loss.name=hinge", "loss: found name = 'hinge', allowed: categorical_crossentropy, ", ""),
    ("loss.label_smoothing=1", "loss.label_smoothing: found 1, allowed: less than 1", ""),
    ("loss.class_weights=[1,-2]", "loss.class_weights.1: found -2, allowed: greater than or equal to 0", ""),
    ("loss.class_weight=[1,2]", "loss.class_weight: unknown key", "did you mean 'class_weights'"),
    ("loss.auxiliary_weight=-1", "loss.auxiliary_weight: found -1", ""),
    ("loss.name=hierarchical_softmax", "loss.tree: missing: this key is required", ""),
    ('loss={name="multiclass_hinge",margin=0}', "loss.margin: found 0, allowed: greater than 0", ""),
    (
        'loss={name="mean_squared_error",label_smoothing=0.1}',
        "loss.label_smoothing: unknown key, allowed: name, auxiliary_weight",
        "",
    ),
    ('loss={name="mean_absolute_error",class_weights=[1,2]}', "loss.class_weights: unknown key", ""),
    ("optimizer.name=adamw", "regularization.decoupled: found 0.0, allowed: above 0 with adamw", ""),
    ("optimizer.clipnorm=0", "optimizer.clipnorm: found 0, allowed: greater than 0", ""),
    (
        'optimizer={name="sgd",clipnorm=1,global_clipnorm=1}',
        "optimizer: found clipnorm and global_clipnorm, allowed: one way to clip: clipvalue, clipnorm",
        "",
    ),
    ("optimizer.ema_momentum=1", "optimizer.ema_momentum: found 1, allowed: less than 1", ""),
    ("optimizer.weight_decay=1e-4", "optimizer.weight_decay: unknown key", ""),
    ("schedule.warmup_error=0.8", "schedule: found one of warmup_error and warmup_factor, allowed: both", ""),
    (
        "schedule={warmup_error=0.8,warmup_factor=0.1,warmup_epochs=1}",
        "schedule: found warmup_error and warmup_epochs, allowed: one of these two kinds of warm-up",
        "",
    ),
    (
        'schedule={name="piecewise",steps=[2,2],factors=[1,2,3]}',
        "schedule.steps: found [2, 2], allowed: strictly increasing steps",
        "",
    ),
    (
        'schedule={name="piecewise",steps=[2,3],factors=[1,2]}',
        "schedule.factors: found 2 numbers, allowed: 3, one before the first of steps",
        "",
    ),
    ("schedule.name=exponential", "schedule.factor: missing", ""),
    ('schedule={name="one_cycle",rise=1}', "schedule.rise: found 1, allowed: less than 1", ""),
    ('schedule={name="polynomial",power=0}', "schedule.power: found 0, allowed: greater than 0", ""),
    ('schedule={name="plateau",monitor="val_los"}', "schedule.monitor: found", "did you mean 'val_loss'"),
    ("schedule.name=platau", "schedule: found name = 'platau'", "did you mean 'plateau'"),
    (
        'initialization.from_layers=["a"]',
        "initialization.from_layers: found ['a'], allowed: with from_run",
        "",
    ),
    (
        "diagnostics.ratio_band=[1e-2,1e-4]",
        "diagnostics.ratio_band: found [0.01, 0.0001], allowed: none: the rules judge by themselves",
        "",
    ),
    (
        'tune.parameters={"optimizer.learning_rate"={min=-1, max=1, sampling="log"}}',
        "tune.parameters.optimizer.learning_rate.min: found -1, allowed: above 0 with sampling",
        "",
    ),
    (
        'tune.parameters={"optimizer.learning_rate"={min=1e-3, max=1000}}',
        "optimizer.learning_rate: found 1000",
        "",
    ),
    ("optimizer.learning_rate.x=1", "optimizer.learning_rate.x: learning_rate is a value, not a table", ""),
    ("name=../up", "name: found '../up', allowed: a folder's name", ""),
    ("train.epochs", "--set train.epochs: allowed: dotted.key=value", ""),
    ("augment=3", 'augment: found 3, allowed: a list of tables, as in [{op = "flip"}]', ""),
    ("loss.class_weights=balaned", "loss.class_weights: found 'balaned'", "did you mean 'balanced'"),
    ("loss.class_weights={a=-1}", "loss.class_weights.a: found -1, allowed: greater than or equal to 0", ""),
    ("data.sampling=balance", "data.sampling: found 'balance'", "did you mean 'balanced'"),
    ("loss.class_weights=2", "loss.class_weights: found 2, allowed: a list, as in [1, 2]", ""),
    ("loss.class_weights=[1.0]", "found [1.0], allowed: 2 or more in the list", ""),
    ("train.xla=1", "train.xla: found 1, allowed: true or false", ""),
    ("name=3", "name: found 3, allowed: text in quotes", ""),
    ("model.options=3", "model.options: found 3, allowed: a table, as in {key = 1}", ""),
    (f"train.epochs={'9' * 5000}", "found an integer of thousands of digits, allowed: 64 bits", ""),
    (f"train.epochs=0x{'f' * 5000}", "train.epochs: found an integer beyond 64 bits, allowed: 64 bits", ""),
    (f"augment={'[' * 600}{']' * 600}", "found tables or lists nested too deep, allowed: 16 levels", ""),
    (f"augment={'[' * 40}{']' * 40}", "found tables or lists nested too deep, allowed: 16 levels", ""),
    (f"{'.'.join('a' * 1500)}=1", "found a key of 1500 parts, allowed: 16", ""),
    (f"data.{'a' * 3000}=1", "…aaaaaaa", ""),
    (f"train.epochs={'x' * 3000}", "xxx', allowed: a whole number", ""),
]


@pytest.mark.parametrize(
    ("override", "said", "hint"), MISTAKES, ids=[mistake[0][:60] for mistake in MISTAKES]
)
def test_mistakes_name_key_found_and_allowed(override, said, hint):
    with pytest.raises(UserError) as caught:
        load_recipe("lenet5-digits", [override])
    message = str(caught.value)
    assert said in message
    assert hint in message
    assert "\n" not in message
    assert "--set" in message, "not the recipe is wrong, but what was set"
    assert len(message) < 500


def test_a_run_starts_from_weights_or_from_another_run():
    starts = ["initialization.from_run=runs/vgg11", "model.weights=imagenet"]
    with pytest.raises(UserError, match=r"from_run and .*, allowed: one of these two starts"):
        load_recipe("lenet5-digits", starts)


@pytest.mark.parametrize(
    ("override", "guilty"),
    [
        ("train.batch_size=0", "--set train.batch_size=0: train.batch_size: found 0"),
        ('augment=[{op="xx"}]', '--set augment=[{op="xx"}]: augment.0: found op'),
        ("train.devices=3", "--set train.devices=3: train.batch_size: found 32"),
        ("data.streams=5", "--set data.streams=5: data.streams: found 5"),
        ("schedule.name=step", "--set schedule.name=step: schedule.epochs: missing"),
        ("optimizer.name=adamw", "--set optimizer.name=adamw: regularization.decoupled: found 0.0"),
    ],
)
def test_a_mistake_is_laid_to_the_one_that_was_set(override, guilty):
    with pytest.raises(UserError) as caught:
        load_recipe("lenet5-digits", ["name=other", "optimizer.learning_rate=0.1", override])
    assert (
        str(caught.value)
        .replace("--set name=other --set optimizer.learning_rate=0.1 ", "")
        .startswith(guilty)
    )


def test_what_is_refused_later_says_what_was_set():
    assert load_recipe("lenet5-digits").origin.endswith("lenet5-digits.toml")
    recipe = load_recipe("lenet5-digits", ["train.epochs=3", f"name={'x' * 300}"])
    assert "lenet5-digits.toml with --set train.epochs=3 --set name=xxx" in recipe.origin
    assert len(recipe.origin) < 300


def test_several_mistakes_are_counted():
    with pytest.raises(UserError, match=r"\(and 1 more\)"):
        load_recipe("lenet5-digits", ["train.epochs=0", "train.batch_size=0"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "model.name, data.source, optimizer.name, train.epochs, train.batch_size: missing: these keys"),
        (
            '[modl]\n[model]\nname = "lenet5"',
            "these keys are required; modl: unknown .* mean 'model'",
        ),
        (f"x = {'{a = ' * 600}1{'}' * 600}", "found tables or lists nested too deep, allowed: 16 levels"),
        (f"{'.'.join('a' * 1500)} = 1", "found tables or lists nested too deep, allowed: 16 levels"),
        (f"train.epochs = {'9' * 5000}", "found an integer of thousands of digits, allowed: 64 bits"),
        (f"train.epochs = {2**63}", "train.epochs: found an integer beyond 64 bits, allowed: 64 bits"),
        ("model = [", "not readable as TOML"),
        ('base = "lenet5-digit"', "did you mean 'lenet5-digits'"),
        ('base = "bad.toml"', "leads back to itself"),
        ("base = 3", "base: found 3"),
        (
            '[model]\nname = "lenet5"',
            "data.source, optimizer.name, train.epochs, train.batch_size: missing: these keys are required",
        ),
    ],
)
def test_files_that_are_no_recipes(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(UserError, match=said):
        load_recipe("./bad.toml")
