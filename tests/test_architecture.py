"""Imports point one way, light commands stay light, and the package installs under one name."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kerasnets

ROOT = Path(__file__).parent.parent

RANKS = [
    {
        "kerasnets.errors", "kerasnets.files", "kerasnets.catalog", "kerasnets.listening", "kerasnets.memory",
        "kerasnets.runtime", "kerasnets.terminal",
    },
    {"kerasnets.recipe", "kerasnets.recipes"},
    {"kerasnets.data"},
    {"kerasnets.layers"},
    {"kerasnets.models", "kerasnets.initializers", "kerasnets.losses"},
    {"kerasnets.sizing", "kerasnets.weights"},
    {"kerasnets.optimizers", "kerasnets.patience", "kerasnets.schedules"},
    {"kerasnets.diagnosis", "kerasnets.rate_range.curve"},
    {"kerasnets.callbacks"},
    {"kerasnets.runs", "kerasnets.judgement"},
    {"kerasnets.explaining"},
    {"kerasnets.inference", "kerasnets.predicting", "kerasnets.training"},
    {"kerasnets.data_commands", "kerasnets.network_sizes", "kerasnets.checking", "kerasnets.comparing"},
    {
        "kerasnets.calibration", "kerasnets.exporting", "kerasnets.report", "kerasnets.tuning",
        "kerasnets.benchmarking", "kerasnets.proposing", "kerasnets.rate_range",
    },
    {"kerasnets.serving", "kerasnets.studies", "kerasnets.watching"},
    {"kerasnets.api"},
    {"kerasnets.cli"},
    {"kerasnets.__main__"},
]  # fmt: skip
"""From left to right: a module imports from its own set or from those before it."""

BACKEND_FREE = {
    "weights", "models", "callbacks", "losses", "sizing", "initializers", "optimizers",
    "patience", "schedules", "diagnosis",
}  # fmt: skip
"""Run on every Keras backend: no tensorflow in them."""


def _modules():
    for folder, package in (("kerasnets", "kerasnets"), ("callbacks", "kerasnets.callbacks")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield path, ".".join([package, *(part for part in parts if part != "__init__")])


def _imported(path):
    yield from _names(ast.walk(ast.parse(path.read_text())))


def _names(nodes):
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _rank(name):
    for rank, prefixes in enumerate(RANKS):
        if any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes):
            return rank
    return None


MODULES = [(path, name) for path, name in _modules() if name != "kerasnets"]
IMPORTS = [(name, imported) for path, name in MODULES for imported in _imported(path)]
"""(module, what it imports), also within functions."""


def test_what_is_imported_is_there():
    """Also within functions; the type checker takes a module of ours that it cannot find for others'."""
    known = {"kerasnets", *(name for _, name in MODULES)}
    for name, imported in IMPORTS:
        if imported.startswith("kerasnets."):
            assert {imported, imported.rpartition(".")[0]} & known, f"{name} imports {imported}"


def test_imports_point_left():
    for _, name in MODULES:
        assert _rank(name) is not None, f"{name} has no place in RANKS"
    for name, imported in IMPORTS:
        if imported.startswith("kerasnets.") and _rank(imported) is not None:
            assert _rank(imported) <= _rank(name), f"{name} imports {imported}, which stands to its right"
        if name.split(".")[1] in BACKEND_FREE:
            assert imported.split(".")[0] != "tensorflow", f"{name} must run on every Keras backend"
        if name.split(".")[1] in BACKEND_FREE | {"data"}:
            assert not imported.startswith("kerasnets.recipe."), f"{name} takes plain arguments, no recipe"


READERS_OF_RUNS = (
    "runs", "calibration", "explaining", "inference", "predicting", "comparing", "exporting", "report",
    "network_sizes", "serving", "watching",
)  # fmt: skip
"""What is done with finished runs: none of it needs training."""


@pytest.mark.parametrize("room", READERS_OF_RUNS)
def test_readers_of_finished_runs_do_not_import_training(room):
    imports = [(name, imported) for name, imported in IMPORTS if name.split(".")[1] == room]
    assert imports
    for name, imported in imports:
        assert not imported.startswith("kerasnets.training"), f"{name} imports {imported}"


def test_no_modules_import_each_other_in_a_circle():
    names = {name for _, name in MODULES}
    imports = {
        name: {found for each in _imported(path) if (found := _module(each, names)) and found != name}
        for path, name in MODULES
    }
    while free := {name for name in imports if not imports[name]}:
        imports = {name: needed - free for name, needed in imports.items() if name not in free}
    assert not imports, f"a circle is among {sorted(imports)}"


def _module(imported, names):
    """Return the module that an imported name is, or is of; None for others' modules."""
    return next((each for each in (imported, imported.rpartition(".")[0]) if each in names), None)


def _rooms():
    """Folders of the package with modules in them, as paths from the root, and how many modules each has."""
    rooms = {}
    for path, _ in _modules():
        folder = path.parent.relative_to(ROOT)
        rooms[folder] = rooms.get(folder, 0) + (not path.name.startswith("__"))
    return rooms


def test_a_folder_holds_at_most_a_dozen_modules():
    assert not {str(room): count for room, count in _rooms().items() if count > 12}


def test_no_module_hides_a_public_function():
    assert not {path.stem for path in (ROOT / "kerasnets").iterdir()} & set(kerasnets.__all__)


def test_contributing_has_every_room_and_no_other():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Where things live")[1].split("\n## ")[0]
    named = {line.split("`")[1].rstrip("/") for line in table.splitlines() if line.startswith("| `")}
    others = {"recipes", "benchmarks", "docs", "examples", "tests"}
    assert named == {str(room) for room in _rooms()} | others


OWN_PRIVATE = {"_origin", "_asdict", "_replace"}
"""Of recipes, and of named tuples, whose are public."""


def test_contributing_lists_the_private_names_of_others():
    listed = (ROOT / "CONTRIBUTING.md").read_text().split("## Private names")[1].split("\n## ")[0]
    of_others = ("keras.src", "keras_tuner.src", "tensorflow.python")
    private = [(name, imported) for name, imported in IMPORTS if imported.startswith(of_others)]
    private += [(name, attribute) for path, name in MODULES for attribute in _private_attributes(path)]
    for name, each in private:
        assert each in listed or each.rpartition(".")[0] in listed, f"{name} uses {each}"


def _private_attributes(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner not in ("self", "cls") and node.attr not in OWN_PRIVATE:
                yield node.attr


def test_every_room_is_packaged():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {".".join(room.parts) for room in _rooms() if room.parts[0] == "kerasnets"}
    rooms |= {".".join(("kerasnets", *room.parts)) for room in _rooms() if room.parts[0] == "callbacks"}
    assert set(setuptools["packages"]) == rooms | {"kerasnets.recipes"}


def test_light_commands_load_nothing_heavy():
    code = (
        "import sys; from kerasnets.cli import main, prepare; prepare.list_names();"
        "assert 'pydantic' not in sys.modules and 'rich' not in sys.modules;"
        "from kerasnets import load_recipe; load_recipe('lenet5-digits');"
        "heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/*/**/conftest.py")), ids=str)
def test_a_folders_fixtures_do_not_load_tensorflow_before_it_is_prepared(path):
    imported = _names(ast.parse(path.read_text()).body)
    assert {name.split(".")[0] for name in imported} <= {*sys.stdlib_module_names, "pytest"}


def test_dependencies_have_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for group in project["optional-dependencies"].values() for each in group]
    own = next(each for each in extras if each.startswith("kerasnets["))
    for dependency in {*project["dependencies"], *extras} - {own}:
        assert ">=" in dependency, dependency
        assert "<" in dependency, dependency


def test_ci_runs_what_the_readme_says():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")]
    readme = (ROOT / "README.md").read_text()
    assert commands == ["make lint", "make test", "make test-all"]
    for line in commands:
        assert f"`{line}`" in readme


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory):
    """The wheel, built from the tracked files alone, installed into an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", folder / "source"]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", folder / "site", wheel]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "site"


@pytest.mark.exhaustive
def test_site_packages_gets_one_name(installed_wheel):
    names = {entry.name for entry in installed_wheel.iterdir() if not entry.name.endswith(".dist-info")}
    assert names - {"bin"} == {"kerasnets"}


def test_the_installed_wheel_has_its_recipes_and_callbacks(installed_wheel):
    code = (
        "import kerasnets, kerasnets.recipe as r, importlib.resources as i, pathlib, sys;"
        f"assert pathlib.Path(kerasnets.__file__).is_relative_to({str(installed_wheel)!r});"
        "print(*r.recipe_names()); [r.load_recipe(n) for n in r.recipe_names()];"
        "there = i.files('kerasnets'); assert there.joinpath('report', 'template.html').is_file();"
        "assert there.joinpath('py.typed').is_file();"
        "import importlib.metadata as m; assert m.version('kerasnets') == kerasnets.__version__;"
        "assert there.joinpath('callbacks', 'update_ratio.py').is_file();"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"  # which take seconds to load
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True,
        cwd=installed_wheel, env={"PYTHONPATH": str(installed_wheel)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shipped = sorted(path.stem for path in (ROOT / "recipes").glob("*.toml"))
    assert done.stdout.split() == shipped
