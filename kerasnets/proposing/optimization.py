"""How a proposal's network is trained: optimizer, schedule, epochs."""

from collections.abc import Iterator

from kerasnets.proposing.plan import HEAD_EPOCHS, Plan
from kerasnets.proposing.recipe_text import Line, Table

BATCH = 128
"""Images in a step that the rates here are for; others get rates in proportion (Goyal 2017, section 2.1)."""

HEAD_RATE = 1e-3
"""Learning rate of Adam for a new classifier."""

TARGET_RATE = 1e-3
"""Learning rate of Adam for numeric targets from nothing."""

FEW, TUNED_RATE, TUNED_RATE_OF_FEW = 2000, 3e-5, 1e-5
"""Training images below which a training may hardly change trained layers, and the rates of Adam for these.

On 245 photos of ants and bees 1e-4 made GoogLeNet's worse than its features were, 1e-5 did not.
"""

UPPER = {
    **dict.fromkeys(("googlenet", "googlenet_bn"), ("inception5*",)),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), ("stage5*",)),
    "inception_v3": ("mixed7b*", "mixed7c*"),
}
"""The layers of published weights that are trained on, below the classifier; of others there are none."""


def training_tables(plan: Plan) -> Iterator[Table]:
    """Yield the tables of a recipe that say how it is trained."""
    yield from _transfer(plan) if plan.network.weights else _from_nothing(plan)


def classifier(network: str) -> str:
    """Return the name of an architecture's last layer, which gives its logits."""
    return "fc8" if network.startswith(("vgg", "alexnet", "zfnet")) else "fc"


def _from_nothing(plan: Plan) -> Iterator[Table]:
    rate = 0.1 if plan.network.normalized else 0.05 if plan.network.name == "lenet5" else 0.02
    rate = float(f"{rate * plan.batch / BATCH:.2g}")
    yield Table("initialization", (Line("kernel", "he_normal", "for rectifiers (He 2015)"),))
    if plan.data.targets:
        why = (
            "whose steps are of one size, however large the numbers are; kerasnets tune searches a better one"
        )
        yield Table("optimizer", (Line("name", "adam"), Line("learning_rate", TARGET_RATE, why)))
    else:
        why = f"for batches of {plan.batch}; kerasnets tune searches a better one"
        lines = (Line("name", "sgd"), Line("learning_rate", rate, why), Line("momentum", 0.9))
        yield Table("optimizer", lines)
    yield Table("regularization", (Line("l2", 5e-4, "weight decay"),))
    warmup = Line("warmup_epochs", max(1, plan.epochs // 20), "small steps first")
    yield Table("schedule", (Line("name", "cosine", "falls to nothing at the end"), warmup))
    why = "images a step" if plan.batch >= 64 else "images a step: few images, small steps"
    yield Table("train", (Line("epochs", plan.epochs, plan.why), Line("batch_size", plan.batch, why)))


def _transfer(plan: Plan) -> Iterator[Table]:
    """Yield the tables for a new classifier on published weights, and then the layers below it at less."""
    head, below = classifier(plan.network.name), UPPER.get(plan.network.name, ())
    rate = TUNED_RATE_OF_FEW if plan.data.images["train"] < FEW else TUNED_RATE
    why = "the new classifier's, as in Big Transfer (Kolesnikov 2020); the other layers have weights"
    if head == "fc":  # others may have dense layers below it that the weights lack
        yield Table("initialization", (Line("kernel", "zeros", why),))
    yield Table("optimizer", (Line("name", "adam"), Line("learning_rate", HEAD_RATE, "of the classifier")))
    yield Table("schedule", (Line("name", "cosine", "in each phase anew"),))
    yield Table("train", (Line("batch_size", plan.batch, "images a step"),))
    yield _phase(
        Line("epochs", HEAD_EPOCHS, "of seconds: what lies below is computed once"),
        Line("trainable", [head], "first the new classifier, on features that stay"),
        Line("augment", False, "so that they stay"),
    )
    if below and plan.epochs:
        yield _phase(
            Line("epochs", plan.epochs, plan.why),
            Line("trainable", [*below, head], "then the upper layers too, which know other classes"),
            Line("learning_rate", rate, "low, so that they keep what they know"),
        )


def _phase(*lines: Line) -> Table:
    return Table("train.phases", lines, repeated=True)
