"""What benchmarks share: sides that run in turn, each in a process of its own, so that none warms another."""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def run_side(name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Any:
    """Run one side, and return the JSON of the last line it prints; a side that fails ends the benchmark.

    Args:
        name: of the side, for messages.
        command: what runs it.
        environment: its variables; by default those of this process.
    """
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        errors = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        sys.exit(f"{name}: {errors[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def median_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of neighbouring runs."""
    return statistics.median(our / other for our, other in zip(ours, others, strict=True))
