"""What the host tells the helper process of the Landlock sandbox."""

from typing import TypedDict


class Orders(TypedDict):
    """One command, and everything that confines it."""

    argv: list[str]
    cwd: str
    home: str
    """The command's private folder, to be removed if the host is no longer there to do so."""
    abi: int
    read: list[str]
    write: list[str]
    rlimits: dict[int, int]
    seccomp: str
    """The filter, in hexadecimal; it says `OWN_PID` where the command's first process is meant."""
    group: str | None
    """The control group that bounds the command's tasks, where one is needed and can be made."""
    control: int
    """A pipe whose other end the host holds; its end is the order to kill."""
    report: int
    """Where the exit status goes."""
