"""Training under tf.distribute, and the run directory that it leaves behind."""
