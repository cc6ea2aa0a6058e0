"""The harbours that are known, and how to find one by a careless name."""


class UnknownPort(Exception):
    """No harbour of that name."""


class AmbiguousPort(Exception):
    """More than one harbour could be meant."""


PORTS = {
    "skerry": {"datum": 2.31, "constants": {"M2": (1.42, 114.0), "S2": (0.48, 152.0)}},
    "skerrivore": {"datum": 2.13, "constants": {"M2": (1.24, 141.0), "S2": (0.44, 125.0)}},
    "port lorne": {"datum": 3.05, "constants": {"M2": (1.97, 201.5), "S2": (0.66, 240.0), "K1": (0.11, 18.0)}},
    "easthaven": {"datum": 2.88, "constants": {"M2": (1.79, 33.0), "N2": (0.35, 12.0), "O1": (0.10, 301.0)}},
}


def normal(name):
    """Lower case, single blanks."""
    return " ".join(name.lower().split())


def candidates(name):
    """Every port whose name begins like this."""
    return [port for port in PORTS if port.startswith(normal(name))]


def find_port(name):
    """The one port of this name or beginning."""
    wanted = normal(name)
    if wanted in PORTS:
        return PORTS[wanted]
    return choose(candidates(wanted), name)


def choose(found, name):
    """The only one of those found."""
    if not found:
        raise UnknownPort(name)
    if len(found) > 1:
        raise AmbiguousPort(", ".join(found))
    return PORTS[found[0]]
