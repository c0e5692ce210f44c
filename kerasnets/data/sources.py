"""Where images come from. `load_dataset` is the way in; each source is one function below it."""

from kerasnets.data.dataset import Dataset, Split, hold_out
from kerasnets.data.folder import read_folder
from kerasnets.data.npz import read_npz
from kerasnets.data.published import read_published

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
