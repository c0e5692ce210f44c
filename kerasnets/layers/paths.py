"""The layers of a model and its nested models by path: `backbone/conv1` is conv1 of the model backbone."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import keras

from kerasnets.errors import few


def layer_paths(model: keras.Model) -> dict[str, keras.Layer]:
    """Return the layers of a model that are not models themselves, by path, in the model's order.

    Args:
        model: functional, sequential or subclassed; may hold models, at any depth. A layer that two of them
            share has the first path alone.
    """
    paths: dict[str, keras.Layer] = {}
    found: set[int] = set()

    def collect(model: keras.Model, prefix: str) -> None:
        for layer in model.layers:
            if id(layer) in found:
                continue
            found.add(id(layer))
            if isinstance(layer, keras.Model):
                collect(layer, f"{prefix}{layer.name}/")
            else:
                paths[f"{prefix}{layer.name}"] = layer

    collect(model, "")
    return paths


def trainable_weights(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Return the trainable weights of each layer that has any, by path.

    Weights that a subclassed model holds itself, outside its layers, have the model's own name as path.
    """
    by_path = {path: layer.trainable_weights for path, layer in layer_paths(model).items()}
    known = {id(weight) for weights in by_path.values() for weight in weights}
    by_path[model.name] = [weight for weight in model.trainable_weights if id(weight) not in known]
    return {path: weights for path, weights in by_path.items() if weights}


def matching_paths(paths: Iterable[str], patterns: str | Sequence[str]) -> list[str]:
    """Return the paths that one of some patterns names, in their own order.

    Args:
        paths: of layers.
        patterns: one or several paths, or patterns of such: `*` stands for any letters, `/` among them, `?`
            for one, `[12]` for one of some.

    Raises:
        ValueError: a pattern matches no path.
    """
    patterns, paths = [patterns] if isinstance(patterns, str) else list(patterns), list(paths)
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in paths):
            raise ValueError(f"layers: found {pattern!r}, which no layer matches, allowed: {few(paths)}")
    return [path for path in paths if any(fnmatchcase(path, pattern) for pattern in patterns)]
