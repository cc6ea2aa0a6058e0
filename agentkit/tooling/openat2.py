"""Open a path beneath a folder, and never anything else.

Checking a path first and opening it afterwards loses to a program that swaps a folder for a
symbolic link in between. Here the check and the opening are one: the kernel refuses to leave the
folder while it resolves (`openat2`), or, on kernels without that call, every component is opened on
its own without following links, so that there is nothing left to swap.
"""

import ctypes
import errno
import os
import platform
import stat
import sys
from collections.abc import Callable
from functools import cache

Opener = Callable[[int, str, int], int]
"""Opens a relative path beneath an open folder with the given flags, and returns the descriptor.

Raises `OSError` with `EXDEV` where the path leads out, be it by `..`, a link, or an absolute link.
"""

MOST_LINKS = 40
"""Links followed on one path before it counts as a circle; the kernel's own number."""

_SYSCALL = {"x86_64": 437, "aarch64": 437}
_NO_MAGICLINKS = 0x02
_BENEATH = 0x08
_MOST_RACES = 1000
"""How often a path that changes while it is resolved is tried again."""


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_HOW_BYTES = ctypes.sizeof(_OpenHow)


@cache
def best_opener() -> Opener:
    """The kernel's own confinement where it has it, else the walk."""
    return open_by_kernel if kernel_confines() else open_by_walk


@cache
def kernel_confines() -> bool:
    """Whether `openat2` works here: Linux 5.6 and no filter in the way."""
    if not sys.platform.startswith("linux") or platform.machine() not in _SYSCALL:
        return False
    here = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        os.close(_open_by_call(here, ".", os.O_PATH))
    except OSError:
        # ENOSYS from an old kernel, EPERM from a container's filter: the walk does as well
        return False
    finally:
        os.close(here)
    return True


def open_by_kernel(folder: int, path: str, flags: int) -> int:
    """Open `path` beneath `folder` by `openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)`."""
    if path == ".":  # the folder itself, which is open: there is nothing to resolve
        return os.open(path, flags, dir_fd=folder)
    return _open_by_call(folder, path, flags)


def _open_by_call(folder: int, path: str, flags: int) -> int:
    openat2, number, name = _syscall(), _number(), os.fsencode(path)
    how = _how(flags)
    for _ in range(_MOST_RACES):
        descriptor = openat2(number, folder, name, how, _HOW_BYTES)
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        # EAGAIN: something was renamed while a `..` was resolved, and the kernel cannot vouch for it
        if code not in (errno.EAGAIN, errno.EINTR):
            raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


@cache  # the kernel only reads it, and the flags in use are few
def _how(flags: int) -> _OpenHow:
    return _OpenHow(flags | os.O_CLOEXEC, 0, _BENEATH | _NO_MAGICLINKS)


@cache
def _number() -> int:
    return _SYSCALL[platform.machine()]


@cache
def _syscall() -> Callable[..., int]:
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.POINTER(_OpenHow),
        ctypes.c_size_t,
    )
    return syscall


def open_by_walk(folder: int, path: str, flags: int) -> int:
    """Open `path` beneath `folder` one component at a time, without following any link blindly."""
    held: list[int] = []
    try:
        return _walk(folder, path, flags, held)
    finally:
        for descriptor in held:
            os.close(descriptor)


def _walk(folder: int, path: str, flags: int, held: list[int]) -> int:
    """The walk itself; `held` is the way from `folder` down to here, so that `..` is its last step back."""
    pending = _reversed_parts(path)
    links = 0
    while pending:
        here = held[-1] if held else folder
        name = pending.pop()
        if name == ".":
            continue
        if name == "..":
            if not held:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
            os.close(held.pop())
            continue
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
        mode = os.fstat(found).st_mode
        last = not pending
        if stat.S_ISLNK(mode) and not (last and flags & os.O_NOFOLLOW):
            held.append(found)
            target = os.readlink("", dir_fd=found)
            os.close(held.pop())
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
            pending += _reversed_parts(target)
            continue
        if not last:
            held.append(found)
            if not stat.S_ISDIR(mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            continue
        os.close(found)
        try:
            return os.open(name, flags | os.O_NOFOLLOW, dir_fd=here)
        except OSError as error:
            if error.errno != errno.ELOOP or flags & os.O_NOFOLLOW:
                raise
            # it became a link since it was looked at: look again
            pending.append(name)
            links += 1
            if links > MOST_LINKS:
                raise
    return os.open(".", flags, dir_fd=held[-1] if held else folder)


def _reversed_parts(path: str) -> list[str]:
    # a slash at the end asks for a folder, as `/.` does
    asked = f"{path}." if path.endswith("/") else path
    return [part for part in asked.split("/") if part][::-1]
