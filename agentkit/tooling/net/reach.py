"""Whom tools may reach: public addresses of allowed hosts, connected to as they were checked."""

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from agentkit.core.errors import ToolFault
from agentkit.tooling.nearest import listed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = (80, 443, 8080, 8443)
_CLOSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        # what IANA's registry of special IPv4 addresses does not call globally reachable
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
        "224.0.0.0/4",  # groups; a group is no host
        "168.63.129.16/32",  # public by its number, and yet answered by the machine's own cloud
        # and within 2000::/3 of the IPv6 registry
        "2001::/23",  # tunnels and protocols; the few that are reachable are no sites
        "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip
_ANSWERED_BY_THE_CLOUD = tuple(
    ipaddress.ip_network(network)
    for network in ("169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::/32")
)
"""Where machines in a cloud are given their keys: nobody's host, whatever name leads there."""
_UNICAST = ipaddress.ip_network("2000::/3")
"""All public IPv6 hosts. Outside lie the local ones (fc00::/7, fe80::/10, fec0::/10) and the groups."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NoAnswer(ToolFault):
    """A host may be reached and did not answer, or broke off: trying again may help."""


def looked_up(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows of a host; one look-up."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether an address is nobody's inside: no loopback, no private network, nothing of this machine."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    closed = any(address in network for network in _CLOSED)
    # a later Python may know of more
    return address.is_global and not closed and address not in own_addresses()


def own_addresses() -> frozenset[Address]:
    """The addresses of this machine's own interfaces: a public one leads back to what listens here."""
    found: set[Address] = set()
    with contextlib.suppress(OSError):
        lines = Path("/proc/net/fib_trie").read_text("ascii").split("\n")
        for before, line in pairwise(lines):
            if "/32 host LOCAL" in line:
                found.add(ipaddress.ip_address(before.split()[-1]))
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
            found.add(ipaddress.IPv6Address(int(line.split()[0], 16)))
    return frozenset(found)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a run may reach."""

    domains: tuple[str, ...] = ()
    """Hosts, each with all below it; none listed means every public one."""
    ports: tuple[int, ...] = PORTS
    inside: tuple[str, ...] = ()
    """Hosts, as HOST or HOST:PORT, that may be at private addresses; their port is open to tools."""
    look_up: Callable[[str, int], Sequence[str]] = looked_up
    is_open: Callable[[Address], bool] = is_public

    def host(self, name: str) -> str:
        """The name as it is looked up and compared.

        Raises:
            ToolFault: it is no host's name, or none that is allowed.
        """
        try:
            plain = name.rstrip(".").encode("idna").decode("ascii").lower()
        except UnicodeError:
            plain = ""
        if not plain or not all(letter.isalnum() or letter in ".-:_" for letter in plain):
            raise ToolFault(f"{name!r} cannot be the name of a host")
        among = any(plain == d or plain.endswith(f".{d}") for d in map(_plain, self.domains))
        if self.domains and not among and plain not in self.inner_hosts:
            raise ToolFault(f"{plain} is not among the domains that may be reached: {listed(self.domains)}")
        return plain

    @property
    def inner_hosts(self) -> frozenset[str]:
        """The hosts of `inside`, without their ports."""
        return frozenset(_host_and_port(one)[0] for one in self.inside)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The checked addresses of a host that `host` has seen.

        Raises:
            ToolFault: the port is not open to tools, there is no such host, or one of its addresses is
                not public.
        """
        named = [_host_and_port(one)[1] for one in self.inside if _host_and_port(one)[0] == host]
        inner = port in named or (None in named and port in self.ports)
        if port not in self.ports and not inner:
            raise ToolFault(f"port {port} is not reached; only {', '.join(map(str, self.ports))} are")
        try:
            found = self.look_up(host, port)
        except (OSError, UnicodeError):
            raise ToolFault(f"there is no host {host}, or the network is not there") from None
        for text in found:
            # all of them: of a mixed answer the private one may be what is connected next time
            address = ipaddress.ip_address(text.partition("%")[0])
            if not (_is_somebodys(address) if inner else self.is_open(address)):
                raise ToolFault(f"{host} is at {text}, which is no public address; it is not reached")
        if not found:
            raise ToolFault(f"{host} has no address")
        return found

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection to the host, at an address that was checked, within so many seconds in all.

        Raises:
            ToolFault: it may not be reached, or cannot.
        """
        deadline = time.monotonic() + seconds
        last: OSError = TimeoutError("timed out")
        found = self.addresses(host, port)
        for tried, address in enumerate(found):
            # an equal share of what is left: one that swallows all leaves the next its turn
            share = (deadline - time.monotonic()) / (len(found) - tried)
            if share <= 0:
                break
            try:
                made = socket.create_connection((address, port), timeout=share)
            except OSError as error:
                last = error
            else:
                made.settimeout(max(deadline - time.monotonic(), 0.001))
                return made
        raise NoAnswer(f"{host}:{port} does not answer: {last}")


def _is_somebodys(address: Address) -> bool:
    """Whether a host that the person named as theirs may be there."""
    address = _inner(address) or address
    return not address.is_multicast and not any(address in network for network in _ANSWERED_BY_THE_CLOUD)


def _host_and_port(text: str) -> tuple[str, int | None]:
    """A host of `inside` and its port.

    >>> _host_and_port("Localhost:8888"), _host_and_port("[::1]")
    (('localhost', 8888), ('::1', None))
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, ""
    return host.strip("[]").rstrip(".").lower(), int(port) if port else None


def _plain(domain: str) -> str:
    return domain.strip(".").removeprefix("*.").lower()
