"""What finished runs say of image files."""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.data.decoding import decode, upright
from kerasnets.data.formats import sniff
from kerasnets.data.headers import HeaderError, read_header
from kerasnets.errors import UserError, graph_cause
from kerasnets.training.trained import open_runs, predictions, shared_channels


def predict_files(runs, images, top):
    """Predict classes or numbers of image files; see `kerasnets.predict`."""
    members = open_runs(runs, "predict")
    channels, (first, *_), rows = shared_channels(members), members, []
    for path in images:
        answers = np.asarray(predictions(members, _read_upright(path, channels)[None]))[0]
        if first.numeric:
            rows += [
                (str(path), name, float(value)) for name, value in zip(first.classes, answers, strict=True)
            ]
        else:
            best = np.argsort(-answers, kind="stable")[:top]
            rows += [
                (str(path), rank, first.classes[label], float(answers[label]))
                for rank, label in enumerate(best, 1)
            ]
    names = ["target", "value"] if first.numeric else ["rank", "label", "probability"]
    return pd.DataFrame(rows, columns=["image", *names])


def _read_upright(path, channels):
    """Return an image file's pixels, turned upright as training images are: uint8 (height, width, C)."""
    try:
        contents = Path(path).read_bytes()
        orientation = read_header(contents, sniff(contents)).orientation
        return upright(decode(tf.constant(contents), channels), orientation)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (HeaderError, KeyError):
        raise UserError(f"{path}: not a readable image: not a JPEG, PNG, BMP or GIF") from None
    except tf.errors.OpError as error:
        raise UserError(f"{path}: not a readable image: {graph_cause(error)}") from None
