"""The hosts of a run wait for each other before TensorFlow does, which would wait in silence.

A host that is refused before, as for a key of its recipe, tells the others, which would wait for it in vain.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from kerasnets.errors import FailureError, UserError
from kerasnets.training.distribution.tf_config import Cluster, Host, cluster

log = logging.getLogger("kerasnets")

NOTICE_SECONDS = 30.0
"""Time from one warning about the hosts that are missing to the next."""
POLL_SECONDS = 0.2
CONNECT_SECONDS = 5.0
GREETING = b"kerasnets host\n"
"""What a host sends to whoever connects. A connection alone is no sign: a proxy accepts it for a host that is
not there."""
ENDING = b"kerasnets ends\n"
"""What it sends in place of the greeting when it tells the others that it is refused."""
REFUSAL = b"kerasnets refusal\n"
"""What its refusal begins with, which it sends to whoever greets."""
LONGEST_REFUSAL = 4096
READ_SECONDS = 1.0
TELL_SECONDS = 30.0
"""How long a host that is refused tries to tell the others; one that comes later waits for its own limit."""

_settled: set[Cluster] = set()
"""Clusters whose hosts have met, or know of a refusal."""


def wait_for_hosts(cluster: Cluster, seconds: float, notice: float = NOTICE_SECONDS) -> None:
    """Return when all hosts of a cluster answer at their addresses.

    Until then this host answers at its own. A host that has found all others goes on to TensorFlow, whose
    server answers at the same address, so that those that still look for it find it too.

    Args:
        cluster: the `Cluster`.
        seconds: how long to wait.
        notice: seconds from one warning about the hosts that are missing to the next.

    Raises:
        UserError: another program listens on this host's port, or another host is refused, for its reason.
        FailureError: a host has not come in time.
    """
    missing = _others(cluster)
    started = warned = time.monotonic()
    with _answering(cluster.hosts[cluster.index], GREETING) as refusals:
        while True:
            missing = [host for host in missing if not _has_come(host)]
            if not missing or refusals:
                _settled.add(cluster)
            if refusals:
                raise UserError(refusals[0])
            if not missing:
                return
            names, now = ", ".join(map(str, missing)), time.monotonic()
            if now - started >= seconds:
                raise FailureError(
                    f"{names} did not come within {seconds:g} s (train.host_wait_seconds); start all hosts"
                )
            if now - warned >= notice:
                warned = now
                log.warning("waiting for %s", names)
            time.sleep(POLL_SECONDS)


@contextmanager
def telling_other_hosts() -> Iterator[None]:
    """Tell the hosts that TF_CONFIG names, and that wait for this one, what the block is refused for."""
    try:
        yield
    except UserError as refusal:
        with suppress(UserError):  # what TF_CONFIG says may be what is refused
            tell_refusal(cluster(), str(refusal), TELL_SECONDS)
        raise


def tell_refusal(cluster: Cluster, refusal: str, seconds: float) -> None:
    """Send a refusal to all other hosts that have not met this one yet.

    Args:
        cluster: the `Cluster`.
        refusal: why this host does not train.
        seconds: how long to try to reach them.
    """
    if cluster.count == 1 or cluster in _settled:
        return
    _settled.add(cluster)
    own, missing, ends = cluster.hosts[cluster.index], _others(cluster), time.monotonic() + seconds
    message = REFUSAL + f"{own}: {refusal}".encode()[:LONGEST_REFUSAL]
    with ExitStack() as stack:
        refusals: list[str] = []
        with suppress(UserError):  # that the port is taken may be what it is refused for
            refusals = stack.enter_context(_answering(own, ENDING))
        missing = [host for host in missing if not _knows(host, message)]
        if missing and seconds:
            log.warning("refused: %s; telling %s for %g s", refusal, ", ".join(map(str, missing)), seconds)
        while missing and time.monotonic() < ends:
            time.sleep(POLL_SECONDS)
            # one that has told this one has ended since
            ended = [host for host in missing if any(each.startswith(f"{host}: ") for each in refusals)]
            missing = [host for host in missing if host not in ended and not _knows(host, message)]


def _others(cluster: Cluster) -> list[Host]:
    return [host for number, host in enumerate(cluster.hosts) if number != cluster.index]


@contextmanager
def _answering(host: Host, answer: bytes) -> Iterator[list[str]]:
    """Answer whoever connects to this host's port while the block runs; yield the refusals they send."""
    try:
        # not with SO_REUSEPORT, as TensorFlow's server does: two programs would share the port in silence
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        server = socket.create_server(("", host.port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise UserError(
            f"TF_CONFIG: {host}: cannot listen on port {host.port} of this host: {error.strerror}"
        ) from None
    server.settimeout(POLL_SECONDS)
    done, refusals = threading.Event(), list[str]()
    thread = threading.Thread(target=_answer, args=(server, answer, done, refusals), daemon=True)
    thread.start()
    try:
        yield refusals
    finally:
        done.set()
        thread.join()  # the port is free only when nobody waits on it any more
        server.close()


def _answer(server: socket.socket, answer: bytes, done: threading.Event, refusals: list[str]) -> None:
    while not done.is_set():
        with suppress(OSError):  # none has come for a while, or has gone again
            peer, _ = server.accept()
            with peer:
                peer.settimeout(READ_SECONDS)
                peer.sendall(answer)
                said = _read(peer, len(REFUSAL) + LONGEST_REFUSAL)
                if said.startswith(REFUSAL):
                    refusals.append(said.removeprefix(REFUSAL).decode("utf-8", "replace"))


def _read(peer: socket.socket, most: int) -> bytes:
    """Return what a peer sends until it closes, at most so many bytes."""
    said = b""
    while len(said) < most and (part := peer.recv(most - len(said))):
        said += part
    return said


def _has_come(host: Host) -> bool:
    """Return whether a host greets, or TensorFlow's server does, with HTTP/2's settings frame (RFC 9113)."""
    try:
        with _connected(host) as peer:
            answer = peer.recv(len(GREETING))
    except OSError:  # also a name that is not known yet
        return False
    return answer == GREETING or (len(answer) > 3 and answer[3] == 4)


def _knows(host: Host, message: bytes) -> bool:
    """Return whether a host has got a message that ends its waiting, or is ending itself."""
    try:
        with _connected(host) as peer:
            answer = peer.recv(len(GREETING))
            if answer in (GREETING, ENDING):
                peer.sendall(message)
    except OSError:
        return False
    return answer in (GREETING, ENDING)


def _connected(host: Host) -> socket.socket:
    return socket.create_connection((host.address, host.port), CONNECT_SECONDS)
