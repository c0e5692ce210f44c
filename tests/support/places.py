"""Where things lie that several tests read."""

import os
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent
TESTS = SUPPORT.parent
PROGRAMS = TESTS / "programs"
SHARED = Path(os.environ.get("KERASNETS_SHARED", TESTS.parent.parent / "shared"))
"""A folder of data and trained weights beside the checkout; tests of it are skipped where there is none."""
WEIGHTS = SHARED / "weights"
needs_weights = pytest.mark.skipif(
    not WEIGHTS.is_dir(), reason="the trained weights are not beside this checkout (or in KERASNETS_SHARED)"
)
