"""What a loss takes: read from a compiled model, or stated for a training of one's own."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import keras

MULTICLASS = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
SQUARED = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"),
    *("mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
)
KNOWN = (*MULTICLASS, *BINARY, *SQUARED)


@dataclass(frozen=True, kw_only=True)
class LossKind:
    """What a training minimizes, as far as checks must know it.

    Attributes:
        name: as Keras names the function, for instance "categorical_crossentropy"; None where it is unknown.
        from_logits: whether a loss of classes applies the softmax or sigmoid itself.
        label_smoothing: 0 to 1.

    Example:
        >>> static_findings(network, x, y, loss=LossKind(name="categorical_crossentropy", from_logits=True))
    """

    name: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0.0

    @cached_property
    def of_classes(self) -> bool:
        """Whether each example has exactly one of several classes."""
        return self.name in MULTICLASS

    @cached_property
    def binary(self) -> bool:
        """Whether each output is a question of its own, yes or no."""
        return self.name in BINARY

    @cached_property
    def of_numbers(self) -> bool:
        """Whether outputs are compared with labels as numbers."""
        return self.name in SQUARED

    @cached_property
    def sparse(self) -> bool:
        """Whether labels are class numbers."""
        return self.name == "sparse_categorical_crossentropy"


def loss_kind(model_or_loss: Any) -> LossKind:
    """Return the `LossKind` of a compiled model with one loss, or of a Keras loss.

    Args:
        model_or_loss: a `keras.Model`; or a loss as `compile` takes it: a name, a function or an object.
            Losses that are not Keras's own, and several of different kinds, give an unknown one.
    """
    loss = model_or_loss
    if isinstance(loss, keras.Model):
        loss = getattr(loss, "loss", None)
    found = [_one(each) for each in keras.tree.flatten(loss) if each is not None]
    return found[0] if len(set(found)) == 1 else LossKind()


def _one(loss: Any) -> LossKind:
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            return LossKind()
    options: dict[str, Any] = {}
    if isinstance(loss, keras.losses.Loss):
        if type(loss) not in _FUNCTIONS:
            return LossKind()
        name, options = _FUNCTIONS[type(loss)], loss.get_config()
    else:
        name = getattr(loss, "__name__", "")
        if not callable(loss) or getattr(keras.losses, name, None) is not loss:
            return LossKind()
        options = {
            key: parameter.default
            for key, parameter in inspect.signature(cast(Callable[..., Any], loss)).parameters.items()
            if parameter.default is not parameter.empty
        }
    smoothing = options.get("label_smoothing") or 0.0
    return LossKind(name=name, from_logits=bool(options.get("from_logits")), label_smoothing=float(smoothing))


_FUNCTIONS: dict[type, str] = {
    keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
    keras.losses.SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
    keras.losses.CategoricalFocalCrossentropy: "categorical_focal_crossentropy",
    keras.losses.BinaryCrossentropy: "binary_crossentropy",
    keras.losses.BinaryFocalCrossentropy: "binary_focal_crossentropy",
    keras.losses.MeanSquaredError: "mean_squared_error",
    keras.losses.MeanAbsoluteError: "mean_absolute_error",
    keras.losses.Huber: "huber",
    keras.losses.LogCosh: "log_cosh",
    keras.losses.MeanAbsolutePercentageError: "mean_absolute_percentage_error",
    keras.losses.MeanSquaredLogarithmicError: "mean_squared_logarithmic_error",
    keras.losses.CategoricalHinge: "categorical_hinge",
    keras.losses.Hinge: "hinge",
    keras.losses.SquaredHinge: "squared_hinge",
    keras.losses.Poisson: "poisson",
    keras.losses.KLDivergence: "kl_divergence",
}
"""The name of what each of Keras's losses computes."""
