"""The hosts of a run wait for each other before TensorFlow does, which would wait in silence."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kerasnets.errors import FailureError, UserError
from kerasnets.training.distribution.tf_config import Cluster, Host

log = logging.getLogger("kerasnets")

NOTICE_SECONDS = 30.0
"""Time from one warning about the hosts that are missing to the next."""
POLL_SECONDS = 0.2
CONNECT_SECONDS = 5.0
GREETING = b"kerasnets host\n"
"""What a host sends to whoever connects. A connection alone is no sign: a proxy accepts it for a host that is
not there."""


def wait_for_hosts(cluster: Cluster, seconds: float, notice: float = NOTICE_SECONDS) -> None:
    """Return when all hosts of a cluster answer at their addresses.

    Until then this host answers at its own. A host that has found all others goes on to TensorFlow, whose
    server answers at the same address, so that those that still look for it find it too.

    Args:
        cluster: the `Cluster`.
        seconds: how long to wait.
        notice: seconds from one warning about the hosts that are missing to the next.

    Raises:
        UserError: another program listens on this host's port.
        FailureError: a host has not come in time.
    """
    missing = [host for host in cluster.hosts if host is not cluster.hosts[cluster.index]]
    started = warned = time.monotonic()
    with _answering(cluster.hosts[cluster.index]):
        while True:
            missing = [host for host in missing if not _answers(host)]
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
def _answering(host: Host) -> Iterator[None]:
    """Greet whoever connects to this host's port while the block runs."""
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
    done = threading.Event()
    thread = threading.Thread(target=_greet, args=(server, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # the port is free only when nobody waits on it any more
        server.close()


def _greet(server: socket.socket, done: threading.Event) -> None:
    while not done.is_set():
        with suppress(OSError):  # none has come for a while, or has gone again
            peer, _ = server.accept()
            with peer:
                peer.sendall(GREETING)


def _answers(host: Host) -> bool:
    """Return whether a host greets, or TensorFlow's server does, with HTTP/2's settings frame (RFC 9113)."""
    try:
        with socket.create_connection((host.address, host.port), CONNECT_SECONDS) as peer:
            answer = peer.recv(len(GREETING))
    except OSError:  # also a name that is not known yet
        return False
    return answer == GREETING or (len(answer) > 3 and answer[3] == 4)
