"""The layers of a model by name, nested models opened: `backbone/conv1` is conv1 of the model backbone."""

import keras


def layer_paths(model):
    """Return the layers of a model that are no models themselves, by path.

    Args:
        model: a `keras.Model`, functional, sequential or subclassed. Models in it are opened, however deep;
            a layer in two of them has the path it is first met at.

    Returns:
        Dictionary of path to `keras.Layer`, in the order of the model's layers; a path is the layer's name
        behind those of the models it lies in, with slashes between.
    """
    paths = {}
    _collect(model, "", paths, set())
    return paths


def _collect(model, prefix, paths, met):
    for layer in model.layers:
        if id(layer) in met:
            continue
        met.add(id(layer))
        if isinstance(layer, keras.Model):
            _collect(layer, f"{prefix}{layer.name}/", paths, met)
        else:
            paths[f"{prefix}{layer.name}"] = layer


def trainable_weights(model):
    """Return the trainable weights of each layer that has any, by path: a dictionary of lists of variables.

    Weights that a subclassed model holds itself, in none of its layers, come under the model's own name.
    """
    by_path = {path: layer.trainable_weights for path, layer in layer_paths(model).items()}
    known = {id(weight) for weights in by_path.values() for weight in weights}
    by_path[model.name] = [weight for weight in model.trainable_weights if id(weight) not in known]
    return {path: weights for path, weights in by_path.items() if weights}
