"""The hosts of a run as TF_CONFIG names them, which Kubeflow, Vertex AI and SLURM wrappers set."""

import json
import os
from dataclasses import dataclass

from kerasnets.errors import UserError

TASKS = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """This host among those that train together.

    Attributes:
        index: this host's number, from 0, the chief or the first worker.
        count: how many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def chief(self):
        """Whether this host writes the run directory."""
        return self.index == 0


def cluster():
    """Return the `Cluster` that TF_CONFIG describes; a single host where it is not set.

    Raises:
        UserError: TF_CONFIG is not what TensorFlow's guide to distributed training says it is.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return Cluster()
    try:
        configuration = json.loads(text)
        addresses = configuration.get("cluster", {})
        hosts = [(kind, number) for kind in TASKS for number in range(len(addresses.get(kind, ())))]
        task = configuration.get("task", {})
        own = (task.get("type"), int(task.get("index", -1)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"TF_CONFIG: not readable: {str(error).splitlines()[0]}") from None
    if len(hosts) < 2:
        return Cluster()
    if own not in hosts:
        allowed = ", ".join(f"{kind} {number}" for kind, number in hosts)
        raise UserError(f"TF_CONFIG: task: found {own[0]} {own[1]}, allowed: {allowed}")
    return Cluster(hosts.index(own), len(hosts))
