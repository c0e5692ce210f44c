"""Models for the requests that TensorFlow Serving's documentation shows."""

import tensorflow as tf


class HalfPlusThree(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x * 0.5 + 3}


class Three(tf.Module):
    @tf.function(input_signature=[
        tf.TensorSpec([None], tf.string, name="tag"),
        tf.TensorSpec([None, 5], tf.float32, name="signal"),
        tf.TensorSpec([None, None, 2], tf.int64, name="sensor"),
    ])  # fmt: skip
    def __call__(self, tag, signal, sensor):
        total = tf.reduce_sum(signal, 1) + tf.cast(tf.reduce_sum(sensor, (1, 2)), tf.float32)
        return {"tag_bytes": tag, "upper": tf.strings.upper(tag), "total": total}
