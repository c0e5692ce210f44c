"""Learning rates that change from step to step."""

from typing import Any

from keras import optimizers


def warm_up(steps: int = 320) -> Any:
    """Return a rise to 0.1 in 40 steps, and a cosine to 0 after `steps` more."""
    return optimizers.schedules.CosineDecay(0.0, steps, warmup_target=0.1, warmup_steps=40)


def cosine() -> Any:
    """Return a cosine from 0.003 to 0 in 300 steps."""
    return optimizers.schedules.CosineDecay(0.003, 300)


def steps() -> Any:
    """Return 0.05, a tenth of it after 150 steps, and a tenth of that after 250."""
    return optimizers.schedules.PiecewiseConstantDecay([150, 250], [0.05, 0.005, 0.0005])
