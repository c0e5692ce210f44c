"""State dicts as people save them, written by PyTorch: found and said, or refused where two are meant."""

import argparse
import functools
import logging

import numpy as np
import pytest
import torch
from published_weights import drawn_state
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel

import kerasnets
from kerasnets.errors import UserError
from kerasnets.weights.formats.state_dict import read_state
from kerasnets.weights.loading import assign_state, load_weights


class Named(torch.nn.Module):
    """A module with tensors of given names, or one that holds other modules."""

    def __init__(self, state=None, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        for name, tensor in (state or {}).items():
            *path, leaf = name.split(".")
            module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, Named())
                module = module._modules[part]
            module.register_parameter(leaf, torch.nn.Parameter(tensor))


def _network(classes=5):
    return kerasnets.build("resnet_cifar", (8, 8, 3), classes, depth=8)


STATE = {name: torch.from_numpy(array) for name, array in drawn_state(_network()).items()}
OTHER = {name: tensor + 1 for name, tensor in STATE.items()}
FEATURES = {name: tensor for name, tensor in STATE.items() if not name.startswith("linear.")}
HEAD = {"weight": STATE["linear.weight"], "bias": STATE["linear.bias"]}
NET, COUNT = Named(STATE), len(STATE)
OPTIMIZER = torch.optim.SGD(NET.parameters(), momentum=0.9).state_dict()

compiled = functools.partial(torch.compile, backend="eager")  # never run

SAVED = {
    "alone": (NET.state_dict(), ()),
    "Lightning": ({"epoch": 3, "state_dict": Named(model=NET).state_dict(), "hyper_parameters": {"lr": 0.1}},
                  (f"state_dict ({COUNT} tensors) taken", "model. taken off the names")),
    "PyTorch's tutorial": ({"model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER, "loss": 0.3},
                           (f"model_state_dict ({COUNT} tensors) taken",)),
    "pytorch-cifar": ({"net": torch.nn.DataParallel(NET).state_dict(), "acc": 93.1},
                      (f"net ({COUNT} tensors) taken", "module. taken off the names")),
    "compiled": (compiled(NET).state_dict(), ("_orig_mod. taken off the names",)),
    "compiled in parallel": ({"model": torch.nn.DataParallel(compiled(NET)).state_dict()},
                             (f"model ({COUNT} tensors) taken", "module._orig_mod. taken off the names")),
    "torchvision": ({"model": OTHER, "model_ema": AveragedModel(NET).state_dict(),
                     "args": argparse.Namespace(lr=0.5)},
                    (f"model_ema ({COUNT + 1} tensors) taken, not model ({COUNT} tensors)",
                     "module. taken off the names")),
    "timm": ({"state_dict": OTHER, "state_dict_ema": STATE},
             (f"state_dict_ema ({COUNT} tensors) taken, not state_dict ({COUNT} tensors)",)),
    "an average inside": ({"model": OTHER, "ema": {"module": STATE}},
                          (f"ema.module ({COUNT} tensors) taken, not model ({COUNT} tensors)",)),
    "one twice": ({"model": STATE, "state_dict": STATE}, (f"model ({COUNT} tensors) taken",)),
    "a backbone and a classifier": (Named(backbone=Named(FEATURES), linear=Named(HEAD)).state_dict(),
                                    ("backbone. taken off the names",)),
}  # fmt: skip
"""What is saved, and what is said of it; DataParallel, torch.compile and AveragedModel wrap the names."""


@pytest.mark.parametrize("kind", SAVED)
def test_a_state_dict_is_found_where_people_save_it(kind, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="kerasnets")
    saved, said = SAVED[kind]
    torch.save(saved, tmp_path / "w.pth")
    model, right = _network(), _network()
    load_weights(model, tmp_path / "w.pth")
    assert "\n".join(caplog.messages[:-1]) == "\n".join(f"{tmp_path / 'w.pth'}: {each}" for each in said)
    assign_state(right, drawn_state(right), "drawn")
    for ours, expected in zip(model.weights, right.weights, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("wrap", [compiled, torch.nn.DataParallel, lambda net: Named(backbone=net)])
def test_safetensors_are_unwrapped_too(wrap, tmp_path):
    save_file(wrap(NET).state_dict(), tmp_path / "w.safetensors")
    assert read_state(tmp_path / "w.safetensors").keys() == STATE.keys()


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
            Named(model=NET, backbone=NET).state_dict(),
            "found two tensors for 'conv1.weight': 'model.conv1.weight'",
        ),
        (
            Named(student=NET).state_dict(),
            "no tensor has a name that resnet_cifar knows: found student.conv1.weight",
        ),
        (
            {"weights": STATE},
            "found dict under 'weights', allowed: a state dict, tensors by name, alone or under",
        ),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(saved, said, tmp_path):
    torch.save(saved, tmp_path / "w.pth")
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
        (Named(backbone=Named(FEATURES), head=Named({"fc.weight": HEAD["weight"]})).state_dict(),
         "2 missing: linear.weight, linear.bias; 1 left over: head.fc.weight; --new-head"),
        (FEATURES | {"conv1.weight": torch.ones(1)}, "1 misshapen: conv1.weight 1 for stem_conv 3x3x3x16"),
    ],
)  # fmt: skip
def test_a_head_that_does_not_fit_names_the_option_that_leaves_it(saved, said, tmp_path):
    torch.save(saved, tmp_path / "w.pth")
    with pytest.raises(UserError) as refusal:
        load_weights(_network(classes=3), tmp_path / "w.pth")
    assert said in str(refusal.value)
    if "--new-head" in said:
        model = _network(classes=3)
        load_weights(model, tmp_path / "w.pth", new_head=True)
        np.testing.assert_array_equal(model.get_layer("stem_conv_bn").gamma, STATE["bn1.weight"])
    else:
        assert "--new-head" not in str(refusal.value)
