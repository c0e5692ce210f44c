"""Fit a branching, residual, nested network, watched, and compare with NumPy: run on any backend.

What is right is worked out from the weights before and after each step of the same training, not watched and
one step an execution: plain gradient descent moves weights by the rate times their gradients.
"""

import itertools

import keras
import numpy as np
import pandas as pd

from kerasnets.callbacks import DiagnosticsLog, GradientStats, UpdateRatio, WeightStats
from kerasnets.catalog.quantities import BIN_EDGES, NETWORK, QUANTILES

RATE, BATCH, STEPS, EVERY = 0.05, 8, 6, 2
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(BATCH * STEPS, 6, 6, 2)).astype("float32")
Y = DRAW.normal(size=(BATCH * STEPS, 3)).astype("float32")


class Weights(keras.callbacks.Callback):
    """Keeps the trainable weights before the first step and after each."""

    def on_train_begin(self, logs=None):
        """Keep the first ones."""
        self.kept = [self._now()]

    def on_train_batch_end(self, batch, logs=None):
        """Keep those after a step."""
        if keras.config.backend() == "jax":
            self.model.jax_state_sync()
        self.kept.append(self._now())

    def _now(self):
        return [np.array(keras.ops.convert_to_numpy(w), "float64") for w in self.model.trainable_weights]


def network(**compiled):
    """Return a compiled model: two branches, a residual sum, a nested model, BatchNorm and dropout."""
    keras.utils.set_random_seed(1)
    images = keras.Input((6, 6, 2))
    left = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="left")(images)
    left = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(left))
    right = keras.layers.Conv2D(4, 1, activation="tanh", bias_initializer="ones", name="right")(images)
    joined = keras.layers.Dropout(0.2, seed=3)(keras.layers.Add()([left, right]))
    inner = keras.Input((6, 6, 4))
    body = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(5, 3, bias_initializer="ones", name="conv")(inner)
    )
    nested = keras.Model(inner, body, name="nested")
    outputs = keras.layers.Dense(3, dtype="float32", bias_initializer="ones", name="classes")(nested(joined))
    model = keras.Model(images, outputs)
    optimizer = keras.optimizers.SGD(RATE, gradient_accumulation_steps=compiled.pop("accumulation", None))
    model.compile(optimizer, "mse", **compiled)
    return model


class Programs(keras.callbacks.Callback):
    """Keeps which training function each step was taken with; it comes after those that measure."""

    def on_train_begin(self, logs=None):
        """Begin."""
        self.used = []

    def on_train_batch_begin(self, batch, logs=None):
        """Keep that of the next step."""
        self.used.append(self.model.train_function)


LAYERS = {
    "left": [0], "norm": [1, 2], "right": [3, 4], "nested/conv": [5, 6], "classes": [7, 8],
}  # fmt: skip


def fit(callbacks, policy, **compiled):
    """Train a new network for STEPS batches; return it."""
    keras.config.set_dtype_policy(policy)
    model = network(**compiled)
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
    return model


def distribution(of, values):
    """Return by NumPy what is recorded of a distribution."""
    return {
        f"{of}_mean": values.mean(),
        f"{of}_variance": values.var(),
        f"{of}_zeros": np.mean(values == 0),
        **{f"{of}_q{round(100 * q):02}": np.quantile(values, q) for q in QUANTILES},
        f"{of}_norm": np.linalg.norm(values),
    }


def by_hand(kept, taken):
    """Return (step, layer, quantity) to value, of optimizer steps that moved the weights."""
    right = {}
    for step, (before, after) in enumerate(taken, 1):
        if (step - 1) % EVERY:
            continue
        sums = {}
        for layer, places in [*LAYERS.items(), (NETWORK, list(range(9)))]:
            groups = {"": places}
            kernels = [place for place in places if before[place].ndim > 1]
            if kernels and len(kernels) < len(places) and layer != NETWORK:
                groups |= {"kernel_": kernels, "bias_": [p for p in places if p not in kernels]}
            for name, group in groups.items():
                old, new = (np.concatenate([w[p].ravel() for p in group]) for w in (before, after))
                ratio = np.linalg.norm(new - old) / np.linalg.norm(old)
                right[step, layer, f"{name}update_ratio"] = ratio
            old, new = (np.concatenate([w[p].ravel() for p in places]) for w in (before, after))
            sums |= distribution("gradient", (old - new) / RATE) | distribution("weight", new)
            if layer == NETWORK:
                sums = {name: sums[name] for name in ("gradient_norm", "weight_norm")}
            elif kernels:
                matrix = after[kernels[0]].reshape(-1, after[kernels[0]].shape[-1])
                sums["weight_singular"] = np.linalg.svd(matrix, compute_uv=False)[0]
            right |= {(step, layer, name): value for name, value in sums.items()}
            sums = {}
    return right


def check(policy="float32", execution=1, accumulation=None, **compiled):
    """Compare all that is recorded with NumPy, and the weights with those of the training not watched."""
    case = f"{policy}, {execution} steps an execution, {accumulation} parts, {compiled}"
    weights = Weights()
    options = {"accumulation": accumulation, **compiled}
    plain = fit([weights], policy, **options)
    log = DiagnosticsLog("unused.csv")
    log.save = lambda: None
    watching = [kind(log, EVERY) for kind in (UpdateRatio, GradientStats, WeightStats)]
    programs = Programs()
    model = fit([*watching, programs], policy, steps_per_execution=execution, **options)
    if keras.config.backend() == "jax" and policy != "mixed_float16" and execution == 1 and not accumulation:
        # steps between measurements run a program that has none in it
        measuring, other = programs.used[:2]
        assert measuring is not other, case
        assert programs.used == [measuring, other] * (STEPS // 2), case
    for one, other in zip(model.weights, plain.weights, strict=True):
        one, other = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=case)
    parts = accumulation or 1
    kept = weights.kept[::parts]
    pairs = list(itertools.pairwise(kept))
    taken = [any((old != new).any() for old, new in zip(*pair, strict=True)) for pair in pairs]
    moved = [pair for pair, one in zip(pairs, taken, strict=True) if one]  # a loss scale skips some
    number = np.cumsum(taken)
    right = by_hand(kept, moved)
    rows = log.frame()
    found = {(int(number[row.step - 1]), row.layer, row.quantity): row.value for row in rows.itertuples()}
    steps = {step for step, *_ in found}
    expected = set(range(1, len(moved) + 1, EVERY))
    if execution == 1:
        assert steps == expected, (case, steps, expected)
    else:
        assert max(steps) == max(expected), (case, steps, expected)
    assert {key for key in right if key[0] in steps} == set(found), case
    for key, value in found.items():
        near = 0.02 if policy == "mixed_float16" else 2e-3
        scale = (
            right[key[0], key[1], f"{key[2].split('_')[0]}_norm"] if "_q" in key[2] or "mean" in key[2] else 0
        )
        close = abs(value - right[key]) <= near * abs(right[key]) + 1e-4 * scale + 2e-6
        assert close or "zeros" in key[2], (case, key, value, right[key])
    counts = log.histograms()
    edges = np.asarray(BIN_EDGES)
    step = max(steps)
    for layer, places in LAYERS.items():
        values = np.concatenate([moved[step - 1][1][place].ravel() for place in places])
        row = counts[(counts.layer == layer) & (counts.of == "weight")].iloc[-1]
        bins = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        assert np.abs(row.iloc[4:].to_numpy(int) - bins).sum() <= 4, (case, layer)
        assert row.iloc[4:].sum() == len(values)
    left = {type(vars(model.optimizer).get(name)) for name in ("apply", "stateless_apply")}
    assert left == {type(None)}, case
    assert len(model.optimizer.variables) == len(plain.optimizer.variables), case
    print(case, "right", pd.Series(found).size, flush=True)


def main():
    """Check every case of the backend."""
    check()
    check("mixed_float16")
    check(accumulation=2)
    if keras.config.backend() == "tensorflow":
        check("mixed_bfloat16")
        check(execution=4)
    if keras.config.backend() != "torch":
        check(jit_compile=True, execution=2)


if __name__ == "__main__":
    main()
