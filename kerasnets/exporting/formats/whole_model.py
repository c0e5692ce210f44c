"""One Keras model of one run or several, preprocessing and softmax inside, for Keras's own exporters."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kerasnets.errors import UserError
from kerasnets.exporting.formats.matrix_resampling import by_matrices
from kerasnets.runs.ensemble import mean_of, shared_channels
from kerasnets.runs.trained_run import TrainedRun


def model_of_raw_images(members: Sequence[TrainedRun]) -> keras.Model:
    """Return the model from raw images, uint8 (N, any height, any width, C), to the mean predictions.

    Args:
        members: the runs; each prepares the images in its own way.
    """
    images = keras.Input((None, None, shared_channels(members)), dtype="uint8", name="images")
    return _named(members, images, [_spatial(trained)(images) for trained in members])


def model_of_sized_images(members: Sequence[TrainedRun]) -> keras.Model:
    """Return the model from images of the network's size, uint8 (N, height, width, C), to mean predictions.

    Raises:
        UserError: members with other spatial steps, which would need other images.
    """
    check_same_spatial(members)
    images = keras.Input(members[0].preprocessing.output_shape, dtype="uint8", name="images")
    return _named(members, images, [images] * len(members))


def check_same_spatial(members: Sequence[TrainedRun]) -> None:
    """Raise UserError unless all members resize, pad and crop images in the same way."""
    first, *others = members
    wanted = (first.preprocessing.image_shape, first.preprocessing.spatial_steps)
    for other in others:
        if (other.preprocessing.image_shape, other.preprocessing.spatial_steps) != wanted:
            raise UserError(
                f"{other.directory}: found other spatial steps than {first.directory} has, allowed in this "
                "format: the same, because they stay outside; saved_model, onnx and openvino take any"
            )


def _spatial(trained: TrainedRun) -> keras.layers.Layer:
    """Return the spatial steps of a run as a layer; what it gives has a size that converters know."""
    preprocessing = trained.preprocessing

    def prepare(images: tf.Tensor) -> tf.Tensor:
        return tf.reshape(preprocessing.spatial(images, by_matrices), [-1, *preprocessing.output_shape])

    return keras.layers.Lambda(prepare, output_shape=preprocessing.output_shape)


def _named(
    members: Sequence[TrainedRun], images: keras.KerasTensor, sized: Sequence[keras.KerasTensor]
) -> keras.Model:
    """Return the model from `images` to the mean predictions, given them at each network's size."""
    predictions = []
    for number, (trained, prepared) in enumerate(zip(members, sized, strict=True)):
        # a model cannot hold two of one name
        network = keras.Model(trained.network.inputs, trained.network.outputs[0], name=f"member{number}")
        predictions.append(trained.activation(network(_values(trained)(prepared))))
    return keras.Model(images, keras.layers.Identity(name=members[0].output_name)(mean_of(predictions)))


def _values(trained: TrainedRun) -> keras.layers.Layer:
    preprocessing = trained.preprocessing

    def values(images: tf.Tensor) -> tf.Tensor:
        return preprocessing.values(tf.cast(images, tf.float32))

    return keras.layers.Lambda(values, output_shape=preprocessing.output_shape)
