"""A process that runs SavedModels with TensorFlow and nothing else of ours."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
from places import PROGRAMS

PROGRAM = PROGRAMS / "run_saved_model.py"


@contextmanager
def tensorflow_alone(folder, python=sys.executable):
    """Give a function of (model, inputs) that returns answers, see the program, and TensorFlow's version.

    Args:
        folder: for files that are passed.
        python: the interpreter.
    """
    command = [str(python), "-I", str(PROGRAM)]
    settings = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings
    ) as process:

        def ask(model, inputs):
            taken, given = str(folder / "inputs.npz"), str(folder / "answers.npz")
            np.savez(taken, **inputs)
            process.stdin.write(json.dumps([str(model), taken, given]) + "\n")
            process.stdin.flush()
            version = process.stdout.readline().strip()
            assert version, "the process has ended"
            with np.load(given) as answers:
                return {name: answers[name] for name in answers.files}, version

        yield ask
        process.stdin.close()


def files_as_inputs(signature, files):
    """Return encoded files as inputs of a signature."""
    return {f"{signature}/contents.{n}": np.frombuffer(file, "uint8") for n, file in enumerate(files)}
