"""What a recipe trains on: its own images where they are on this machine, else generated ones."""

from dataclasses import replace

import numpy as np

from kerasnets.benchmarking.case import Case
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.pipeline.read import Reading
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.availability import is_local
from kerasnets.errors import UserError
from kerasnets.recipe import changed
from kerasnets.training.setup.inputs import TrainingInputs, batch_plan, list_inputs, prepare_inputs


def prepare_input(case: Case) -> tuple[TrainingInputs | None, Case]:
    """Return what a case trains on, and the case; None where its data is not on this machine.

    The case that is returned has its input's shape and classes, or a note why images are generated.
    """
    given = case.input_shape or case.classes
    if not case.shipped or given:
        return None, case
    data = case.recipe.data
    if not is_local(data.source, data.path):
        return None, _noted(case, f"{data.source} is not on this machine")
    try:
        inputs = prepare_inputs(list_inputs(case.recipe))
    except UserError as error:
        return None, _noted(case, str(error))
    classes = len(inputs.dataset.classes)
    return inputs, replace(case, input_shape=inputs.preprocessing.output_shape, classes=classes)


def generated(case: Case) -> TrainingInputs:
    """Return training inputs without images, for a case whose images are generated."""
    recipe = case.recipe
    if recipe.loss.name == "hierarchical_softmax":  # its tree has the names of the data's classes
        recipe = changed(recipe, {"loss.name": "categorical_crossentropy"})
    if case.class_weights:
        recipe = changed(recipe, {"loss.class_weights": case.class_weights})
    none = Split(np.zeros((0, *case.input_shape), "uint8"), np.zeros(0, "int64"))
    height, width, channels = case.input_shape
    dataset = Dataset(tuple(map(str, range(case.classes))), (height, width, channels), none)
    plain = Preprocessing([], (height, width, channels))
    return TrainingInputs(
        recipe=recipe,
        dataset=dataset,
        preprocessing=plain,
        operations=[],
        plan=batch_plan(recipe),
        reading=Reading(),
    )


def _noted(case: Case, reason: str) -> Case:
    return replace(case, notes=(*case.notes, f"generated images: {reason}"))
