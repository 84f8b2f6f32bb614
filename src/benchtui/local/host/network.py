"""A network of the world's own (`--isolate-net`): the true metadata address, the API, and nothing else.

Sockets belong to the network namespace they were made in, whoever holds them. Pid 1 of the world makes two
listening sockets before it gives up its powers and hands them to the host: the host answers on them from
its own side, so that the world needs no relay that user data could kill, and has no way to this machine's
network.
"""

import array
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchtui.local.host import linux
from benchtui.local.host.imds import ImdsServer, Sources

METADATA_ADDRESS = "169.254.169.254"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = (
    0x8913,
    0x8914,
    0x8916,
    0x891C,
)  # linux/sockios.h
_IFF_UP = 1
_CHUNK = 65536


def _address(name: str, address: str) -> bytes:
    """struct ifreq with an IPv4 address."""
    return struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(address))


def enter(handover: int, api_port: int) -> None:
    """Move to a new network namespace, bring its loopback up and send both listening sockets over `handover`.

    Runs in pid 1 of the world, with CAP_NET_ADMIN over the new namespace. Raises OSError.
    """
    linux.unshare(linux.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.unpack(
            "16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        )[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
        fcntl.ioctl(control, _SIOCSIFADDR, _address("lo:1", METADATA_ADDRESS))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _address("lo:1", "255.255.255.255"))
    with (
        socket.create_server((METADATA_ADDRESS, 80), backlog=64) as metadata,
        socket.create_server(("127.0.0.1", api_port), backlog=64) as api,
        socket.socket(fileno=os.dup(handover)) as channel,
    ):
        rights = array.array("i", [metadata.fileno(), api.fileno()])
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


@dataclass(frozen=True, slots=True)
class Outside:
    """What the host answers with: the metadata of one instance and the address of the API."""

    sources: Sources
    instance_id: str
    api_endpoint: str

    @property
    def api(self) -> tuple[str, int]:
        parts = urlsplit(self.api_endpoint)
        return parts.hostname or "127.0.0.1", parts.port or 80


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Bytes one way until the end of either side; the end is passed on."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _relay(client: socket.socket, address: tuple[str, int]) -> None:
    with client:
        try:
            server = socket.create_connection(address, timeout=10)
        except OSError:
            return
        with server:
            server.settimeout(None)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


@dataclass
class Gateway:
    """The host's side of the networks of one world: each boot of it brings new sockets over the channel."""

    outside: Outside
    channel: socket.socket = field(init=False)
    handover: socket.socket = field(init=False)  # the world's end, closed here once its stage has it
    _open: list[Callable[[], None]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.channel, self.handover = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.setblocking(False)

    def poll(self) -> None:
        """Take the sockets of a boot that has just happened, if there are any, and serve them."""
        try:
            _, descriptors, _, _ = socket.recv_fds(self.channel, 1, 2)
        except (BlockingIOError, OSError):
            return
        if len(descriptors) != 2:
            return
        self._drop()
        metadata, api = (socket.socket(fileno=fd) for fd in descriptors)
        server = ImdsServer(self.outside.sources, listener=metadata, only=self.outside.instance_id)
        self._open.append(server.stop)
        api.setblocking(True)
        self._open.append(lambda: _close(api))
        threading.Thread(target=self._accept, args=(api,), name="api-relay", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_relay, args=(client, self.outside.api), daemon=True).start()

    def _drop(self) -> None:
        while self._open:
            self._open.pop()()

    def close(self) -> None:
        """Stop serving."""
        self._drop()
        self.channel.close()
        self.handover.close()


def _close(listener: socket.socket) -> None:
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
    listener.close()
