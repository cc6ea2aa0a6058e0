"""The filter is read by a small machine of the kernel's own kind, so each rule can be asked."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.tooling.sandbox import SandboxUnavailable
from agentkit.tooling.sandbox.seccomp import _NUMBERS, Filter

ALLOW, KILL = "allow", "kill"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NAMESPACES = 0x10000000


def verdict(program: bytes, machine: str, number: int, *arguments: int, arch: int | None = None) -> str | int:
    """Run the filter on one call: allow, kill, or the error it answers with."""
    call = struct.pack(
        "=IIQ6Q",
        number,
        ARCHITECTURES[machine] if arch is None else arch,
        0,
        *arguments,
        *[0] * (6 - len(arguments)),
    )
    code, at, loaded = list(struct.iter_unpack("=HBBI", program)), 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x20:
                loaded = struct.unpack_from("=I", call, value)[0]
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case 0x45:
                at += if_true if loaded & value else if_false
            case 0x06:
                if value == 0x7FFF0000:
                    return ALLOW
                return KILL if value == 0x80000000 else value & 0xFFFF
            case _:
                raise AssertionError(f"no such instruction: {operation:#x}")


@pytest.fixture(params=list(ARCHITECTURES))
def machine(request) -> str:
    return request.param


def ask(machine: str, filter_: Filter, name: str, *arguments: int, own_pid: int = 0):
    number = _NUMBERS[name][list(ARCHITECTURES).index(machine)]
    return verdict(filter_.program(own_pid, machine), machine, number, *arguments)


def test_namespaces_are_denied_and_threads_are_not(machine: str) -> None:
    assert ask(machine, Filter(), "clone", NAMESPACES | 17) == errno.EPERM
    assert ask(machine, Filter(), "unshare", NAMESPACES) == errno.EPERM
    assert ask(machine, Filter(), "clone", 0x3D0F00) == ALLOW
    assert ask(machine, Filter(), "clone3") == errno.ENOSYS


@pytest.mark.parametrize(("family", "answer"), [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, 97), (40, 97)])
def test_only_known_families_of_sockets_are_made(machine: str, family: int, answer: object) -> None:
    assert ask(machine, Filter(), "socket", family) == answer
    assert ask(machine, Filter(socket_families=()), "socket", family) == 97


def test_a_terminal_cannot_be_typed_into(machine: str) -> None:
    assert ask(machine, Filter(), "ioctl", 0, 0x5412) == errno.EPERM
    assert ask(machine, Filter(), "ioctl", 0, 0x541C) == errno.EPERM
    assert ask(machine, Filter(), "ioctl", 0, 0x5413) == ALLOW
    # The kernel looks at the low half of the request only, and so must the filter.
    assert ask(machine, Filter(), "ioctl", 0, 0x5412 | 1 << 32) == errno.EPERM


def test_signals_reach_only_oneself_where_they_are_not_scoped(machine: str) -> None:
    old = Filter(own_namespaces=False, scoped_signals=False)
    assert ask(machine, old, "kill", 77, own_pid=77) == ALLOW
    assert ask(machine, old, "kill", 78, own_pid=77) == errno.EPERM
    assert ask(machine, old, "kill", 0xFFFFFFFF, own_pid=77) == errno.EPERM
    assert ask(machine, Filter(), "kill", 78) == ALLOW


def test_limits_of_others_are_out_of_reach_where_numbers_are_shared(machine: str) -> None:
    shared = Filter(own_namespaces=False)
    assert ask(machine, shared, "prlimit64", 0) == ALLOW
    assert ask(machine, shared, "prlimit64", 99) == errno.EPERM
    assert ask(machine, Filter(), "prlimit64", 99) == ALLOW


def test_calls_of_another_architecture_kill() -> None:
    assert verdict(Filter().program(0, "x86_64"), "x86_64", 1, arch=0x40000003) == KILL
    assert verdict(Filter().program(0, "x86_64"), "x86_64", 0x40000000 | 165) == errno.ENOSYS


@given(
    number=st.integers(0, 1000), argument=st.integers(0, 2**64 - 1), machine=st.sampled_from([*ARCHITECTURES])
)
def test_a_call_that_is_not_named_is_allowed(number: int, argument: int, machine: str) -> None:
    column = list(ARCHITECTURES).index(machine)
    named = {numbers[column] for numbers in _NUMBERS.values()}
    for filter_ in (Filter(), Filter((), own_namespaces=False, scoped_signals=False)):
        answer = verdict(filter_.program(5, machine), machine, number, argument)
        assert answer == ALLOW or number in named


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        Filter().program(machine="riscv64")
