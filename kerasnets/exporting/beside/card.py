"""model_card.md: what the model is, how good it is and where it ends, for people and for the Hub.

Its parts are those of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, section 4; its header is
the Hub's metadata (huggingface.co/docs/hub/model-cards), YAML made of JSON's lists, tables and text.
"""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kerasnets.exporting.beside.facts import CardFacts
from kerasnets.judgement.outcomes import NAMES

HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
}
"""Sources by the Hub's names; of other images the Hub knows nothing."""

MOST = 100
"""Classes that are named, or have a line in a table, at most."""

TO_FILL = "*To be written by the author.*"


def card_text(facts: CardFacts) -> str:
    """Return the card as Markdown with a YAML header."""
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"json": _json, "cell": _cell, "number": _number}
    runs, numeric = facts.runs, facts.manifest.numeric
    kind = "image-regression" if numeric else "image-classification"
    sources = dict.fromkeys(run.dataset.source for run in runs)
    return environment.get_template("model_card.md").render(
        model=facts.manifest,
        runs=runs,
        unlike=list({(run.architecture, run.parameters, run.input_shape): run for run in runs}.values()),
        tags=["kerasnets", kind, *dict.fromkeys(run.architecture for run in runs)],
        task={"type": kind, "name": kind.replace("-", " ")},
        hub_datasets=[HUB_DATASETS[source] for source in sources if source in HUB_DATASETS],
        measures=NAMES,
        most=MOST,
        to_fill=TO_FILL,
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    """Return text as it can stand in a table: on one line."""
    return " ".join(text.split()).replace("|", r"\|")


def _number(value: Any) -> str:
    """Return a number of a table to four digits, whole numbers and text as they are, and nothing for None."""
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else _cell(str(value))
