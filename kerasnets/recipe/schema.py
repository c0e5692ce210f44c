"""The schema of a recipe: its tables, each from its file, and what they say about each other."""

from typing import Any, Self

import tomli_w
from pydantic import Field, PrivateAttr, field_validator, model_validator

from kerasnets.recipe.augment.operations import Augment
from kerasnets.recipe.base import Section, TableError
from kerasnets.recipe.tables.data import SPATIAL, Data, PreprocessStep
from kerasnets.recipe.tables.diagnostics import Diagnostics
from kerasnets.recipe.tables.evaluation import Evaluation
from kerasnets.recipe.tables.initialization import Initialization
from kerasnets.recipe.tables.loss import CategoricalCrossentropy, Loss
from kerasnets.recipe.tables.model import Model
from kerasnets.recipe.tables.optimizer import Optimizer
from kerasnets.recipe.tables.regularization import Regularization
from kerasnets.recipe.tables.schedule import Constant, Schedule
from kerasnets.recipe.tables.train import Train
from kerasnets.recipe.tables.tune import Tune


class Recipe(Section):
    """One experiment, resolved: every key has its value.

    `description`, `measured` and `published` tell people about the recipe's file. They are no part of the
    experiment: tables, copies and comparisons leave them out. `based_on` is what the file had as its `base`,
    a shipped recipe's name or an absolute path; it has been merged in, and is kept for reports alone.
    """

    name: str
    based_on: str | None = None
    description: str = Field("", exclude=True)
    measured: str = Field("", exclude=True)
    published: str = Field("", exclude=True)
    model: Model
    data: Data
    preprocess: list[PreprocessStep] = []
    augment: Augment = []
    initialization: Initialization = Initialization()
    loss: Loss = CategoricalCrossentropy()
    optimizer: Optimizer
    regularization: Regularization = Regularization()
    schedule: Schedule = Constant()
    train: Train
    evaluation: Evaluation = Evaluation()
    diagnostics: Diagnostics = Diagnostics()
    tune: Tune = Tune()

    _origin: str = PrivateAttr(default="recipe")

    def __eq__(self, other: object) -> bool:
        # two recipes are the same experiment wherever they were read from
        return isinstance(other, Recipe) and self.experiment() == other.experiment()

    __hash__ = None  # type: ignore[assignment]  # `object`'s stub has a method here

    @property
    def origin(self) -> str:
        """The file this recipe was read from, for messages."""
        return self._origin

    @field_validator("name")
    @classmethod
    def _name_is_a_folders(cls, name: str) -> str:
        if not name.strip() or "/" in name or name.startswith("."):
            raise ValueError(f"found {name!r}, allowed: a folder's name, without / or a leading dot")
        return name

    @model_validator(mode="after")
    def _spatial_steps_come_first(self) -> Self:
        kinds = [isinstance(step, SPATIAL) for step in self.preprocess]
        if kinds != sorted(kinds, reverse=True):
            raise TableError(
                "preprocess",
                ", ".join(step.op for step in self.preprocess),
                "resize, pad and center_crop before all other steps",
            )
        mixing = [step.op for step in self.preprocess if step.op in ("pca", "zca")]
        if mixing and (len(mixing) > 1 or self.preprocess[-1].op != mixing[0]):
            raise TableError(
                "preprocess",
                ", ".join(step.op for step in self.preprocess),
                f"{mixing[0]} once, and last: no other step can be measured on its output",
            )
        return self

    @model_validator(mode="after")
    def _batches_can_be_dealt(self) -> Self:
        if self.train.batch_size != "auto" and self.train.batch_size % self.data.streams:
            raise TableError(
                "data.streams", self.data.streams, f"a divisor of train.batch_size, {self.train.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _classes_are_balanced_once(self) -> Self:
        if self.data.sampling == self.loss.class_weights == "balanced":
            raise TableError(
                "loss.class_weights",
                "'balanced' with data.sampling = 'balanced'",
                "one of them: both would make small classes count for more than large ones",
            )
        return self

    @model_validator(mode="after")
    def _one_start_and_one_decay(self) -> Self:
        if self.initialization.from_run is not None and self.model.weights is not None:
            raise TableError("", "initialization.from_run and model.weights", "one of these two starts")
        if self.optimizer.name == "adamw" and not self.regularization.decoupled:
            raise TableError(
                "regularization.decoupled", 0.0, "above 0 with adamw, which is adam with this weight decay"
            )
        return self

    def to_toml(self) -> str:
        """Return the resolved recipe as TOML text that `load_recipe` reads back to an equal recipe."""
        return tomli_w.dumps(self.tables())

    def experiment(self) -> dict[str, Any]:
        """Return `tables` without what the recipe was based on."""
        return {key: value for key, value in self.tables().items() if key != "based_on"}

    def tables(self) -> dict[str, Any]:
        """Return the resolved recipe as plain tables; keys without a value are left out."""
        return self.model_dump(exclude_none=True)
