"""Virtual environments with another TensorFlow, made once and kept for later sessions."""

import subprocess
import sys
from pathlib import Path

import pytest

KEPT = Path.home() / ".cache" / "kerasnets-tests"


def tensorflow_environment(version):
    """Return the interpreter of an environment with TensorFlow `version`, "2.18", and nothing of ours.

    The test is skipped where pip cannot install it: without a network, or on a Python it has no wheel for.
    """
    folder = KEPT / f"tensorflow-{version}-python{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.is_file():
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True
        )
        install = [str(python), "-m", "pip", "install", "--quiet", f"tensorflow-cpu=={version}.*"]
        installed = subprocess.run(install, capture_output=True, text=True)
        if installed.returncode:
            pytest.skip(
                f"pip cannot install TensorFlow {version}: {installed.stderr.strip().splitlines()[-1]}"
            )
        ready.touch()
    return python
