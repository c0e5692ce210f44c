"""Imports point one way, light commands stay light, and the package installs under one name."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RANKS = [
    {
        "kerasnets.errors", "kerasnets.files", "kerasnets.catalog", "kerasnets.memory", "kerasnets.runtime",
        "kerasnets.terminal",
    },
    {"kerasnets.recipe", "kerasnets.recipes"},
    {"kerasnets.data"},
    {"kerasnets.layers"},
    {"kerasnets.models", "kerasnets.initializers", "kerasnets.losses"},
    {"kerasnets.sizing", "kerasnets.weights"},
    {"kerasnets.optimizers", "kerasnets.patience", "kerasnets.schedules"},
    {"kerasnets.callbacks"},
    {"kerasnets.runs"},
    {"kerasnets.inference", "kerasnets.training"},
    {"kerasnets.data_commands", "kerasnets.network_sizes"},
    {"kerasnets.exporting", "kerasnets.report", "kerasnets.tuning", "kerasnets.benchmarking"},
    {"kerasnets.api"},
    {"kerasnets.cli"},
]  # fmt: skip
"""From left to right: a module imports from its own set or from those before it."""

BACKEND_FREE = {
    "weights", "models", "callbacks", "losses", "sizing", "initializers", "optimizers",
    "patience", "schedules",
}  # fmt: skip
"""Run on every Keras backend: no tensorflow in them."""


def _modules():
    for folder, package in (("kerasnets", "kerasnets"), ("callbacks", "kerasnets.callbacks")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield path, ".".join([package, *(part for part in parts if part != "__init__")])


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
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


@pytest.mark.parametrize(("path", "name"), MODULES, ids=[name for _, name in MODULES])
def test_imports_point_left(path, name):
    assert _rank(name) is not None, f"{name} has no place in RANKS"
    for imported in _imported(path):
        if imported.startswith("kerasnets.") and _rank(imported) is not None:
            assert _rank(imported) <= _rank(name), f"{name} imports {imported}, which stands to its right"
        if name.split(".")[1] in BACKEND_FREE:
            assert imported.split(".")[0] != "tensorflow", f"{name} must run on every Keras backend"
        if name.split(".")[1] in BACKEND_FREE | {"data"}:
            assert not imported.startswith("kerasnets.recipe."), f"{name} takes plain arguments, no recipe"


def test_light_commands_load_nothing_heavy():
    code = (
        "import sys; from kerasnets import cli; cli.list_names(); cli.load_recipe('lenet5-digits');"
        "heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_dependencies_have_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for group in project["optional-dependencies"].values() for each in group]
    for dependency in {*project["dependencies"], *extras} - {"kerasnets[onnx,tfds,heic]"}:
        assert ">=" in dependency, dependency
        assert "<" in dependency, dependency


def test_ci_runs_what_the_readme_says():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")]
    readme = (ROOT / "README.md").read_text()
    assert commands == ["make lint", "make test"]
    for line in commands:
        assert line in readme


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


def test_site_packages_gets_one_name(installed_wheel):
    names = {entry.name for entry in installed_wheel.iterdir() if not entry.name.endswith(".dist-info")}
    assert names - {"bin"} == {"kerasnets"}


def test_the_installed_wheel_has_its_recipes_and_callbacks(installed_wheel):
    code = (
        "import kerasnets, kerasnets.recipe as r, importlib.resources as i, pathlib, sys;"
        f"assert pathlib.Path(kerasnets.__file__).is_relative_to({str(installed_wheel)!r});"
        "print(*r.recipe_names()); [r.load_recipe(n) for n in r.recipe_names()];"
        "assert i.files('kerasnets.report').joinpath('template.html').is_file();"
        "import importlib.util as u; assert u.find_spec('kerasnets.callbacks.update_ratio')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True, capture_output=True, text=True,
        cwd=installed_wheel, env={"PYTHONPATH": str(installed_wheel)},
    )  # fmt: skip
    shipped = sorted(path.stem for path in (ROOT / "recipes").glob("*.toml"))
    assert done.stdout.split() == shipped
