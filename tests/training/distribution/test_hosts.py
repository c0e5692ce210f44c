"""Several hosts, each with one device or more: one training, or one line on each that says why not."""

import json
import math
import shutil
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import host_runs
import numpy as np
import pytest
import tensorflow as tf
from undiagnosed import UNDIAGNOSED
from waiting import until

import kerasnets
from kerasnets.errors import FailureError, UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.checkpoints.file import read_checkpoint
from kerasnets.training.distribution import rendezvous
from kerasnets.training.distribution.agreement import image_differences, setting_differences
from kerasnets.training.distribution.rendezvous import tell_refusal, wait_for_hosts
from kerasnets.training.distribution.tf_config import Cluster, Host, cluster

TWENTY_STEPS = (
    "train.epochs=1", "train.batch_size=60", "data.streams=6", "train.checkpoint_seconds=0.02",
    "train.steps_per_execution=1", "optimizer.momentum=0.9", "optimizer.global_clipnorm=1.0",
    *UNDIAGNOSED,
)  # fmt: skip
"""LeNet-5, which has no batch normalization, on 1,294 digits: 21 steps."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run on one device."""
    recipe = load_recipe("lenet5-digits", TWENTY_STEPS)
    return RunDirectory(kerasnets.train(recipe, tmp_path_factory.mktemp("alone") / "run"))


def _check(run, alone):
    arrays, expected = (read_checkpoint(one.checkpoint(*one.checkpointed()[-1]))[0] for one in (run, alone))
    assert arrays.keys() == expected.keys()
    assert arrays["optimizer/sgd/iteration"] == 21
    for group in ("model/", "optimizer/"):
        found, right = (
            np.concatenate([one[name].ravel() for name in expected if name.startswith(group)])
            for one in (arrays, expected)
        )
        assert np.linalg.norm(found - right) <= 1e-5 * np.linalg.norm(right)
    np.testing.assert_allclose(run.history(), alone.history(), rtol=1e-5)
    for split in ("validation", "test"):
        assert run.result.splits[split].to_dict() == pytest.approx(
            alone.result.splits[split].to_dict(), rel=1e-5
        )


@pytest.mark.exhaustive
def test_a_callback_that_stops_on_one_host_stops_all(tmp_path):
    stopping = {1: host_runs.stop_after_ten_steps}
    codes, said = host_runs.train_on_hosts(["chief", "worker"], tmp_path, [TWENTY_STEPS] * 2, stopping)
    assert codes == [0, 0], said
    assert RunDirectory(tmp_path / "run").result.steps == 10


@pytest.mark.exhaustive
def test_hosts_of_two_devices_go_on_after_one_was_killed_and_train_as_one_device(alone, tmp_path):
    overrides = [[*TWENTY_STEPS, "train.devices=2"]] * 2
    killed = {1: host_runs.die_after_ten_steps}
    codes, said = host_runs.train_on_hosts(["chief", "worker"], tmp_path, overrides, killed)
    assert codes == [1, -9]
    errors = [line for line in said[0].splitlines() if line.startswith("kerasnets: ")]
    assert len(errors) == 1
    assert "another host has ended (worker 0 at 127.0.0.1:" in errors[0]
    assert "Traceback" not in said[0]
    codes, said = host_runs.train_on_hosts(["chief", "worker"], tmp_path, overrides)
    assert codes == [0, 0], said
    assert "going on after epoch 0, step" in said[0]
    assert "on 4 logical devices of 2 CPUs (" in said[0]
    assert ", 2 hosts" in said[0]
    _check(RunDirectory(tmp_path / "run"), alone)


@pytest.mark.exhaustive
def test_three_hosts_train_as_one_device_from_the_first_ones_weights(alone, tmp_path):
    faults = {2: host_runs.draw_other_weights}
    codes, said = host_runs.train_on_hosts(["worker"] * 3, tmp_path, [TWENTY_STEPS] * 3, faults)
    assert codes == [0, 0, 0], said
    _check(RunDirectory(tmp_path / "run"), alone)


def test_each_host_counts_once_and_integers_stay_exact(tmp_path):
    """Three hosts of two devices: 7 over 6 devices would be 6, and a float has no 2 ** 53 + 1."""
    codes, said = host_runs.sums_on_hosts(3, 2, tmp_path)
    assert codes == [0, 0, 0], said
    for text in said:
        found = json.loads(text)
        assert found == {
            "devices": 6,
            "replicas": 2,
            "sum": 7,
            "large": [3 * (2**53 + 1), 3],
            "real": pytest.approx(0.3),
            "chief": [pytest.approx(0.1)],
            "nothing": [[], []],
            "text": "größer 0",
            "texts": ["", "é", "éé"],
        }


def test_hosts_with_other_rates_are_refused_on_all(tmp_path):
    rates = [[*TWENTY_STEPS, f"optimizer.learning_rate={rate}"] for rate in (0.5, 0.25)]
    codes, said = host_runs.train_on_hosts(["worker"] * 2, tmp_path, rates)
    assert codes == [2, 2], said
    for text in said:
        (line,) = [line for line in text.splitlines() if line.startswith("kerasnets: ")]
        assert line.startswith("kerasnets: hosts differ: optimizer.learning_rate is 0.5 on worker 0 at 127.")
        assert ", 0.25 on worker 1 at 127." in line
    assert not (tmp_path / "run").exists()


def test_hosts_with_other_images_are_refused_on_all(image_folder, tmp_path):
    """Each host has a folder of its own, of another name; one file is missing in the second."""
    other = shutil.copytree(image_folder, tmp_path / "other")
    (other / "digit1" / "07.png").unlink()
    common = [
        *TWENTY_STEPS, 'data.source="folder"', "data.streams=2", "train.batch_size=2", "data.test=0.0",
        "data.validation=0.0", 'preprocess=[{op="resize", size=[28, 28]}]', "augment=[]", "data.channels=1",
    ]  # fmt: skip
    overrides = [[*common, f'data.path="{folder}"'] for folder in (image_folder, other)]
    codes, said = host_runs.train_on_hosts(["worker"] * 2, tmp_path, overrides)
    assert codes == [2, 2], said
    for text in said:
        (line,) = [line for line in text.splitlines() if line.startswith("kerasnets: ")]
        assert line.startswith("kerasnets: hosts differ: train: 60 images on worker 0 at 127.0.0.1:")
        assert ", 59 on worker 1 at 127.0.0.1:" in line
        assert ": digit1/07.png is on worker 0 at 127.0.0.1:" in line


def test_differing_settings_are_named_with_both_values():
    chief = {"keras": "3.15.0", "train.seed": 0, "train.epochs": 3, "optimizer.momentum": 0.9}
    assert setting_differences(chief, dict(chief), chief_name="a", own_name="b") == ""
    assert setting_differences(chief, chief | {"keras": "3.14.0"}, chief_name="a", own_name="b") == (
        "keras is 3.15.0 on a, 3.14.0 on b"
    )
    others = {"keras": "3.14.0", "train.seed": 1, "train.epochs": 4}
    assert setting_differences(chief, others, chief_name="a", own_name="b") == (
        "keras is 3.15.0 on a, 3.14.0 on b, train.seed is 0 on a, 1 on b, train.epochs is 3 on a, 4 on b, "
        "and 1 more"
    )
    del others["keras"], others["train.seed"], others["train.epochs"]
    assert setting_differences({"x": 1}, others, chief_name="a", own_name="b") == "x is 1 on a, not set on b"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (["1\tcat", "2\tdog"], ""),
        (["1\tcat"], "train: 2 images on a, 1 on b: 2 is on a alone"),
        (["1\tcat", "2\tdog", "3\tdog"], "train: 2 images on a, 3 on b: 3 is on b alone"),
        (
            ["1\tdog", "2\tdog"],
            "train: 2 images on a, 2 on b: 1 has another label, weight or other contents",
        ),
        (["2\tdog", "1\tcat"], "train: 2 images on a, 2 on b: they are in another order"),
    ],
)
def test_the_first_image_that_differs_is_named(own, said):
    assert (
        image_differences({"train": ["1\tcat", "2\tdog"]}, {"train": own}, chief_name="a", own_name="b")
        == said
    )


def _cluster(ports, index=0):
    hosts = (Host(f"worker {number}", "127.0.0.1", port) for number, port in enumerate(ports))
    return Cluster(index, tuple(hosts))


def test_a_host_that_does_not_come_is_named_and_given_up(caplog):
    ports = host_runs.free_ports(2)
    with pytest.raises(FailureError, match=rf"worker 1 at 127.0.0.1:{ports[1]} did not come within 0.5 s"):
        wait_for_hosts(_cluster(ports), 0.5, notice=0.1)
    assert f"waiting for worker 1 at 127.0.0.1:{ports[1]}" in caplog.messages


class _Banner(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def test_another_program_is_no_host():
    (port,) = host_runs.free_ports(1)
    with socketserver.TCPServer(("127.0.0.1", 0), _Banner) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(FailureError, match=r"worker 1 at .* did not come within 0.5 s"):
            wait_for_hosts(_cluster([port, server.server_address[1]]), 0.5)
        server.shutdown()


@contextmanager
def _grpc_server():
    """Yield the port of a server of gRPC, which is what TensorFlow answers by."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_hosts_that_answer_are_not_waited_for(caplog):
    (own,) = host_runs.free_ports(1)
    with _grpc_server() as port:
        wait_for_hosts(_cluster([own, port]), math.inf, notice=0.0)
        with pytest.raises(UserError, match=rf"worker 1 at .*: cannot listen on port {port} of this host"):
            wait_for_hosts(_cluster([own, port], 1), math.inf)
    assert not caplog.messages


def test_hosts_in_a_process_where_tensorflow_has_run_are_refused(refused, monkeypatch, tmp_path):
    (own,) = host_runs.free_ports(1)
    tf.zeros(1)
    with _grpc_server() as port:
        monkeypatch.setenv("TF_CONFIG", host_runs.configuration(["worker"] * 2, [own, port], 0))
        line = refused("train", "lenet5-digits", "--run", tmp_path / "run")
    assert line.startswith(
        "kerasnets: TF_CONFIG: several hosts need a process each in which TensorFlow has not"
    )


@contextmanager
def _waiting(*clusters):
    """Have hosts wait for the others while the block runs; yield what they end in."""
    with ThreadPoolExecutor(len(clusters)) as threads:
        waiting = [threads.submit(wait_for_hosts, one, math.inf) for one in clusters]
        until(lambda: all(_listens(one.hosts[one.index].port) for one in clusters))
        yield waiting


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_host_that_is_refused_tells_those_that_wait(refused, monkeypatch, tmp_path):
    ports = host_runs.free_ports(3)
    monkeypatch.setenv("TF_CONFIG", host_runs.configuration(["worker"] * 3, ports, 1))
    with _waiting(_cluster(ports), _cluster(ports, 2)) as others:
        line = refused("train", "lenet5-digits", "--run", tmp_path / "run", "--set", "train.epochs=none")
    assert line.startswith("kerasnets: --set train.epochs=none: ")
    for other in others:
        assert f"kerasnets: {other.exception()}\n" == line.replace(
            "kerasnets: ", f"kerasnets: worker 1 at 127.0.0.1:{ports[1]}: "
        )
        assert isinstance(other.exception(), UserError)


def test_hosts_that_are_refused_together_do_not_wait_for_each_other():
    ports = host_runs.free_ports(2)
    with ThreadPoolExecutor(2) as threads:
        told = [
            threads.submit(tell_refusal, _cluster(ports, index), "no such file", math.inf)
            for index in range(2)
        ]
    assert [each.result() for each in told] == [None, None]


def test_every_host_refuses_a_run_that_is_there_already(refused, default_run, monkeypatch):
    monkeypatch.setattr(rendezvous, "TELL_SECONDS", 0.0)
    monkeypatch.setenv("TF_CONFIG", json.dumps(_workers("a:1", "b:1", task={"type": "worker", "index": 1})))
    assert "already holds a finished run" in refused("train", "lenet5-digits", "--run", default_run)


def test_waiting_in_vain_is_one_line_and_exit_code_1(command, monkeypatch, tmp_path):
    ports = host_runs.free_ports(2)
    monkeypatch.setenv("TF_CONFIG", host_runs.configuration(["chief", "worker"], ports, 0))
    code, _, errors = command(
        "train", "lenet5-digits", "--run", tmp_path / "run", "--set", "train.host_wait_seconds=0.1"
    )
    assert code == 1
    assert errors == (
        f"kerasnets: worker 0 at 127.0.0.1:{ports[1]} did not come within 0.1 s "
        "(train.host_wait_seconds); start all hosts\n"
    )


def _workers(*addresses, task=None):
    return {"cluster": {"worker": list(addresses)}, "task": task or {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "TF_CONFIG: not JSON: "),
        ([], "TF_CONFIG: found [], allowed: an object with cluster and task"),
        ("5", "TF_CONFIG: found 5, allowed: an object"),
        ({"cluster": ["a:1", "b:1"]}, 'TF_CONFIG: cluster: found ["a:1", "b:1"], allowed: an object'),
        ({"cluster": {"worker": "a:1"}}, 'TF_CONFIG: cluster.worker: found "a:1", allowed: a list of'),
        ({"cluster": {"ps": ["a:1"]}}, 'TF_CONFIG: cluster: found "ps", allowed: chief and worker'),
        ({"cluster": {"chief": ["a:1", "b:1"]}}, "TF_CONFIG: cluster.chief: found 2 addresses, allowed: one"),
        (_workers("a:1", 5), 'TF_CONFIG: cluster.worker.1: found 5, allowed: text, "host:port"'),
        (_workers("a:1", "b"), 'TF_CONFIG: cluster.worker.1: found "b", allowed: text, "host:port"'),
        (_workers("a:1", ""), 'TF_CONFIG: cluster.worker.1: found "", allowed: text, "host:port"'),
        (_workers("a:1", ":1"), 'TF_CONFIG: cluster.worker.1: found ":1", allowed: text, "host:port"'),
        (_workers("a:1", "b:0"), 'TF_CONFIG: cluster.worker.1: found "b:0", allowed: text, "host:port"'),
        (_workers("a:1", "b:99999"), 'TF_CONFIG: cluster.worker.1: found "b:99999", allowed: text,'),
        (_workers("a:1", None), "TF_CONFIG: cluster.worker.1: found nothing, allowed: text"),
        (_workers("a:1", "A:1"), "TF_CONFIG: cluster: found one address twice, worker 0 and worker 1 at a:1"),
        (_workers("a:1", "b:1", task=[]) | {"task": []}, "TF_CONFIG: task: found [], allowed: an object"),
        ({"cluster": {"worker": ["a:1", "b:1"]}}, "TF_CONFIG: task: found nothing, allowed: an object"),
        (
            _workers("a:1", "b:1", task={"type": "worker", "index": "0"}),
            'TF_CONFIG: task.index: found "0", allowed: a number from 0',
        ),
        (
            _workers("a:1", "b:1", task={"type": "worker", "index": True}),
            "TF_CONFIG: task.index: found true, allowed: a number from 0",
        ),
        (
            _workers("a:1", "b:1", task={"type": "worker", "index": 2}),
            'TF_CONFIG: task: found "worker 2", allowed: worker 0, worker 1',
        ),
        (
            _workers("a:1", "b:1", task={"type": ["worker"], "index": 0}),
            "TF_CONFIG: task: found ",
        ),
    ],
)
def test_a_tf_config_that_is_none_is_one_line(given, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", given if isinstance(given, str) else json.dumps(given))
    with pytest.raises(UserError) as refusal:
        cluster()
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


def test_a_tf_config_is_refused_before_anything_is_trained(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CONFIG", json.dumps(_workers("a:1", "a:1")))
    assert "one address twice" in refused("train", "lenet5-digits", "--run", tmp_path / "run")


@pytest.mark.parametrize(
    ("given", "index", "names"),
    [
        ({}, 0, ["worker 0"]),
        (_workers("a:1"), 0, ["worker 0"]),
        (
            {
                "cluster": {"chief": ["a:1"], "worker": ["b:2", "[::1]:3"]},
                "task": {"type": "worker", "index": 1},
            },
            2,
            ["chief 0 at a:1", "worker 0 at b:2", "worker 1 at [::1]:3"],
        ),
    ],
)
def test_the_hosts_that_tf_config_names(given, index, names, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(given))
    found = cluster()
    assert (found.index, list(map(str, found.hosts)), found.chief) == (index, names, index == 0)
