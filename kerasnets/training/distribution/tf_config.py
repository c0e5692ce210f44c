"""The hosts of a run as TF_CONFIG names them, which Kubeflow, Vertex AI and SLURM wrappers set."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any

from kerasnets.errors import UserError

TASKS = ("chief", "worker")


@dataclass(frozen=True)
class Host:
    """A host as TF_CONFIG has it.

    Attributes:
        name: its task and number, "worker 1".
        address: its name or IP address, without brackets.
        port: from 1 to 65535.
    """

    name: str
    address: str = ""
    port: int = 0

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.name} at {address}:{self.port}" if address else self.name


@dataclass(frozen=True)
class Cluster:
    """This host among those that train together.

    Attributes:
        index: this host's number, from 0, the chief or the first worker.
        hosts: all of them, by number.
    """

    index: int = 0
    hosts: tuple[Host, ...] = (Host("worker 0"),)

    @property
    def count(self) -> int:
        """How many hosts there are."""
        return len(self.hosts)

    @property
    def chief(self) -> bool:
        """Whether this host writes the run directory."""
        return self.index == 0


def cluster() -> Cluster:
    """Return the `Cluster` that TF_CONFIG describes; a single host where it is not set or names one.

    Raises:
        UserError: TF_CONFIG is not what TensorFlow's guide to distributed training says it is.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return Cluster()
    try:
        configuration = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"TF_CONFIG: not JSON: {error}") from None
    _check(configuration, dict, "TF_CONFIG", allowed="an object with cluster and task")
    hosts = _hosts(configuration.get("cluster", {}))
    if len(hosts) < 2:
        return Cluster()
    task = _check(configuration.get("task"), dict, "TF_CONFIG: task", allowed="an object with type and index")
    index = _check(task.get("index"), int, "TF_CONFIG: task.index", allowed="a number from 0")
    names = [host.name for host in hosts]
    own = f"{task.get('type')} {index}"
    if own not in names:
        raise UserError(f"TF_CONFIG: task: found {_short(own)}, allowed: {', '.join(names)}")
    return Cluster(names.index(own), hosts)


def _hosts(addresses: Any) -> tuple[Host, ...]:
    """Return the `Host`s of the table `cluster`, the chief first."""
    _check(addresses, dict, "TF_CONFIG: cluster", allowed="an object with lists of addresses")
    for task in addresses:
        if task not in TASKS:
            raise UserError(f"TF_CONFIG: cluster: found {_short(task)}, allowed: {' and '.join(TASKS)}")
    hosts = []
    for task in TASKS:
        key = f"TF_CONFIG: cluster.{task}"
        listed = _check(addresses.get(task, []), list, key, allowed='a list of addresses, each "host:port"')
        if task == "chief" and len(listed) > 1:
            raise UserError(f"{key}: found {len(listed)} addresses, allowed: one")
        hosts += [_host(f"{task} {number}", f"{key}.{number}", text) for number, text in enumerate(listed)]
    seen: dict[tuple[str, int], Host] = {}
    for host in hosts:
        first = seen.setdefault((host.address, host.port), host)
        if first is not host:
            raise UserError(
                f"TF_CONFIG: cluster: found one address twice, {first.name} and {host}, allowed: one each"
            )
    return tuple(hosts)


def _host(name: str, key: str, text: Any) -> Host:
    allowed = 'text, "host:port" with a port from 1 to 65535'
    match = re.fullmatch(
        r"(\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]/]+):(\d{1,5})", _check(text, str, key, allowed=allowed)
    )
    if not match or not 0 < int(match[2]) < 2**16:
        raise UserError(f"{key}: found {_short(text)}, allowed: {allowed}")
    return Host(name, match[1].strip("[]").lower(), int(match[2]))


def _check(value: Any, kind: type, key: str, *, allowed: str) -> Any:
    """Return a value of the kind that is allowed."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{key}: found {_short(value)}, allowed: {allowed}")
    return value


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
