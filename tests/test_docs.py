"""The pages for users: links lead somewhere, commands and options exist, every page can be found."""

import re
from pathlib import Path

import pytest
import typer.main

from kerasnets.cli.main import app
from kerasnets.recipe import load_recipe

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", *DOCS]
COMMANDS = typer.main.get_command(app).commands

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _anchors(page):
    """The anchors of a page's headings, by GitHub's rule: lower case, no punctuation, hyphens for spaces."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def _code(page):
    """The lines of a page's code, indented or fenced, and its code within sentences."""
    text = page.read_text()
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    lines += [
        line for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()
    ]
    return [*lines, *re.findall(r"`([^`\n]+)`", text)]


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), target
            assert not anchor or anchor in _anchors(there), target


@each_page
def test_headings_have_anchors_of_their_own(page):
    assert len(set(_anchors(page))) == len(_anchors(page))


@each_page
def test_commands_and_their_options_exist(page):
    for line in _code(page):
        line = line.split(" #")[0].replace("\\|", "/")
        for name, rest in re.findall(r"\bkerasnets ([a-z]\w*)([^|]*)", line):
            assert name in COMMANDS, line
            options = {
                option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)
            }
            assert set(re.findall(r"(?<=\s|\[)--[a-z][\w-]*", rest)) <= options | {"--help"}, line


def test_the_readme_names_every_command_and_every_page():
    text = README.read_text()
    assert {name for name in COMMANDS if not re.search(rf"^\| `kerasnets {name}\b", text, re.M)} == set()
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    assert {f"docs/{page.name}" for page in DOCS} <= linked


def test_the_readme_names_every_target_of_make():
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    assert not [target for target in targets if f"`make {target}" not in README.read_text()]


def test_the_readme_is_short_and_docs_are_few():
    assert len(README.read_text().splitlines()) <= 220
    assert len(list((ROOT / "docs").iterdir())) <= 12


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_recipes_in_pages_are_recipes(page, tmp_path):
    for text in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S):
        base = "" if "base = " in text else 'base = "vgg16-imagenet"\n'
        (tmp_path / "page.toml").write_text(base + text)
        load_recipe(tmp_path / "page.toml")
