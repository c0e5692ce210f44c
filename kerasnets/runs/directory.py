"""The run directory: the only thing that training leaves for the commands after it."""

import re
from pathlib import Path

from kerasnets.errors import UserError
from kerasnets.files.whole_files import check_writable, final_name, owned, read_json
from kerasnets.recipe import load_recipe
from kerasnets.runs import damage

KEPT_CHECKPOINTS = 2
CHECKPOINT_NAME = r"epoch-(\d+)(?:-step-(\d+))?\.npz"

BEGINNING = (
    "lock", "log.txt", "checkpoints", "environment.json", "dataset.json", "images.csv.gz", "samples.npz",
    "preprocessing.json", "preprocessing.npz", "label_tree.csv",
)  # fmt: skip
"""What a run that was stopped before its recipe was written has left; the recipe makes the folder a run."""

MAY_CHANGE = {
    *(("data", key) for key in ("path", "workers", "prefetch", "cache", "cache_gib", "disk_gib")),
    *(("train", key) for key in ("strategy", "devices", "steps_per_execution", "checkpoint_seconds")),
    ("train", "host_wait_seconds"),
}
"""Keys that do not change what is trained: a run may go on with others. Its list of images, and not the path,
says whether the data is the same."""


class RunDirectory:
    """Names what lies in a run's folder, and who may write there.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.recipe_file = self.path / "recipe.toml"
        self.environment = self.path / "environment.json"
        self.dataset = self.path / "dataset.json"
        self.images = self.path / "images.csv.gz"
        self.preprocessing = self.path / "preprocessing.json"
        self.samples = self.path / "samples.npz"
        self.label_tree = self.path / "label_tree.csv"
        self.log = self.path / "log.txt"
        self.history = self.path / "history.csv"
        self.diagnostics = self.path / "diagnostics.csv"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.keras"
        self.result_file = self.path / "result.json"
        self.report = self.path / "report.html"

    def __str__(self):
        return str(self.path)

    @property
    def exists(self):
        """Whether a run was started here."""
        return self.recipe_file.is_file()

    @property
    def finished(self):
        """Whether a run came to its end here. The result is the last file written."""
        return self.result_file.is_file()

    def recipe(self):
        """Return the run's resolved recipe."""
        with self.reading(self.recipe_file):
            return load_recipe(self.recipe_file)

    def result(self):
        """Return the run's result table."""
        with self.reading(self.result_file):
            return _checked_result(self.result_file)

    def dataset_table(self):
        """Return dataset.json: what the run was made of."""
        with self.reading(self.dataset):
            table = read_json(self.dataset, classes=list, numeric=bool)
            odd = [name for name in table["classes"] if not isinstance(name, str)]
            if odd or not table["classes"]:
                found = repr(odd[0]) if odd else "none"
                raise UserError(f"{self.dataset}: classes: found {found}, allowed: names")
            return table

    def reading(self, path):
        """Refuse in one line, as damaged, what reading `path` in the block raises; see `damage.reading`."""
        return damage.reading(self.path, path)

    @property
    def best(self):
        """The checkpoint of the best epoch so far."""
        return self.checkpoints / "best.npz"

    def checkpoint(self, epoch, step=0):
        """Return the file of the checkpoint taken after `epoch` epochs and `step` steps of the next one."""
        inside = f"-step-{step:07d}" if step else ""
        return self.checkpoints / f"epoch-{epoch:05d}{inside}.npz"

    def epochs_done(self):
        """Return how many epochs the newest checkpoint has behind it, or 0."""
        return max(self.checkpointed(), default=(0, 0))[0]

    def checkpointed(self):
        """Return (epochs, steps of the next one) of the checkpoints there are, the oldest first."""
        names = (re.fullmatch(CHECKPOINT_NAME, entry.name) for entry in self.checkpoints.glob("epoch-*.npz"))
        return sorted((int(name[1]), int(name[2] or 0)) for name in names if name)

    def drop_old_checkpoints(self):
        """Remove all checkpoints but the last two and the best."""
        for position in self.checkpointed()[:-KEPT_CHECKPOINTS]:
            self.checkpoint(*position).unlink()

    def check_free(self):
        """Raise UserError if another process is writing a run here."""
        if self.exists:
            with self.locked():
                pass

    def check_usable(self, recipe, resume):
        """Raise UserError unless `recipe` may be trained here; changes nothing."""
        if not self.finished:
            check_writable(self.path, "the run")
        if not self.exists:
            if self.path.is_dir() and not all(map(_of_a_beginning, self.path.iterdir())):
                raise UserError(f"{self}: found a folder with other files, allowed: an empty or a new one")
            return
        if not resume:
            state = "a finished run" if self.finished else f"a run stopped after epoch {self.epochs_done()}"
            go_on = "" if self.finished else ", or --resume to go on with it"
            raise UserError(f"{self}: already holds {state}; give another --run{go_on}")
        _check_same(self.recipe(), recipe, self)

    def check_finished(self, purpose):
        """Raise UserError unless a finished run lies here; `purpose` says what needs it."""
        if not self.exists:
            raise UserError(f"{self}: no run here; allowed: a folder that `kerasnets train` has made")
        if not self.finished:
            done, epochs = self.epochs_done(), self.recipe().train.epochs
            raise UserError(
                f"{self}: unfinished, {done} of {epochs} epochs; {purpose} needs a finished run: go on with "
                f"kerasnets train {self.recipe_file} --run {self} --resume"
            )

    def locked(self):
        """Own the directory, created if need be, while the block runs; see `whole_files.owned`."""
        return owned(self.path)


def _checked_result(path):
    """Return the table in result.json; raise UserError unless it has what is read of it."""
    number = (int, float)
    table = read_json(path, parameters=int, epochs=int, steps=int, images_per_second=number)
    for split in {"validation", "test"} & set(table):
        measured = table[split] if isinstance(table[split], dict) else {}
        if not {"loss", "images"} <= set(measured) or not {"accuracy", "mean_absolute_error"} & set(measured):
            raise UserError(f"{path}: {split}: found no loss, measure and images")
        for name, value in measured.items():
            if type(value) not in number:
                raise UserError(f"{path}: {split}.{name}: found {value!r}, allowed: a number")
    return table


def _of_a_beginning(entry):
    empty = not (entry.is_dir() and any(entry.iterdir()))
    return final_name(entry.name) in (*BEGINNING, "recipe.toml") and empty


def _check_same(kept, given, directory):
    old, new = (recipe.model_dump(exclude={"name"}) for recipe in (kept, given))
    for section in old:
        if section in ("tune", "name"):
            continue
        pairs = _differing(old[section], new[section])
        for key, was, found in pairs:
            if (section, key) not in MAY_CHANGE:
                dotted = f"{section}.{key}" if key else section
                raise UserError(
                    f"{directory}: holds a run with {dotted} = {was!r}, found {found!r}; "
                    "give another --run, or resume with the run's own recipe"
                )


def _differing(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
    return [] if old == new else [(None, old, new)]
