"""The files of a search."""

from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.recipe import load_recipe
from kerasnets.tuning import search


def test_keras_tuners_files_appear_whole(tmp_path, monkeypatch):
    written, write = set(), search.write_json

    def recorded(path, table):
        written.add(path.relative_to(tmp_path))
        write(path, table)

    monkeypatch.setattr(search, "write_json", recorded)
    overrides = ["tune.epochs=1", "train.batch_size=256", "augment=[]", *UNDIAGNOSED]
    recipe = load_recipe("lenet5-digits", overrides)
    kerasnets.tune(recipe, trials=1, to=tmp_path)
    assert written == {path.relative_to(tmp_path) for path in (tmp_path / "search").rglob("*.json")}
    assert len(written) == 3, "oracle, tuner, trial"
