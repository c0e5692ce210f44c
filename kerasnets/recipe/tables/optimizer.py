"""The table [optimizer]: Keras's optimizers, with their own keys and defaults."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Above0, Fraction, NonNegative, Rate, Section, TableError

CLIPPING = ("clipvalue", "clipnorm", "global_clipnorm")


class _Optimizer(Section):
    """What all have: gradients clipped by value, by each variable's norm or by the norm of all; and EMA.

    With `use_ema` moving averages of weights and statistics are kept, of which `ema_momentum` stays after
    each step, in the first steps less (`kerasnets.training.fit.moving_averages`).
    """

    name: str
    learning_rate: Rate = 0.001
    clipvalue: Above0 | None = None
    clipnorm: Above0 | None = None
    global_clipnorm: Above0 | None = None
    use_ema: bool = False
    ema_momentum: Fraction = 0.99

    @model_validator(mode="after")
    def _clipped_one_way(self) -> Self:
        found = [key for key in CLIPPING if getattr(self, key) is not None]
        if len(found) > 1:
            raise TableError("", " and ".join(found), f"one way to clip: {', '.join(CLIPPING)}")
        return self


class SGD(_Optimizer):
    """Keras SGD."""

    name: Literal["sgd"]
    learning_rate: Rate = 0.01
    momentum: Fraction = 0.0
    nesterov: bool = False


class Adagrad(_Optimizer):
    """Keras Adagrad."""

    name: Literal["adagrad"]
    initial_accumulator_value: NonNegative = 0.1
    epsilon: NonNegative = 1e-7


class Adadelta(_Optimizer):
    """Keras Adadelta; the paper has no rate, that is 1.0."""

    name: Literal["adadelta"]
    rho: Fraction = 0.95
    epsilon: NonNegative = 1e-7


class RMSprop(_Optimizer):
    """Keras RMSprop."""

    name: Literal["rmsprop"]
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: NonNegative = 1e-7
    centered: bool = False


class _OfMoments(_Optimizer):
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: NonNegative = 1e-7


class Adam(_OfMoments):
    """Keras Adam."""

    name: Literal["adam"]
    amsgrad: bool = False


class AdamW(_OfMoments):
    """Keras AdamW: Adam with regularization.decoupled, which it asks for."""

    name: Literal["adamw"]
    amsgrad: bool = False


class Adamax(_OfMoments):
    """Keras Adamax."""

    name: Literal["adamax"]


class Nadam(_OfMoments):
    """Keras Nadam."""

    name: Literal["nadam"]


class Lamb(_OfMoments):
    """Keras Lamb."""

    name: Literal["lamb"]


class Adafactor(_Optimizer):
    """Keras Adafactor."""

    name: Literal["adafactor"]
    beta_2_decay: Annotated[float, Field(ge=-1, lt=0)] = -0.8
    epsilon_1: NonNegative = 1e-30
    epsilon_2: NonNegative = 1e-3
    clip_threshold: Above0 = 1.0
    relative_step: bool = True


class Ftrl(_Optimizer):
    """Keras Ftrl."""

    name: Literal["ftrl"]
    learning_rate_power: Annotated[float, Field(le=0)] = -0.5
    initial_accumulator_value: NonNegative = 0.1
    l1_regularization_strength: NonNegative = 0.0
    l2_regularization_strength: NonNegative = 0.0
    l2_shrinkage_regularization_strength: NonNegative = 0.0
    beta: NonNegative = 0.0


class Lion(_Optimizer):
    """Keras Lion."""

    name: Literal["lion"]
    beta_1: Annotated[float, Field(gt=0, le=1)] = 0.9
    beta_2: Fraction = 0.99


Optimizer = Annotated[
    SGD | Adagrad | Adadelta | RMSprop | Adam | AdamW | Adamax | Nadam | Adafactor | Ftrl | Lion | Lamb,
    Field(discriminator="name"),
]
