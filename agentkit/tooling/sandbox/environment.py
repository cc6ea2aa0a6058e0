"""What a confined command finds around it: variables, the Python it may use, and a folder of its own."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from agentkit.core.errors import WorkspaceError

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")

ETC = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/timezone",
)
"""What programs need of /etc to start; the rest, passwords and keys among it, is not there."""

_SYSTEM = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var",
)
_NOT_A_WORKSPACE = frozenset((*_SYSTEM, "/tmp"))  # noqa: S108 - refused, not used
_KERNEL_FOLDERS = ("/dev/", "/proc/", "/sys/")


def environment(extra: Mapping[str, str], home: str) -> dict[str, str]:
    """Build the variables of a command from nothing: no key of the host's can be among them."""
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "LOGNAME": "agent",
        "PATH": ":".join([*(f"{prefix}/bin" for prefix in interpreter()), *SYSTEM_PATH]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # a killed command has printed all it wrote
        "TERM": "dumb",
        "TMPDIR": home,
        "USER": "agent",
        # The system's git settings are not there; some sandboxes say so by an error that git dies of.
        "GIT_CONFIG_NOSYSTEM": "1",
        **extra,
    }


def interpreter() -> tuple[Path, ...]:
    """Return the folders that hold this Python: the environment first, then its base."""
    home = Path.home().resolve()
    prefixes = dict.fromkeys(Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix))
    return tuple(prefix for prefix in prefixes if not home.is_relative_to(prefix))


def python() -> Path:
    """Return where this Python is found inside: the folders are resolved, as they are mounted."""
    executable = Path(sys.executable)
    return executable.parent.resolve() / executable.name


def checked_workspace(folder: Path) -> Path:
    """Return where `folder` really is, if it may be given away whole.

    Raises:
        WorkspaceError: it is no folder, or holds what is not the model's.
    """
    try:
        workspace = Path(os.path.realpath(folder, strict=True))
    except OSError as fault:
        raise WorkspaceError(f"workspace {str(folder)!r} cannot be used: {fault.strerror}") from fault
    if not workspace.is_dir():
        raise WorkspaceError(f"workspace {str(folder)!r} is not a folder")
    home = os.path.realpath(os.environ.get("HOME") or "/")
    if f"{home}/".startswith("/" if str(workspace) == "/" else f"{workspace}/"):
        raise _too_much(workspace)
    refuse_of_system(workspace)
    return workspace


def refuse_of_system(workspace: Path) -> None:
    """Refuse a real folder that is the machine's and no project; the disk is not looked at.

    Raises:
        WorkspaceError: saying so.
    """
    place = str(workspace)
    if place in _NOT_A_WORKSPACE or f"{place}/".startswith(_KERNEL_FOLDERS):
        raise _too_much(workspace)


def _too_much(workspace: Path) -> WorkspaceError:
    return WorkspaceError(
        f"workspace {str(workspace)!r} holds more than a project; give a folder of its own, below it"
    )
