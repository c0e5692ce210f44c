"""Processes that train, forked from one that has all loaded: quick to start, and free to be killed."""

import multiprocessing
import os
import signal
import sys

from kerasnets.cli import main as cli

SERVER = multiprocessing.get_context("forkserver")
# loaded, but nothing of TensorFlow has run there: the threads it then has would not live through a fork
SERVER.set_forkserver_preload(
    ["kerasnets.training.run", "kerasnets.data.sources.keras_datasets", "sklearn.datasets"]
)


def start(function, *arguments, said):
    """Return a started process that runs a module's function; its output and errors go to the file `said`."""
    said.touch()
    process = SERVER.Process(target=_run, args=(said, function, arguments), daemon=True)
    process.start()
    return process


def start_command(*arguments, said, before=None):
    """Return a started process that runs `kerasnets ARGUMENTS`, a module's function `before` that."""
    return start(_command, before, tuple(map(str, arguments)), said=said)


def on_terminal(path):
    """Have this process write to a terminal, which is its controlling one: it is hung up with it."""
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored
    terminal = os.open(path, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(terminal, stream)
    os.close(terminal)


def _run(said, function, arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
    with open(said, "ab", 0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    function(*arguments)


def _command(before, arguments):
    if before:
        before()
    sys.argv = ["kerasnets", *arguments]
    cli.main()
