"""Print a table for a day."""

import sys

from tidemark.harmonics import mean_level, tide_at
from tidemark.ports import UnknownPort, find_port


def tide_at_noon(port, day):
    """The height at noon of a day."""
    return tide_at(port, day * 24 + 12)


def table(name, day):
    """One line for each hour of the day."""
    port = find_port(name)
    lines = [f"{hour:02}:00  {tide_at(port, day * 24 + hour):5.2f} m" for hour in range(24)]
    lines.append(f"mean   {mean_level(port, range(day * 24, day * 24 + 24)):5.2f} m")
    lines.append(f"noon   {tide_at_noon(port, day):5.2f} m")
    return "\n".join(lines)


def main():
    try:
        print(table(sys.argv[1], int(sys.argv[2])))
    except UnknownPort as unknown:
        sys.exit(f"no port called {unknown}")
