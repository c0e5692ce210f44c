"""What a bench measured. Loads nothing."""

from dataclasses import asdict, dataclass
from typing import Any

from kerasnets.sizing.tables import bytes_text, shape_text


@dataclass(frozen=True)
class Rate:
    """How fast some work is; medians of the repeats.

    Attributes:
        images_per_second: images done in a second.
        seconds: duration of one step.
        flops_per_second: floating point operations, two for each multiply-accumulate.
        share_of_matrix_product: that over what a large product of matrices reaches, 1 for the same.
    """

    images_per_second: float
    seconds: float
    flops_per_second: float
    share_of_matrix_product: float

    def __str__(self) -> str:
        return f"{self.images_per_second:,.1f} images/s, {_milliseconds(self.seconds)} a step"

    @property
    def share_text(self) -> str:
        """Operations a second, and their share of the matrix product's, for people."""
        return f"{self.flops_per_second / 1e9:,.1f} GFLOP/s, {self.share_of_matrix_product:.0%}"


@dataclass(frozen=True)
class TrainingRate(Rate):
    """How fast training is.

    Attributes:
        step_seconds: seconds of a step by part: "compute", with a batch that lies on the device; "input",
            what it takes longer with batches that have to come; "callbacks", their share of a step.
        repeats: seconds a step, "fixed" without input and "fed" with it, of every repeat.
    """

    step_seconds: dict[str, float]
    repeats: dict[str, list[float]]


@dataclass(frozen=True)
class InferenceRate(Rate):
    """How fast prediction is; `repeats` are seconds a step."""

    repeats: list[float]


@dataclass(frozen=True)
class MatrixProduct:
    """What the device reaches in a product of square matrices; `repeats` are seconds a product."""

    rows: int
    flops_per_second: float
    repeats: list[float]


@dataclass(frozen=True)
class PeakMemory:
    """Bytes at the peak of training, and how they were counted."""

    peak_bytes: int
    counted: str


@dataclass(frozen=True)
class BenchResult:
    """What was measured, on what, and with which versions. `print` shows it; `to_dict` is what JSON holds.

    Attributes:
        name: the architecture or recipe asked for.
        architecture: key of `kerasnets.models.BUILDERS`.
        options: further arguments of the architecture's builder.
        backend: "tensorflow", "jax" or "torch".
        precision: Keras dtype policy.
        batch: images in a training step and in a prediction.
        input: [height, width, channels].
        classes: number of logits.
        loss: name of the loss.
        optimizer: name of the optimizer.
        images: the data source, or "generated".
        notes: what a reader of the numbers should know, a sentence each.
        versions: of Python and the packages that matter.
        device: "kind", "name" and "count" of what ran it.
        environment: the variables set that change how fast a backend is.
        parameters: trainable ones, auxiliary heads included.
        training_macs: multiply-accumulates of the forward pass of an image in training.
        macs: multiply-accumulates of the prediction of an image.
        steps: training steps in a repeat.
        training: how fast training is.
        inference: how fast prediction is.
        matrix_product: what the device reaches, in the same precision on the same backend.
        memory: at the peak of training.
    """

    name: str
    architecture: str
    options: dict[str, Any]
    backend: str
    precision: str
    batch: int
    input: list[int]
    classes: int
    loss: str
    optimizer: str
    images: str
    notes: list[str]
    versions: dict[str, str]
    device: dict[str, Any]
    environment: dict[str, str]
    parameters: int
    training_macs: int
    macs: int
    steps: int
    training: TrainingRate
    inference: InferenceRate
    matrix_product: MatrixProduct
    memory: PeakMemory

    def to_dict(self) -> dict[str, Any]:
        """Return everything as nested dictionaries and lists that JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        parts = self.training.step_seconds.items()
        split = ", ".join(f"{name} {_milliseconds(seconds)}" for name, seconds in parts)
        cores = f", {self.device['count']} cores" if self.device["kind"] == "cpu" else ""
        product = self.matrix_product
        lines = [
            f"{self.name} on {self.backend}, {self.precision}, batches of {self.batch} of "
            f"{shape_text(self.input)}, {self.classes:,} classes, {self.images} images",
            f"{self.device['kind']}: {self.device['name']}{cores}",
            f"training   {self.training}: {split}",
            f"inference  {self.inference}",
            f"operations {self.macs:,} multiply-accumulates an image, three times that in training; "
            "two FLOPs each",
            f"           training {self.training.share_text}, inference {self.inference.share_text}, of the "
            f"{product.flops_per_second / 1e9:,.1f} of a product of {product.rows:,}-row matrices",
            f"memory     {bytes_text(self.memory.peak_bytes)} at the peak of training, {self.memory.counted}",
            f"medians of {len(self.inference.repeats)} repeats of {self.steps} training step(s)",
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.{1 if seconds >= 0.1 else 3}f} ms"
