"""Where images come from. `load_dataset` is the way in; each source is one function below it."""

from kerasnets.arrays import read_arrays
from kerasnets.data.dataset import Dataset, Split, hold_out
from kerasnets.data.folder import read_folder
from kerasnets.data.published import read_published
from kerasnets.errors import UserError

PUBLISHED = ("mnist", "fashion_mnist", "cifar10", "cifar100")
SOURCES = ("digits", *PUBLISHED, "npz", "folder")


def load_dataset(source, path=None, channels=None, validation=0.1, test=0.2, seed=0, workers=2):
    """Load a source and split it.

    Args:
        source: one of `SOURCES`.
        path: the file of "npz", the folder of "folder".
        channels: 1 or 3, what "folder" decodes to (default 3).
        validation: fraction of the training images held out where the source has no validation split.
        test: the same for test.
        seed: decides which images are validation.
        workers: threads that check image files.

    Returns:
        A `Dataset`.

    Raises:
        UserError: the data is missing, unreadable or not as the source needs it.
    """
    if source == "digits":
        dataset = _digits()
    elif source == "npz":
        dataset = read_npz(path)
    elif source == "folder":
        dataset = read_folder(path, channels or 3, workers)
    else:
        dataset = read_published(source)
    return hold_out(dataset, path or source, validation, test, seed)


def _digits():
    """scikit-learn's 1,797 digits of 8x8 pixels, 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * (255 / 16)).round().astype("uint8")[..., None]
    names = tuple(str(digit) for digit in range(10))
    return Dataset(names, (8, 8, 1), Split(images, bunch.target.astype("int64")))


def read_npz(path):
    """Read a NumPy archive of x_train, y_train and optionally x_val, y_val, x_test, y_test, classes.

    Images are uint8 (N, height, width) or (N, height, width, channels); labels are integers from 0.
    """
    arrays = read_arrays(path)
    train = npz_split(arrays, "train", path)
    if train is None:
        raise UserError(
            f"{path}: found arrays {', '.join(arrays) or 'none'}, allowed: x_train and y_train at least"
        )
    validation, test = npz_split(arrays, "val", path), npz_split(arrays, "test", path)
    shape = train.images.shape[1:]
    for name, split in (("x_val", validation), ("x_test", test)):
        if split is not None and split.images.shape[1:] != shape:
            raise UserError(
                f"{path}: {name}: images are {split.images.shape[1:]}, allowed: {shape} as x_train"
            )
    count = 1 + max(int(split.labels.max()) for split in (train, validation, test) if split is not None)
    names = tuple(str(name) for name in arrays.get("classes", range(count)))
    if len(names) < count:
        raise UserError(f"{path}: classes: found {len(names)} names, allowed: {count}, one a label")
    missing = sorted(set(range(len(names))) - set(train.labels.tolist()))
    if missing:
        raise UserError(f"{path}: y_train: class {names[missing[0]]!r} has no images")
    return Dataset(names, shape, train, validation, test)


def npz_split(arrays, name, path):
    """Return one checked split of an archive's arrays, or None where it has no such split."""
    images, labels = arrays.get(f"x_{name}"), arrays.get(f"y_{name}")
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        raise UserError(f"{path}: found only one of x_{name} and y_{name}, allowed: both or none")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != "uint8" or images.ndim != 4 or not images.size:
        raise UserError(
            f"{path}: x_{name}: found {images.dtype} of shape {images.shape}, "
            "allowed: uint8 (N, height, width) or (N, height, width, channels)"
        )
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1] or labels.min() < 0:
        raise UserError(
            f"{path}: y_{name}: found {labels.dtype} of shape {labels.shape}, "
            f"allowed: {len(images)} integers from 0, one an image"
        )
    return Split(images, labels.astype("int64"))
