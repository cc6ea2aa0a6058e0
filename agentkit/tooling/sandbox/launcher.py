"""The helper process of the Landlock sandbox, started by `landlock.py` in an interpreter of its own.

It stands alone: inside, none of agentkit is imported. It reads its orders from a descriptor, marshalled,
confines a child, and stays behind outside the child's reach to end whatever the child leaves: having no
process namespace, a daemon would otherwise outlive its command.
"""
# Its start is part of every command, so it imports little: no pathlib, contextlib, json, typing or signal.
# ruff: noqa: PTH112, PTH123, PTH208, S302, S606, SIM105

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from agentkit.tooling.sandbox.orders import Orders

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_DEVICES = 1 << 6 | 1 << 11
REFER = 1 << 13
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
_FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_RIGHTS_BY_ABI = {4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11
_SCOPED_SIGNALS, _SCOPED_ABSTRACT_SOCKETS = 0b10, 0b01
SCOPING_ABI = 6
OWN_PID = 0x7FFF5AFE
"""Above every number a process can have."""

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 22, 24
_PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 38, 36
_SECCOMP_MODE_FILTER = 2
_SIGKILL, _SIGSTOP = 9, 19
_MS_BETWEEN_REAPS = 500
"""What a daemon of the command leaves counts against its processes until it is reaped."""
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Return the version of Landlock that the kernel offers; 0 for none."""
    return max(
        0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))
    )


def rights(abi: int) -> int:
    """Every right to files that this version can take away."""
    return _RIGHTS_BY_ABI[min(abi, max(_RIGHTS_BY_ABI))]


def main(orders_at: int) -> None:
    """Run the ordered command to its end and leave nothing of it alive."""
    with open(orders_at, "rb") as file:
        orders: Orders = marshal.load(file)
    scoped = orders["abi"] >= SCOPING_ABI
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if scoped:
        # The helper's own domain holds its descendants and no other process, so that one
        # kill(-1), which no fork can outrun, ends them all. Theirs is nested: they cannot reach it.
        domain = _ruleset(REFER, 0, _SCOPED_SIGNALS)
        # Landlock forbids moves from folder to folder wherever a domain does not allow them by name.
        _allow(domain, "/", REFER)
        _restrict(domain)
        _check_scope()
    helper, host = os.getpid(), os.getppid()
    if orders["group"]:
        _join(orders, helper)
    child = os.fork()
    if child == 0:
        _become(orders, helper)
    status, left = _wait(child, orders["control"], scoped)
    # A host that is killed closes its pipes before it gives up its children: the parent alone may not tell.
    if left or os.getppid() != host:  # nobody else is there to tidy up
        os.execvp("rm", ["rm", "-rf", "--", orders["home"]])
    os.write(orders["report"], str(status).encode())


def _join(orders: Orders, process: int) -> None:
    """Have the command born in its control group, with all that it will start; or do without one."""
    try:
        with open(f"{orders['group']}/cgroup.procs", "w") as members:
            members.write(str(process))
    except OSError:
        orders["group"] = None


def _check_scope() -> None:
    """Make sure that a signal to everyone reaches no stranger."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return
    raise OSError("Landlock let a signal out of its scope")


def _become(orders: Orders, helper: int) -> NoReturn:
    """Confine this process and turn it into the command."""
    try:
        os.setsid()
        if os.geteuid() == 0 and not orders["group"]:
            # Only the watcher counts the tasks of root's commands: it must not wait for its turn among them.
            os.nice(10)
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        if os.getppid() != helper:
            os._exit(1)
        for descriptor in (orders["control"], orders["report"]):
            os.close(descriptor)
        os.chdir(orders["cwd"])
        for which, value in orders["rlimits"].items():
            resource.setrlimit(which, (value, value))
        _drop_capabilities()
        _confine_files(orders)
        _filter_calls(orders)
        os.execvp(orders["argv"][0], orders["argv"])
    except FileNotFoundError:
        os.write(2, f"{orders['argv'][0]}: command not found\n".encode())
        os._exit(127)
    except BaseException as fault:  # noqa: BLE001 - a child that cannot be confined may not go on
        os.write(2, f"{orders['argv'][0]}: {fault}\n".encode())
        os._exit(126)


def _wait(child: int, control: int, scoped: bool) -> tuple[int, bool]:
    """Return the command's exit status, negative for a signal, once all it started is gone.

    Also whether the host let go of the control without a word: then it was killed.
    """
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(control, select.POLLIN | select.POLLHUP)
    status: int | None = None
    left = False
    while (status := _reap(child)) is None:
        ready = [descriptor for descriptor, _ in poll.poll(_MS_BETWEEN_REAPS)]
        if control in ready:
            left = not os.read(control, 1)
            break
    poll.unregister(ended)
    while _any_left():
        _kill_all(scoped)
        late = _reap(child)
        status = late if status is None else status
        poll.poll(2)
    return (-_SIGKILL if status is None else status), left


def _reap(child: int) -> int | None:
    status = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                status = os.waitstatus_to_exitcode(ended[1])
    except ChildProcessError:
        pass  # that was the last
    return status


def _any_left() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _kill_all(scoped: bool) -> None:
    if scoped:
        _kill(-1, _SIGKILL)
        return
    waiting = _children(os.getpid())
    while waiting:
        process = waiting.pop()
        # Stopped first: its children are then all known, and orphans come to this process.
        for how in (_SIGSTOP, _SIGKILL):
            _kill(process, how)
            if how == _SIGSTOP:
                waiting += _children(process)


def _kill(process: int, how: int) -> None:
    try:
        os.kill(process, how)
    except (ProcessLookupError, PermissionError):
        pass  # nobody left, or nobody of ours


def _children(process: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/children", "rb") as children:
                found += map(int, children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended while we looked
    return found


def _confine_files(orders: Orders) -> None:
    abi = orders["abi"]
    every = rights(abi)
    scopes = _SCOPED_SIGNALS | _SCOPED_ABSTRACT_SOCKETS if abi >= SCOPING_ABI else 0
    ruleset = _ruleset(every, _TCP, scopes)
    for path in orders["read"]:
        _allow(ruleset, path, EXECUTE | READ_FILE | READ_DIR)
    for path in orders["write"]:
        _allow(ruleset, path, every & ~MAKE_DEVICES)
    _restrict(ruleset)


def _ruleset(files: int, net: int, scopes: int) -> int:
    attributes = (ctypes.c_uint64 * 3)(files, net, scopes)
    # The third field is known from ABI 6 on; an older kernel wants the size it knows.
    size = 24 if scopes else 16
    return _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        allowed &= _FOR_FILES
    rule = allowed.to_bytes(8, sys.byteorder) + _number(beneath)
    _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    os.close(beneath)


def _restrict(ruleset: int) -> None:
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _drop_capabilities() -> None:
    if os.geteuid() != 0:
        return  # no_new_privs: an unprivileged process cannot gain any
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # the kernel's last capability is passed
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()))


def _filter_calls(orders: Orders) -> None:
    program = bytes.fromhex(orders["seccomp"]).replace(_number(OWN_PID), _number(os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))

    told = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, told)


def _number(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder)


def _prctl(option: int, value: int, pointer: object = 0) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), pointer, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
