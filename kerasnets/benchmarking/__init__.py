"""How fast a network trains and predicts on this machine, on each Keras backend.

Nothing here loads TensorFlow but `on_tensorflow` and `recipe_input`: the other backends run without it.
"""
