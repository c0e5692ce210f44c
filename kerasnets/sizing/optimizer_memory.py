"""What optimizers hold besides the parameters."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class OptimizerMemory:
    """What an optimizer holds, in multiples of the parameters.

    Attributes:
        slots: kept between steps.
        ahead: computed for all parameters when the update begins, because no gradient is needed (momentum
            times velocity).
        update: temporaries while one parameter is updated, besides its gradient.
    """

    slots: int
    ahead: int = 0
    update: int = 0


OPTIMIZERS = {
    "sgd": OptimizerMemory(0),
    "sgd_momentum": OptimizerMemory(1, ahead=1),
    "adagrad": OptimizerMemory(1, update=2),
    "rmsprop": OptimizerMemory(1, ahead=1, update=1),
    "adadelta": OptimizerMemory(2, ahead=3, update=1),
    "adam": OptimizerMemory(2, update=2),
    "adamw": OptimizerMemory(2, ahead=1, update=1),
    "adamax": OptimizerMemory(2, ahead=1, update=2),
    "nadam": OptimizerMemory(2, ahead=1, update=1),
    "adafactor": OptimizerMemory(1, update=1),
    "ftrl": OptimizerMemory(2, ahead=2, update=2),
    "lion": OptimizerMemory(1, ahead=2, update=1),
    "lamb": OptimizerMemory(2, update=2),
}


def optimizer_kind(name: str, momentum: float = 0.0, **_: Any) -> str:
    """Return the key of `OPTIMIZERS` for the arguments of `make_optimizer`."""
    return "sgd_momentum" if name == "sgd" and momentum else name


def optimizer_memory(
    name: str,
    *,
    momentum: float = 0.0,
    centered: bool = False,
    amsgrad: bool = False,
    use_ema: bool = False,
    **_: Any,
) -> OptimizerMemory:
    """Return what a Keras optimizer holds, from the arguments of `make_optimizer`."""
    held = OPTIMIZERS[optimizer_kind(name, momentum)]
    extra = (bool(momentum) + centered if name == "rmsprop" else 0) + amsgrad + use_ema
    return replace(held, slots=held.slots + extra)
