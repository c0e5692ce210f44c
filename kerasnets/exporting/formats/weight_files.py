"""A run's network in files for Keras and PyTorch, whole or its weights alone; preprocessing stays outside."""

from pathlib import Path

import keras

from kerasnets.catalog.export_formats import ARCHITECTURE
from kerasnets.runs.trained_run import TrainedRun, open_run
from kerasnets.weights.saving import save_weights


def write_keras(trained: TrainedRun, path: Path) -> None:
    """Write the network, from preprocessed images to logits, as Keras saves it, without its optimizer."""
    _as_trained(trained).save(path)


def write_weights_h5(trained: TrainedRun, path: Path) -> None:
    """Write the network's weights as Keras saves them, and the network without them beside."""
    network = _as_trained(trained)
    network.save_weights(path)
    path.with_name(ARCHITECTURE).write_text(network.to_json(), encoding="utf-8")


def write_safetensors(trained: TrainedRun, path: Path) -> dict[str, str]:
    """Write the network's weights as safetensors, and the network without them beside.

    Returns:
        Whose names the tensors have, as `details` of the manifest.
    """
    network = _as_trained(trained)
    path.with_name(ARCHITECTURE).write_text(network.to_json(), encoding="utf-8")
    return {"names": save_weights(network, path)}


def _as_trained(trained: TrainedRun) -> keras.Model:
    """Return the network with its normalizations as they were trained, not folded, without further heads."""
    network = open_run(trained.directory, "export").network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)
