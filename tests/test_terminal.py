"""What a person reads on the terminal."""

import re

import numpy as np
import pytest

from kerasnets.terminal import duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0353, "35.3 ms"), (1.9996, "2,000 ms"), (2, "2 seconds"), (119.9, "120 seconds"), (120, "2 minutes"),
     (560, "9.33 minutes"), (7199, "120 minutes"), (86_400, "24 hours"), (1e8, "1,157 days")],
)  # fmt: skip
def test_a_duration_is_read_at_once(seconds, text):
    assert duration_text(seconds) == text


def test_no_duration_has_an_exponent():
    units = {"ms": 0.001, "seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
    for seconds in np.geomspace(1e-6, 1e9, 2000):
        count, unit = re.fullmatch(r"([\d.,]+) (\w+)", duration_text(seconds)).groups()
        assert float(count.replace(",", "")) * units[unit] == pytest.approx(seconds, rel=0.006)
