"""The public functions, a module a group. Each prepares the process first and only then loads TensorFlow."""
