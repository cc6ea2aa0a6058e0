"""What is kept of a thing beside what it holds: owner, extended attributes, permissions, and its time."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import msgspec

_KEPT = ("user.", "trusted.", "system.posix_acl_")
_CAPABILITIES = "security.capability"
"""What a program may do. The rest of `security.`, and of `system.`, is the system's own to give and check."""

_CHOWN, _SYS_ADMIN, _SETFCAP = 0, 21, 31
"""Bits of a capability set, as in linux/capability.h."""

_NOT_OURS = (errno.EPERM, errno.EINVAL)
"""Refusals of what others may do; a user that is not there for this process is no valid argument."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[tuple[bytes, bytes], ...]).decode


@dataclass(frozen=True, slots=True)
class Powers:
    """What this process may give to a file that it makes anew."""

    user: int
    groups: frozenset[int]
    capabilities: int
    users_here: tuple[range, ...]
    """The users that there are for this process; a file of any other shows a number that stands for all."""
    groups_here: tuple[range, ...]

    @classmethod
    def here(cls) -> "Powers":
        """Those of this process."""
        return _powers_of(os.geteuid(), os.getegid())

    def why_not_owner(self, owner: tuple[int, int]) -> str:
        """Why a file could not get this owner back; empty where it could."""
        user, group = owner
        if not self._can_be(user, self.users_here, mine=user == self.user):
            return f"it belongs to user {user}, to whom this user cannot give a file back"
        if not self._can_be(group, self.groups_here, mine=group in self.groups):
            return f"it belongs to group {group}, to which this user cannot give a file back"
        return ""

    def why_not_attributes(self, attributes: bytes) -> str:
        """Why a file could not get these attributes back; empty where it could."""
        for name, _ in _decode(attributes) if attributes else ():
            needed = _SETFCAP if os.fsdecode(name) == _CAPABILITIES else _SYS_ADMIN
            if not name.startswith((b"user.", b"system.")) and not self._has(needed):
                return f"it has the attribute {os.fsdecode(name)}, which this user cannot give back"
        return ""

    def _can_be(self, number: int, here: tuple[range, ...], *, mine: bool) -> bool:
        return mine or (self._has(_CHOWN) and any(number in numbers for numbers in here))

    def _has(self, capability: int) -> bool:
        return bool(self.capabilities >> capability & 1)


@cache
def _powers_of(user: int, group: int) -> Powers:
    """Read once for each user that the process becomes: it is asked before and after every call."""
    status = Path("/proc/thread-self/status").read_text(encoding="utf-8", errors="replace")
    found = {name: value for name, _, value in (line.partition(":") for line in status.splitlines())}
    return Powers(
        user,
        frozenset((group, *os.getgroups())),
        int(found["CapEff"], 16),
        tuple(_ranges("/proc/self/uid_map")),
        tuple(_ranges("/proc/self/gid_map")),
    )


def _ranges(path: str) -> Iterator[range]:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        first, _, count = map(int, line.split())
        yield range(first, first + count)


def attributes_of(thing: int | str) -> bytes:
    """The extended attributes of what is open under a descriptor or has a path; empty for none.

    Those alone that were given to it; labels and checksums are the system's own.

    Raises:
        OSError: one of them cannot be read.
    """
    try:
        names = os.listxattr(thing)
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # the file system has none
            return b""
        raise
    found = [
        (os.fsencode(name), os.getxattr(thing, name))
        for name in sorted(names)
        if name.startswith(_KEPT) or name == _CAPABILITIES
    ]
    return _encode(found) if found else b""


def give(
    opened: int, owner: tuple[int, int] | None, attributes: bytes | None, mode: int, time_ns: int | None
) -> bool:
    """Set what differs of a file or folder that is open, in whatever way; whether all could be set.

    Args:
        opened: a descriptor; `O_PATH` is enough.
        owner: user and group; `None` leaves them.
        attributes: as `attributes_of` gives them; `None` leaves them.
        mode: the permissions.
        time_ns: when it was last modified; `None` leaves that.

    Raises:
        OSError: it cannot be set for another reason than that it is not this user's to set.
    """
    path = Path(f"/proc/self/fd/{opened}")  # of what is open, whatever has its name by now
    whole = _own(path, owner)
    if not whole and not stat.S_ISDIR(path.stat().st_mode):
        mode &= ~(stat.S_ISUID | stat.S_ISGID)  # else the program would run as whoever has it now
    if attributes is not None:
        whole = _attribute(path, attributes) and whole
    if stat.S_IMODE(path.stat().st_mode) != mode:  # after the owner, which takes some permissions away
        whole = _tried(lambda: path.chmod(mode)) and whole
    return _date(path, time_ns) and whole


def give_link(folder: int, name: str, owner: tuple[int, int] | None, time_ns: int | None) -> bool:
    """Set owner and modification time of a symbolic link itself; whether both could be set."""
    path = Path(f"/proc/self/fd/{folder}", name)
    whole = _own(path, owner, follow=False)
    return _date(path, time_ns, follow=False) and whole


def give_owner(folder: int, name: str, owner: tuple[int, int]) -> bool:
    """Set the owner of a file, folder or link by its name; whether that could be set."""
    return _own(Path(f"/proc/self/fd/{folder}", name), owner, follow=False)


def _own(path: Path, owner: tuple[int, int] | None, *, follow: bool = True) -> bool:
    status = path.stat(follow_symlinks=follow)
    if owner is None or owner == (status.st_uid, status.st_gid):
        return True
    whole = True
    for user, group in ((-1, owner[1]), (owner[0], -1)):  # a group of one's own, even where the user stays
        given = _tried(partial(os.chown, path, user, group, follow_symlinks=follow))
        whole = given and whole
    return whole


def _attribute(path: Path, wanted: bytes) -> bool:
    have, want = (dict(_decode(one)) if one else {} for one in (attributes_of(str(path)), wanted))
    mode, whole = stat.S_IMODE(path.stat().st_mode), True
    if have != want and not mode & stat.S_IWUSR:  # without which its owner cannot set them either
        _tried(lambda: path.chmod(mode | stat.S_IWUSR))
    for name in {*have, *want}:
        if have.get(name) == want.get(name):
            continue
        kept = name in want
        change = partial(os.setxattr, path, name, want[name]) if kept else partial(os.removexattr, path, name)
        whole = _tried(change, (errno.EPERM, errno.EACCES, errno.ENOTSUP)) and whole
    return whole


def _date(path: Path, time_ns: int | None, *, follow: bool = True) -> bool:
    status = path.stat(follow_symlinks=follow)
    if time_ns is None or time_ns == status.st_mtime_ns:
        return True
    return _tried(lambda: os.utime(path, ns=(status.st_atime_ns, time_ns), follow_symlinks=follow))


def _tried(change: Callable[[], None], refusals: tuple[int, ...] = _NOT_OURS) -> bool:
    """Whether a change was made, or else was not this user's to make."""
    try:
        change()
    except OSError as error:
        if error.errno not in refusals:
            raise
        return False
    return True
