"""The schema of a recipe: every key there is, its type, its range and its default."""

from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, PrivateAttr, field_validator, model_validator

from kerasnets.recipe.augmentation import Augment
from kerasnets.recipe.data import SPATIAL, Data, PreprocessStep
from kerasnets.recipe.evaluation import Evaluation
from kerasnets.recipe.section import Fraction, NonNegative, Positive, Section


class Model(Section):
    """Which architecture, with which options of its builder; and what it starts from.

    `weights` is a file of published weights or "imagenet"; `new_head` leaves its classifier out; `freeze`
    names the last layer that is not trained.
    """

    name: str
    options: dict[str, Any] = {}
    weights: str | None = None
    new_head: bool = False
    freeze: str | None = None

    @model_validator(mode="after")
    def _head_goes_with_weights(self):
        if self.new_head and self.weights is None:
            raise ValueError("new_head = true goes with weights, whose head it leaves out")
        return self


Initializer = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "lecun_1998",
    "uniform_sqrt_n",
    "random_normal",
    "zeros",
]


class Initialization(Section):
    """How kernels and biases start."""

    kernel: Initializer = "glorot_uniform"
    bias: Literal["zeros", "ones", "lecun_1998", "alexnet"] = "zeros"
    stddev: Annotated[float, Field(gt=0, le=1)] | None = None
    zero_gamma: bool = False

    @model_validator(mode="after")
    def _stddev_goes_with_random_normal(self):
        if (self.stddev is None) == (self.kernel == "random_normal"):
            raise ValueError('stddev goes with kernel = "random_normal", and only with it')
        return self


class CategoricalCrossentropy(Section):
    """Softmax loss."""

    name: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    label_smoothing: Fraction = 0.0


class CategoricalHinge(Section):
    """Keras's multi-class hinge: max(0, 1 + highest wrong score - right score)."""

    name: Literal["categorical_hinge"]


Loss = Annotated[CategoricalCrossentropy | CategoricalHinge, Field(discriminator="name")]

Rate = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class SGD(Section):
    """Keras SGD."""

    name: Literal["sgd"]
    learning_rate: Rate = 0.01
    momentum: Decay = 0.0
    nesterov: bool = False


class Adagrad(Section):
    """Keras Adagrad."""

    name: Literal["adagrad"]
    learning_rate: Rate = 0.001
    initial_accumulator_value: NonNegative = 0.1
    epsilon: NonNegative = 1e-7


class RMSprop(Section):
    """Keras RMSprop."""

    name: Literal["rmsprop"]
    learning_rate: Rate = 0.001
    rho: Decay = 0.9
    momentum: Decay = 0.0
    epsilon: NonNegative = 1e-7
    centered: bool = False


class Adam(Section):
    """Keras Adam."""

    name: Literal["adam"]
    learning_rate: Rate = 0.001
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: NonNegative = 1e-7
    amsgrad: bool = False


Optimizer = Annotated[SGD | Adagrad | RMSprop | Adam, Field(discriminator="name")]


class Regularization(Section):
    """Weight decay: `l2` adds l2/2 · ‖w‖² to the loss, as the papers do; `decoupled` shrinks w itself."""

    l2: NonNegative = 0.0
    decoupled: NonNegative = 0.0
    biases: bool = False
    normalization: bool = False

    @model_validator(mode="after")
    def _one_kind(self):
        if self.l2 and self.decoupled:
            raise ValueError("l2 and decoupled are two kinds of weight decay: set one of them")
        return self


class Constant(Section):
    """The rate stays as it is."""

    name: Literal["constant"] = "constant"
    warmup_epochs: NonNegative = 0.0


class Step(Section):
    """The rate is multiplied by `factor` at the start of each epoch listed in `epochs`."""

    name: Literal["step"]
    epochs: Annotated[list[Positive], Field(min_length=1)]
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    warmup_epochs: NonNegative = 0.0


class Cosine(Section):
    """The rate falls along half a cosine to `final` times its first value (Loshchilov 2017, eq. 5)."""

    name: Literal["cosine"]
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_epochs: NonNegative = 0.0


Schedule = Annotated[Constant | Step | Cosine, Field(discriminator="name")]


class Train(Section):
    """How long, in which batches, on what."""

    epochs: Positive
    batch_size: Positive
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    strategy: Literal["auto", "single", "mirrored"] = "auto"
    devices: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _devices_fit(self):
        if self.strategy == "single" and self.devices > 1:
            raise ValueError(f'devices = {self.devices} needs strategy = "mirrored" or "auto"')
        if self.devices and self.batch_size % self.devices:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared evenly by {self.devices} devices"
            )
        return self


class Diagnostics(Section):
    """What is watched while training, every how many steps (0: never)."""

    update_ratio_every: Annotated[int, Field(ge=0)] = 50
    activation_stats_every: Annotated[int, Field(ge=0)] = 200
    probe_images: Positive = 64
    ratio_band: Annotated[list[Rate], Field(min_length=2, max_length=2)] = [3e-5, 3e-2]
    collapse: Annotated[float, Field(gt=0, lt=1)] = 1e-3

    @model_validator(mode="after")
    def _band_is_ordered(self):
        if self.ratio_band[0] >= self.ratio_band[1]:
            raise ValueError("ratio_band is [low, high] with low below high")
        return self


class Range(Section):
    """A number to search between `min` and `max`."""

    min: float
    max: float
    sampling: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self):
        if self.min >= self.max:
            raise ValueError("min must be below max")
        if self.sampling == "log" and self.min <= 0:
            raise ValueError('sampling = "log" needs min above 0')
        return self


class Tune(Section):
    """What Keras Tuner searches: ranges by dotted recipe key."""

    tuner: Literal["random", "bayesian"] = "bayesian"
    objective: Literal["val_accuracy", "val_loss"] = "val_accuracy"
    epochs: Positive | None = None
    parameters: dict[str, Range] = {}


class Recipe(Section):
    """One experiment, resolved: every key has its value."""

    name: str
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

    def __eq__(self, other):
        # two recipes are the same experiment wherever they were read from
        return isinstance(other, Recipe) and self.tables() == other.tables()

    __hash__ = None

    @property
    def origin(self):
        """The file this recipe was read from, for messages."""
        return self._origin

    @field_validator("name")
    @classmethod
    def _name_is_a_folders(cls, name):
        if not name.strip() or "/" in name or name.startswith("."):
            raise ValueError(f"found {name!r}, allowed: a folder's name, without / or a leading dot")
        return name

    @model_validator(mode="after")
    def _spatial_steps_come_first(self):
        kinds = [isinstance(step, SPATIAL) for step in self.preprocess]
        if kinds != sorted(kinds, reverse=True):
            raise ValueError("preprocess: resize, pad and center_crop come before scale and statistics")
        mixing = [step.op for step in self.preprocess if step.op in ("pca", "zca")]
        if mixing and (len(mixing) > 1 or self.preprocess[-1].op != mixing[0]):
            raise ValueError(f"preprocess: {mixing[0]} comes last: nothing is measured on what it leaves")
        return self

    @model_validator(mode="after")
    def _batches_can_be_dealt(self):
        if self.train.batch_size % self.data.streams:
            raise ValueError(
                f"data.streams: found {self.data.streams}, allowed: a divisor of train.batch_size, "
                f"{self.train.batch_size}"
            )
        return self

    def to_toml(self):
        """Return the resolved recipe as TOML text that `load_recipe` reads back to an equal recipe."""
        return tomli_w.dumps(self.tables())

    def tables(self):
        """Return the resolved recipe as plain tables; keys without a value are left out."""
        return self.model_dump(exclude_none=True)
