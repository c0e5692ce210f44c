"""Finished runs that nobody trained: an architecture with weights that are drawn or given."""

from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.files.arrays import write_arrays
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.network import build_network
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.result import Measures, Result


def write_run(folder, overrides, *, classes, samples, image_shape, set_weights):
    """Write a finished run; return its directory.

    Args:
        folder: the run directory.
        overrides: of `lenet5-digits`, as `--set` takes them; its images are never looked for.
        classes: class names.
        samples: bytes of image files or uint8 arrays that it keeps: an export is checked on them.
        image_shape: (height, width, channels) of its images; None for what differs.
        set_weights: called with the network.
    """
    run = RunDirectory(folder)
    run.path.mkdir(parents=True)
    gone = ["data.source=folder", f"data.path={folder}/gone", "augment=[]"]
    recipe = load_recipe("lenet5-digits", [*gone, *overrides])
    steps = [step.model_dump(exclude_none=True) for step in recipe.preprocess]
    preprocessing = Preprocessing(steps, image_shape).fit(None)
    network = build_network(recipe, preprocessing.output_shape, classes)
    set_weights(network)
    preprocessing.save(run.preprocessing_file)
    network.save(run.model_file)
    run.recipe_file.write_text(recipe.to_toml())
    DatasetRecord("folder", tuple(classes), False, image_shape, {"test": len(samples)}, None).write(
        run.dataset_file
    )
    Environment(
        python="3.11", machine="Linux", devices=[{"kind": "cpu", "name": "any"}], strategy="none", replicas=1,
        packages={},
    ).write(run.environment_file)  # fmt: skip
    write_arrays(run.samples_file, {f"{number:02}": _array(sample) for number, sample in enumerate(samples)})
    Result(
        name=recipe.name, parameters=network.count_params(), epochs=0, steps=0, seconds=0.0,
        images_per_second=0.0, test=Measures(loss=1.0, accuracy=0.5, images=len(samples)),
    ).write(run.result_file)  # fmt: skip
    return run


def _array(sample):
    import numpy as np

    return np.frombuffer(sample, "uint8") if isinstance(sample, bytes) else sample
