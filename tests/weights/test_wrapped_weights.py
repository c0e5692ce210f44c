"""State dicts as people save them: found and said, or refused where two are meant."""

import logging

import numpy as np
import pytest
from published_weights import assign_state, drawn_state
from safetensors.numpy import save_file
from torch_files import COMMAND_LINE, save

import kerasnets
from kerasnets.errors import UserError
from kerasnets.weights.formats.state_dict import read_state
from kerasnets.weights.loading import load_weights


def _network(classes=5):
    return kerasnets.build("resnet_cifar", (8, 8, 3), classes, depth=8)


def _inside(**parts):
    """Return the state dict of a module that holds others: state dicts by their names in it."""
    return {f"{part}.{name}": array for part, state in parts.items() for name, array in state.items()}


def _wrapped(prefix, state):
    return {f"{prefix}{name}": array for name, array in state.items()}


STATE = drawn_state(_network())
OTHER = {name: array + 1 for name, array in STATE.items()}
FEATURES = {name: array for name, array in STATE.items() if not name.startswith("linear.")}
HEAD = {"weight": STATE["linear.weight"], "bias": STATE["linear.bias"]}
COUNT = len(STATE)
OPTIMIZER = {"state": {}, "param_groups": [{"lr": 0.1, "momentum": 0.9, "params": [0, 1]}]}

WRAPPERS = {
    "DataParallel": _wrapped("module.", STATE),
    "torch.compile": _wrapped("_orig_mod.", STATE),
    "DataParallel of torch.compile": _wrapped("module._orig_mod.", STATE),
    "AveragedModel": {"n_averaged": np.array(0), **_wrapped("module.", STATE)},
}
"""What PyTorch's wrappers make of the names; `test_pytorch_names_them_so` asks it."""

SAVED = {
    "alone": (STATE, ()),
    "Lightning": ({"epoch": 3, "state_dict": _inside(model=STATE), "hyper_parameters": {"lr": 0.1}},
                  (f"state_dict ({COUNT} tensors) taken", "model. taken off the names")),
    "PyTorch's tutorial": ({"model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER, "loss": 0.3},
                           (f"model_state_dict ({COUNT} tensors) taken",)),
    "pytorch-cifar": ({"net": WRAPPERS["DataParallel"], "acc": 93.1},
                      (f"net ({COUNT} tensors) taken", "module. taken off the names")),
    "compiled": (WRAPPERS["torch.compile"], ("_orig_mod. taken off the names",)),
    "compiled in parallel": ({"model": WRAPPERS["DataParallel of torch.compile"]},
                             (f"model ({COUNT} tensors) taken", "module._orig_mod. taken off the names")),
    "torchvision": ({"model": OTHER, "model_ema": WRAPPERS["AveragedModel"], "args": COMMAND_LINE},
                    (f"model_ema ({COUNT + 1} tensors) taken, not model ({COUNT} tensors)",
                     "module. taken off the names")),
    "timm": ({"state_dict": OTHER, "state_dict_ema": STATE},
             (f"state_dict_ema ({COUNT} tensors) taken, not state_dict ({COUNT} tensors)",)),
    "an average inside": ({"model": OTHER, "ema": {"module": STATE}},
                          (f"ema.module ({COUNT} tensors) taken, not model ({COUNT} tensors)",)),
    "one twice": ({"model": STATE, "state_dict": STATE}, (f"model ({COUNT} tensors) taken",)),
    "a backbone and a classifier": (_inside(backbone=FEATURES, linear=HEAD),
                                    ("backbone. taken off the names",)),
}  # fmt: skip
"""What is saved, and what is said of it."""


@pytest.mark.parametrize("kind", SAVED)
def test_a_state_dict_is_found_where_people_save_it(kind, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="kerasnets")
    saved, said = SAVED[kind]
    save(tmp_path / "w.pth", saved)
    model, right = _network(), _network()
    load_weights(model, tmp_path / "w.pth")
    assert "\n".join(caplog.messages[:-1]) == "\n".join(f"{tmp_path / 'w.pth'}: {each}" for each in said)
    assign_state(right, drawn_state(right), "drawn")
    for ours, expected in zip(model.weights, right.weights, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "backbone."])
def test_safetensors_are_unwrapped_too(prefix, tmp_path):
    state = {name: np.ascontiguousarray(array) for name, array in STATE.items()}
    save_file(_wrapped(prefix, state), tmp_path / "w.safetensors")
    assert read_state(tmp_path / "w.safetensors").keys() == STATE.keys()


@pytest.mark.exhaustive
def test_pytorch_names_them_so(tmp_path):
    """And what its own torch.save writes of each is found."""
    torch = pytest.importorskip("torch")
    network = torch.nn.Module()
    for name, array in STATE.items():
        *path, leaf = name.split(".")
        module = network
        for part in path:
            if part not in module._modules:
                module.add_module(part, torch.nn.Module())
            module = module._modules[part]
        module.register_parameter(leaf, torch.nn.Parameter(torch.from_numpy(array)))
    compiled = torch.compile(network, backend="eager")  # never run
    wrapped = {
        "DataParallel": torch.nn.DataParallel(network),
        "torch.compile": compiled,
        "DataParallel of torch.compile": torch.nn.DataParallel(compiled),
        "AveragedModel": torch.optim.swa_utils.AveragedModel(network),
    }
    assert wrapped.keys() == WRAPPERS.keys()
    for kind, module in wrapped.items():
        assert set(module.state_dict()) == set(WRAPPERS[kind]), kind
        torch.save({"net": module.state_dict()}, tmp_path / "w.pth")
        state = read_state(tmp_path / "w.pth")
        for name, array in STATE.items():
            np.testing.assert_array_equal(state[name], array)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (
            {"net": STATE, "model": OTHER},
            f"found 2 state dicts: model ({COUNT} tensors), net ({COUNT} tensors), allowed: one",
        ),
        (
            {"ema": {"model": STATE, "net": OTHER}},
            f"found 2 state dicts: ema.model ({COUNT} tensors), ema.net",
        ),
        (
            _inside(model=STATE, backbone=STATE),
            "found two tensors for 'conv1.weight': 'model.conv1.weight'",
        ),
        (
            _inside(student=STATE),
            "no tensor has a name that resnet_cifar knows: found student.conv1.weight",
        ),
        (
            {"weights": STATE},
            "found dict under 'weights', allowed: a state dict, tensors by name, alone or under",
        ),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(saved, said, tmp_path):
    save(tmp_path / "w.pth", saved)
    with pytest.raises(UserError) as refusal:
        load_weights(_network(), tmp_path / "w.pth")
    assert str(refusal.value).startswith(f"{tmp_path / 'w.pth'}: ")
    assert said in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (FEATURES, "2 missing: linear.weight, linear.bias; --new-head starts the classifier anew"),
        (STATE, "2 misshapen: linear.weight 5x64 for fc 64x3, linear.bias 5 for fc 3; --new-head"),
        (_inside(backbone=FEATURES, head={"fc.weight": HEAD["weight"]}),
         "2 missing: linear.weight, linear.bias; 1 left over: head.fc.weight; --new-head"),
        (FEATURES | {"conv1.weight": np.ones(1, "float32")},
         "1 misshapen: conv1.weight 1 for stem_conv 3x3x3x16"),
    ],
)  # fmt: skip
def test_a_head_that_does_not_fit_names_the_option_that_leaves_it(saved, said, tmp_path):
    save(tmp_path / "w.pth", saved)
    with pytest.raises(UserError) as refusal:
        load_weights(_network(classes=3), tmp_path / "w.pth")
    assert said in str(refusal.value)
    if "--new-head" in said:
        model = _network(classes=3)
        load_weights(model, tmp_path / "w.pth", new_head=True)
        np.testing.assert_array_equal(model.get_layer("stem_conv_bn").gamma, STATE["bn1.weight"])
    else:
        assert "--new-head" not in str(refusal.value)
