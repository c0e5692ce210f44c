"""The command itself: its help, its groups, what it lists, and what a terminal sees that a pipe does not."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

import kerasnets
from kerasnets.cli.main import GROUPS
from kerasnets.models import BUILDERS
from kerasnets.recipe import recipe_names

COMMANDS = [name for group in GROUPS.values() for name in group]


def _on_a_terminal(*arguments, columns=100, before="pass", **environment):
    """Run the command, and other code before, on a pseudo-terminal; return what it wrote there."""
    code = f"import sys; {before}; from kerasnets.cli.main import main; main()"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    others = ("NO_COLOR", "COLUMNS", "LINES")  # which count for more than the terminal's own
    given = {name: value for name, value in os.environ.items() if name not in others}
    given |= {"TERM": "xterm-256color"} | environment
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=given
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end
            read = b""
        if not read:
            break
        written += read
    process.wait()
    os.close(ours)
    return written.decode()


def test_the_help_has_every_command_in_its_group(command):
    code, text, _ = command("--help")
    assert code == 0
    sections = dict(re.findall(r"^([A-Z][\w ]+):\n((?:  .*\n)+)", text, re.MULTILINE))
    for group, names in GROUPS.items():
        listed = re.findall(r"^  (\w+)", sections[group], re.MULTILINE)
        assert listed == list(names)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_texts_are_whole_sentences(command, name):
    code, text, _ = command(name, "--help")
    assert code == 0
    assert "\x1b" not in text
    assert not re.search(r"<\w|\.\.\.[}\]]", text)  # Python's types, "{RUN...}..."
    entries = text.split("Options:")[1].split("\n  -")[1:]
    for entry in entries:
        words = " ".join(re.sub(r"^\S+( \S+)*?  +", "", entry).split())
        assert re.search(r"[.)]( \[(default|env var): .*\]| \[required\])?$", words), words
        assert words[0].isupper(), words


def test_the_version_is_the_packages(command):
    assert command("--version") == (0, f"kerasnets {kerasnets.__version__}\n", "")
    as_module = [sys.executable, "-m", "kerasnets", "--version"]
    assert subprocess.run(as_module, capture_output=True, text=True).stdout == command("--version")[1]


def test_list_says_what_each_recipe_is(command):
    code, text, _ = command("list")
    architectures, recipes = text.removeprefix("architectures:\n").split("recipes:\n")
    assert code == 0
    assert architectures.split() == list(BUILDERS)
    lines = recipes.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert all(re.search(r"  (measured|published): ", line) for line in lines)


def test_list_filters(command, refused):
    _, text, _ = command("list", "recipes", "--data", "cifar10")
    names = [line.split()[0] for line in text.splitlines()[1:]]
    assert names == [name for name in recipe_names() if name.endswith("-cifar10")]
    assert command("list", "--data", "cifar10")[1] == text
    assert command("list", "architectures")[1].split() == ["architectures:", *BUILDERS]
    assert "did you mean 'cifar10'" in refused("list", "--data", "cifar100")
    assert "did you mean 'recipes'" in refused("list", "recipe")


def test_tune_takes_the_place_of_the_images(refused):
    line = refused("tune", "lenet5-digits", "--data", "photos")
    assert "--data: found photos for data.source = 'digits', allowed: with a source that has a path" in line


def test_shells_complete_commands_and_recipes():
    def completed(words, place):
        asked = {"_KERASNETS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        code = "from kerasnets.cli.main import app; app(prog_name='kerasnets')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True
        )
        return done.stdout.split()

    assert completed("kerasnets ev", 1) == ["evaluate"]
    assert completed("kerasnets train lenet5-f", 2) == ["lenet5-fashion"]
    assert completed("kerasnets summary vgg16", 2)[:2] == ["vgg16", "vgg16_bn"]


def test_a_terminal_gets_tables_and_colour_and_a_pipe_plain_text(command):
    stack = ("size", "32x32x3", "conv10-3x3", "relu", "pool2", "fc10")
    _, plain, _ = command(*stack)
    drawn = _on_a_terminal(*stack, columns=130)
    assert "\x1b" not in plain
    assert "─" not in plain
    assert "\x1b[1m" in drawn
    assert "─" in drawn
    cells = [re.sub(r"\x1b\[[\d;]*m", "", line).split() for line in drawn.splitlines()]
    assert all(line.split() in cells for line in plain.splitlines() if line)


def test_a_table_wider_than_the_terminal_stays_plain(command):
    stack = ("size", "32x32x3", "conv10-3x3", "relu", "pool2", "fc10")
    assert _on_a_terminal(*stack, columns=60).replace("\r\n", "\n") == command(*stack)[1]


def test_no_color_is_heeded():
    coloured = r"\x1b\[[\d;]*3\d[\d;]*m"
    assert re.search(coloured, _on_a_terminal("train", "nothing"))
    assert not re.search(coloured, _on_a_terminal("train", "nothing", NO_COLOR="1"))
    assert not re.search(coloured, _on_a_terminal("--help", NO_COLOR="1"))


def test_an_unforeseen_exception_has_pythons_own_traceback():
    broken = (
        "from kerasnets.api import prepare; prepare.cache = lambda clear: 1 / 0; sys.argv[0] = 'kerasnets'"
    )
    written = _on_a_terminal("cache", before=broken)
    assert "Traceback (most recent call last)" in written
    assert "ZeroDivisionError: division by zero" in written
    assert "╭" not in written
