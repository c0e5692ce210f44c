"""Kill the processes of searches at random instants; count what is lost, done twice or other than unstopped.

    PYTHONPATH=tests/support python tests/programs/kill_search.py --kills 30
    PYTHONPATH=tests/support python tests/programs/kill_search.py --kills 30 --workers 2 --chief

Killed are, drawn each time, the command, the server that trials are forked from, or a trial; with `--chief`
the chief, a worker, its server or its trial. What was killed and is not replaced by others is started again.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from small_search import small_recipe

from kerasnets.runs.searches.directory import SearchDirectory

MAIN = "from kerasnets.cli.main import main; main()"

TIMES = ["seconds", "started", "ended", "worker"]
"""Columns of the table of trials that no two searches share."""


@dataclass
class Tally:
    """What came of the kills."""

    kills: dict[str, int] = field(default_factory=dict)
    searches: int = 0
    differing: list[str] = field(default_factory=list)

    def __str__(self):
        return f"{sum(self.kills.values())} kills {self.kills}, {self.searches} searches, {self.differing}"


class Search:
    """The processes of one search.

    Args:
        recipe: path of a recipe.
        folder: of the search.
        workers: trials at a time.
        chief: whether a chief and workers in processes of their own search.
    """

    def __init__(self, recipe, folder, *, workers=1, chief=False):
        self._command = [sys.executable, "-c", MAIN, "tune", recipe, "--to", folder, "--resume"]
        self.folder, self._said = folder, Path(f"{folder}.txt")
        names = ["chief", *(f"worker{number}" for number in range(workers))] if chief else ["command"]
        self._workers = [] if chief else ["--workers", str(workers)]
        self._port, self.parts = _free_port(), dict.fromkeys(names)

    @property
    def finished(self):
        return all(part is not None and part.poll() == 0 for part in self.parts.values())

    def start(self):
        """Start what does not run and has not come to its end."""
        for name, part in self.parts.items():
            if part is None or part.poll() not in (None, 0):
                with self._said.open("ab") as said:
                    self.parts[name] = subprocess.Popen(
                        [*self._command, *self._workers],
                        env={**os.environ, **self._variables(name)}, stdout=said, stderr=said,
                    )  # fmt: skip

    def _variables(self, name):
        if name == "command":
            return {}
        place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(self._port)}
        return {"KERASTUNER_TUNER_ID": name, **place}

    def kill(self, target):
        """Kill a process of a kind; return whether there was one."""
        kind, _, what = target.partition(" ")
        part = self.parts[kind]
        if part is None or part.poll() is not None:
            return False
        pids = [part.pid]
        for _ in range({"": 0, "server": 1, "trial": 2}[what]):
            pids = [child for pid in pids for child in _children(pid)]
        if not pids:
            return False
        os.kill(pids[0], signal.SIGKILL)
        if not what:
            part.wait()
        return True

    @property
    def targets(self):
        """What can be killed: "command", "command server", "command trial"."""
        found = list(self.parts)
        busy = [name for name in self.parts if name != "chief"]
        return found + [f"{name} {what}" for name in busy for what in ("server", "trial")]

    def close(self):
        for part in self.parts.values():
            if part is not None and part.poll() is None:
                part.kill()
                part.wait()


def table(folder):
    """Return what the trials of a search came to."""
    return SearchDirectory(folder).table().drop(columns=TIMES).to_csv(index=False)


def kill_searches(folder, kills, *, workers=1, chief=False, seed=0, most_seconds=60.0, options=(), tell=None):
    """Kill so many processes of searches; return the `Tally`, which `tell` gets after each search."""
    recipe = Path(folder, "recipe.toml")
    recipe.write_text(small_recipe(Path(folder), "train.epochs=4", "tune.trials=3", *options).to_toml())
    whole = _whole(recipe, Path(folder, "whole"), workers, chief)
    tally, instants, number = Tally(), random.Random(seed), 0
    while sum(tally.kills.values()) < kills:
        search = Search(recipe, Path(folder, f"search-{number}"), workers=workers, chief=chief)
        number += 1
        _run_through(search, kills, tally, instants, most_seconds)
        tally.searches += 1
        found = table(search.folder)
        if found != whole or not SearchDirectory(search.folder).finished:
            tally.differing.append(f"{search.folder}:\n{found}\nin place of\n{whole}")
        search.close()
        if tell:
            tell(tally)
    return tally


def _whole(recipe, folder, workers, chief):
    search = Search(recipe, folder, workers=workers, chief=chief)
    search.start()
    for part in search.parts.values():
        assert part.wait() == 0, Path(f"{folder}.txt").read_text()
    search.close()
    return table(folder)


def _run_through(search, kills, tally, instants, most_seconds):
    """Run a search to its end, its processes killed on the way."""
    while not search.finished:
        search.start()
        due = time.monotonic() + instants.uniform(0, most_seconds)
        while time.monotonic() < due and not search.finished:
            time.sleep(0.05)
            if any(part.poll() not in (None, 0) for part in search.parts.values()):
                break
        target = instants.choice(search.targets)
        if sum(tally.kills.values()) < kills and search.kill(target):
            tally.kills[target] = tally.kills.get(target, 0) + 1


def _children(pid):
    try:
        texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(each) for text in texts for each in text.split()]


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def main():
    """Print the tally after each search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--chief", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds",
        type=float,
        default=40.0,
        help="at most from one kill to the next; a chief needs 20 to end",
    )
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-search-"))
    tally = kill_searches(
        folder, given.kills, workers=given.workers, chief=given.chief, seed=given.seed,
        most_seconds=given.seconds, tell=lambda tally: print(tally, flush=True),
    )  # fmt: skip
    if not tally.differing:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
