"""scikit-learn's 1,797 handwritten digits."""

from kerasnets.data.dataset import Dataset, Split


def read_digits() -> Dataset:
    """Return the digits, 8x8 pixels, their 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * (255 / 16)).round().astype("uint8")[..., None]
    names = tuple(str(digit) for digit in range(10))
    return Dataset(names, (8, 8, 1), Split(images, bunch.target.astype("int64")))
