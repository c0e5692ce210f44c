"""Images that another split has too, byte for byte or to the eye."""

import numpy as np
from PIL import Image

from kerasnets.data.dataset import Identities, Split
from kerasnets.data.sources.load import load_dataset
from kerasnets.judgement.copies import Copy, copies_elsewhere


def _photo(path, seed, size=(64, 48), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), "uint8")
    Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC).resize(size).save(path, **options)


def test_copies_of_files_are_found_in_the_other_splits(tmp_path):
    for seed in range(8):
        _photo(tmp_path / "train" / "ab"[seed % 2] / f"{seed}.png", seed)
    for seed in (3, 5, 20, 21):
        _photo(tmp_path / "test" / "ab"[seed % 2] / f"{seed}.png", seed)
    _photo(tmp_path / "test" / "b" / "5.png", 5, size=(128, 96))  # larger: other bytes, looks alike
    for split in ("train", "test"):
        Image.new("RGB", (9, 9)).save(tmp_path / split / "a" / "blank.png")
        Image.new("RGB", (9, 9), "white").save(tmp_path / split / "a" / f"white-{split}.png", comment=split)
    dataset = load_dataset("folder", tmp_path, validation=0)
    test, train = dataset.test, dataset.train
    copies = copies_elsewhere(test, {"train": train})
    found = {
        (test.identities.names[each.index], train.identities.names[each.other]): each.same_bytes
        for each in copies
    }
    same = {("test/b/3.png", "train/b/3.png"): True, ("test/a/blank.png", "train/a/blank.png"): True}
    alike = {("test/b/5.png", "train/b/5.png"): False}
    white = {pair: value for pair, value in found.items() if "white" in pair[0]}
    assert {pair: found[pair] for pair in found.keys() - white.keys()} == same | alike
    assert all(white.values()), "blank images look like nothing"
    assert [each.index for each in copies] == sorted({each.index for each in copies})


def test_of_arrays_exact_copies_are_found():
    def split(digests):
        names = np.array([str(each) for each in digests], object)
        images = np.zeros((len(digests), 2, 2, 1), "uint8")
        identities = Identities(names, np.array(digests, "uint64"))
        return Split(images, np.zeros(len(digests), "int64"), identities=identities)

    others = {"train": split([5, 6, 0, 7]), "validation": split([8, 6])}
    copies = copies_elsewhere(split([8, 1, 6, 0]), others)
    assert copies == [Copy(0, "validation", 0, same_bytes=True), Copy(2, "train", 1, same_bytes=True)]
    assert copies_elsewhere(split([8]), {}) == []
