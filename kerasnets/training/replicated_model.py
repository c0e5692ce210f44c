"""The model that `fit` trains: one global batch, shared by any number of replicas, gives one answer."""

import keras
import tensorflow as tf


class ReplicatedModel(keras.Model):
    """A network with a training step that is right under `tf.distribute`.

    Stock Keras averages the replicas' means and clips before the all-reduce; here the loss is the sum over
    a replica's examples divided by the number in the global batch, and the gradients are summed over the
    replicas once, before the optimizer sees them.

    Create the network and the metrics under the strategy's scope, this object outside of it (Keras then
    skips its symbolic build, which some strategies cannot do), and compile and fit inside again.

    Args:
        network: a built functional model that gives logits (N, classes).
        example_loss: function (labels, logits) -> losses (N,).
        l2: adds l2/2 · ‖w‖² to the loss.
        decayed: the variables w that `l2` acts on.
        loss_metric: a `keras.metrics.Mean` named "loss".
        accuracy_metric: a metric of (labels, logits).
    """

    def __init__(self, network, example_loss, loss_metric, accuracy_metric, l2=0.0, decayed=()):
        super().__init__(inputs=network.inputs[0], outputs=network.outputs[0], name=network.name)
        self._example_loss = example_loss
        self._l2 = l2
        self._decayed = list(decayed)
        self._measured = [loss_metric, accuracy_metric]

    @property
    def metrics(self):
        """Loss and accuracy: summed over examples, so that uneven batches are weighted rightly."""
        return self._measured

    def train_step(self, data):
        """Take one optimizer step on this replica's share of a global batch."""
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        replicas = tf.distribute.get_replica_context()
        count = replicas.all_reduce("SUM", tf.cast(tf.shape(labels)[0], tf.float32))
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            losses = self._example_loss(labels, logits)
            if weights is not None:
                losses *= weights
            penalty = self._penalty()
            loss = tf.reduce_sum(losses) / count + penalty / replicas.num_replicas_in_sync
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(replicas.all_reduce("SUM", gradients), self.trainable_weights)
        self._measure(labels, logits, losses + penalty)

    def test_step(self, data):
        """Measure this replica's share of a global batch."""
        images, labels = data
        # a last batch smaller than the replicas leaves some with nothing, which oneDNN's convolutions cannot
        # take: such a replica runs one blank image and counts none (tf.pad would be fused into them)
        count = tf.shape(labels)[0]
        blank = tf.zeros([tf.maximum(1 - count, 0), *images.shape[1:]], images.dtype)
        logits = self(tf.concat([images, blank], 0), training=False)[:count]
        self._measure(labels, logits, self._example_loss(labels, logits) + self._penalty())

    def make_train_function(self, force=False):
        """Build the function that `fit` calls for each step."""
        if self.train_function is None or force:
            # train_step has summed the gradients already; the optimizer's own sum (a private name of
            # Keras) would count them once more for each replica
            self.optimizer._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars
            self.train_function = self._over_replicas(self.train_step)

    def make_test_function(self, force=False):
        """Build the function that `evaluate` calls for each batch."""
        if self.test_function is None or force:
            self.test_function = self._over_replicas(self.test_step)

    def _over_replicas(self, step):
        @tf.function
        def on_next_batch(iterator):
            self.distribute_strategy.run(step, args=(iterator.get_next(),))
            return self.get_metrics_result()

        return on_next_batch

    def _penalty(self):
        # what layers add of their own accord, and weight decay in the loss
        penalty = tf.add_n([tf.zeros([]), *self.losses])
        if self._l2:
            penalty += (
                self._l2 / 2 * tf.add_n([tf.reduce_sum(tf.square(variable)) for variable in self._decayed])
            )
        return penalty

    def _measure(self, labels, logits, losses):
        loss_metric, accuracy_metric = self._measured
        loss_metric.update_state(losses)
        accuracy_metric.update_state(labels, logits)
