"""What a SOCKS5 client asks for (RFC 1928): a connection to a host, by its name."""

import ipaddress
import socket

from agentkit.core.errors import ToolFault

SOCKS_YES = b"\x05\x00\x00\x01\0\0\0\0\0\0"
SOCKS_NO = b"\x05\x02\x00\x01\0\0\0\0\0\0"
"""Not allowed by the rules."""
_CONNECT, _IPV4, _NAME, _IPV6 = 1, 1, 3, 4


def socks_asked(client: socket.socket) -> tuple[str, int]:
    """The host and port that a client wants to be connected to.

    Raises:
        ToolFault: it asks for something else.
        OSError: it left in the middle.
    """
    _, methods = _exactly(client, 2)
    _exactly(client, methods)
    client.sendall(b"\x05\x00")  # nobody has to say who they are: only the command inside gets here
    _, command, _, kind = _exactly(client, 4)
    if command != _CONNECT:
        raise ToolFault("only connections are made for a SOCKS client")
    if kind == _NAME:
        (length,) = _exactly(client, 1)
        host = _exactly(client, length).decode("ascii", "replace")
    elif kind in (_IPV4, _IPV6):
        host = str(ipaddress.ip_address(_exactly(client, 4 if kind == _IPV4 else 16)))
    else:
        raise ToolFault("a SOCKS client names its host in no known way")
    return host, int.from_bytes(_exactly(client, 2))


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (chunk := client.recv(count - len(data))):
            raise OSError("the client left")
        data += chunk
    return data
