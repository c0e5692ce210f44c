"""`kerasnets check`: exit codes and planted faults, on the default recipe's images."""

import pytest

import kerasnets


def test_the_default_recipe_is_sound(command, tmp_path):
    code, text, _ = command("check", "lenet5-digits", "--to", tmp_path)
    assert code == 0, text
    lines = text.splitlines()
    assert lines[-1].startswith("lenet5-digits: sound: ")
    assert lines[0].split() == ["softmax_twice", "ok"]
    assert any(line.startswith("a step takes about ") and "1,200 steps" in line for line in lines)
    picture = tmp_path / "lenet5-digits-augmentation.png"
    assert f"augmentation: {picture}" in lines
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        pytest.param("constant_weights", ["initialization.kernel=zeros"], marks=pytest.mark.exhaustive),
        (
            "unnormalized_input",
            ['preprocess=[{op = "resize", size = [32, 32]}, {op = "scale", to = [0, 255]}]'],
        ),
        pytest.param(
            "bad_initialization",
            ["initialization.kernel=random_normal", "initialization.stddev=1"],
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_a_planted_fault_is_named(command, fault, settings):
    code, text, errors = command(
        "check", "lenet5-digits", *(each for one in settings for each in ("--set", one))
    )
    assert code == 3, errors
    (line,) = (line for line in text.splitlines() if line.startswith(fault))
    assert line.split()[1] == "FOUND"
    assert fault in text.splitlines()[-1]


def test_wrong_input_is_refused(refused):
    assert "no-such" in refused("check", "no-such")
    assert "model.name" in refused("check", "lenet5-digits", "--set", "model.name=lenet6")


def test_from_python():
    checked = kerasnets.check("lenet5-digits", overrides={"train.epochs": 1})
    assert checked.sound
    assert checked.cost.steps == 40
    assert checked.cost.step_bytes < checked.cost.run_bytes
    assert str(checked).endswith(checked.report.conclusion)
