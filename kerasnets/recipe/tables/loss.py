"""The table [loss]: what is minimized, together with the penalty of [regularization]."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from kerasnets.recipe.base import Above0, Fraction, NonNegative, Section, named

OF_TRAINING = {"class_weights", "auxiliary_weight", "tree"}


def _form(class_weights: Any) -> str:
    return (
        "word" if isinstance(class_weights, str) else "table" if isinstance(class_weights, dict) else "list"
    )


ClassWeights = Annotated[
    Annotated[Literal["balanced"], Tag("word")]
    | Annotated[list[NonNegative], Field(min_length=2), Tag("list")]
    | Annotated[dict[str, NonNegative], Tag("table")],
    Discriminator(_form),
]


class _Loss(Section):
    name: str
    auxiliary_weight: NonNegative = 0.3

    def options(self) -> dict[str, Any]:
        """Return name and keys of the loss itself, as `kerasnets.losses.example_loss` takes them."""
        return self.model_dump(exclude=OF_TRAINING)


class _Classification(_Loss):
    """`class_weights`: a factor on the loss of each example, by its class; their mean is not divided out.

    A list with a number for each class; or a table of numbers by class name, with 1 for those it leaves out;
    or "balanced": the images of a class count together as much as those of any other.
    """

    class_weights: ClassWeights | None = None


class _Regression(_Loss):
    class_weights: ClassVar[None] = None


class CategoricalCrossentropy(_Classification):
    """Softmax loss."""

    name: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    label_smoothing: Fraction = 0.0


class CategoricalHinge(_Classification):
    """Keras's multi-class hinge: max(0, 1 + highest wrong score - right score)."""

    name: Literal["categorical_hinge"]


class MulticlassHinge(_Classification):
    """The course's: over all wrong classes j the sum of max(0, score j - right score + margin)."""

    name: Literal["multiclass_hinge"]
    margin: Above0 = 1.0


class SquaredMulticlassHinge(_Classification):
    """The same with each term squared (L2-SVM)."""

    name: Literal["squared_multiclass_hinge"]
    margin: Above0 = 1.0


class HierarchicalSoftmax(_Classification):
    """A softmax among the children of each node of a tree; a class has the product along its path.

    `tree` is a CSV file with the columns node and parent; its leaves are the classes.
    """

    name: Literal["hierarchical_softmax"]
    tree: str


class MeanSquaredError(_Regression):
    """L2 regression: the mean over the outputs of the squared differences."""

    name: Literal["mean_squared_error"]


class MeanAbsoluteError(_Regression):
    """L1 regression: the mean over the outputs of the absolute differences."""

    name: Literal["mean_absolute_error"]


Loss = Annotated[
    CategoricalCrossentropy
    | CategoricalHinge
    | MulticlassHinge
    | SquaredMulticlassHinge
    | HierarchicalSoftmax
    | MeanSquaredError
    | MeanAbsoluteError,
    Field(discriminator="name"),
    named("categorical_crossentropy"),
]
