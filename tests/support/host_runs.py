"""Hosts played by processes of this machine, which know of each other by TF_CONFIG alone."""

import functools
import json
import os
import signal
import socket

import numpy as np
from forked import start, start_command

from kerasnets import runtime
from kerasnets.training.callbacks.scheduled_rate import ScheduledRate
from kerasnets.training.setup import model


def free_ports(count):
    """Return ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def configuration(names, ports, index):
    """Return the TF_CONFIG of a host; `names` are "chief" or "worker" for each port, the chief first."""
    addresses = {}
    for name, port in zip(names, ports, strict=True):
        addresses.setdefault(name, []).append(f"127.0.0.1:{port}")
    number = index - names.index(names[index])
    return json.dumps({"cluster": addresses, "task": {"type": names[index], "index": number}})


def train_on_hosts(names, folder, overrides, faults=None):
    """Train `lenet5-digits` on hosts in `folder`/run to the end; return their exit codes and what they said.

    Args:
        names: of the hosts.
        folder: a folder.
        overrides: a list of overrides for each host.
        faults: by host, a function of this module that its process calls first.
    """
    ports, processes = free_ports(len(names)), []
    for index, own in enumerate(overrides):
        arguments = [part for override in own for part in ("--set", override)]
        process = start_command(
            "train", "lenet5-digits", "--run", folder / "run", "--resume", *arguments,
            said=folder / f"{index}.txt",
            before=functools.partial(_join, configuration(names, ports, index), (faults or {}).get(index)),
        )  # fmt: skip
        processes.append(process)
    return _ends(processes, folder)


def sums_on_hosts(count, devices, folder):
    """Return for each of `count` hosts what `exchange` says there."""
    ports = free_ports(count)
    processes = [
        start(
            exchange, configuration(["worker"] * count, ports, index), devices, said=folder / f"{index}.txt"
        )
        for index in range(count)
    ]
    return _ends(processes, folder)


def exchange(tf_config, devices):
    """Print what a host gets to know of the others, as JSON."""
    _join(tf_config)
    runtime.prepare()
    from kerasnets.training.distribution.hosts import Hosts
    from kerasnets.training.distribution.strategy import make_strategy

    strategy = make_strategy("multi_worker", devices)
    hosts = Hosts(strategy)
    hosts.barrier()
    said = {
        "devices": strategy.num_replicas_in_sync,
        "replicas": hosts.replicas,
        "sum": int(hosts.all_reduce_sum(7 if hosts.chief else 0)),
        "large": hosts.all_reduce_sum([2**53 + 1, hosts.index]).tolist(),
        "real": hosts.all_reduce_sum(np.float64(0.1)).tolist(),
        "chief": hosts.broadcast_from_chief(np.float32([hosts.index + 0.1])).tolist(),
        "nothing": hosts.all_reduce_sum(np.zeros((2, 0), "int32")).tolist(),
        "text": hosts.broadcast_text_from_chief(f"größer {hosts.index}"),
        "texts": hosts.all_gather_text("é" * hosts.index),
    }
    print(json.dumps(said), flush=True)


def _ends(processes, folder):
    for process in processes:
        process.join()
    said = [(folder / f"{index}.txt").read_text() for index in range(len(processes))]
    for index in range(len(processes)):
        (folder / f"{index}.txt").unlink()
    return [process.exitcode for process in processes], said


def _join(tf_config, fault=None):
    os.environ["TF_CONFIG"] = tf_config
    if fault:
        fault()


def die_after_ten_steps():
    """Have this process end as `kill -9` ends it, when it has taken ten steps."""
    told = ScheduledRate.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        told(self, batch, logs)
        if int(self.model.optimizer.iterations.numpy()) == 10:
            os.kill(os.getpid(), signal.SIGKILL)

    ScheduledRate.on_train_batch_end = on_train_batch_end


def stop_after_ten_steps():
    """Have a callback of this process stop training when ten steps have been taken."""
    told = ScheduledRate.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        told(self, batch, logs)
        if int(self.model.optimizer.iterations.numpy()) == 10:
            self.model.stop_training = True

    ScheduledRate.on_train_batch_end = on_train_batch_end


def draw_other_weights():
    """Have this process draw other first weights, as where a file of weights is another on this host."""
    drawn = model.initialize
    model.initialize = lambda network, *, seed, **keys: drawn(network, seed=seed + 1, **keys)
