"""Which part of a search a process has, by Keras Tuner's variables."""

import pytest

from kerasnets.errors import UserError
from kerasnets.tuning.workers.roles import VARIABLES, role, worker_names

ID, IP, PORT = VARIABLES


@pytest.fixture
def variables(monkeypatch):
    """Set them, and no others."""

    def given(**values):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return given


def test_the_variables_say_which_part_a_process_has(variables):
    variables()
    assert role() == "alone"
    assert worker_names("alone", 2) == ["worker 1", "worker 2"]
    variables(**{ID: "chief", IP: "127.0.0.1", PORT: "29880"})
    assert role() == "chief"
    assert worker_names("chief", 1) == ["chief"]
    variables(**{ID: "gpu7", IP: "127.0.0.1", PORT: "29880"})
    assert role() == "worker"
    assert worker_names("worker", 1) == ["gpu7"]
    assert worker_names("worker", 2) == ["gpu7-1", "gpu7-2"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({IP: "127.0.0.1", PORT: "29880"}, f"{ID}: found none"),
        ({ID: "chief", IP: "127.0.0.1"}, f"{PORT}: found none"),
        ({ID: "chief", IP: "127.0.0.1", PORT: "http"}, f"{PORT}: found 'http', allowed: a port"),
    ],
)
def test_what_is_missing_is_said(variables, values, said):
    variables(**values)
    with pytest.raises(UserError, match=said):
        role()
