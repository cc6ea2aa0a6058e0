"""A seccomp filter as the kernel reads it: the system calls that model-written code has no use for.

The filter allows by default and names what it denies. Denials answer with an error instead of a
kill, because ordinary programs probe for these calls and carry on without them.
"""

import errno
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.errors import SandboxUnavailable

Instruction = tuple[int, int, int, int]

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
_X32_BIT = 0x40000000

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_NEW_NAMESPACE = 0x7E020080
"""Every CLONE_NEW* bit."""

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture has no such call.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chown": (92, None),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "finit_module": (313, 273),
    "fremovexattr": (199, 16),
    "fsconfig": (431, 431),
    "fsetxattr": (190, 7),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lchown": (94, None),
    "lookup_dcookie": (212, 18),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "settimeofday": (164, 170),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}

_KERNEL_SURFACE = [
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "migrate_pages",
    "modify_ldt",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "open_tree_attr",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_mrelease",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "syslog",
    "umount2",
    "userfaultfd",
    "vhangup",
]

# Memory behind a memfd or a System V segment belongs to no process, so neither the watcher nor
# RLIMIT_AS would see it. "No such call" makes programs fall back to files and anonymous maps,
# as it makes the C library fall back from clone3, whose flags a filter cannot read.
_ABSENT = [
    "clone3",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "memfd_create",
    "memfd_secret",
    "shmget",
]

_OTHER_PROCESSES = [
    "migrate_pages",
    "move_pages",
    "mq_open",
    "msgget",
    "semget",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
]
_OWNERSHIP = [
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "fremovexattr",
    "fsetxattr",
    "lremovexattr",
    "lsetxattr",
    "removexattr",
    "removexattrat",
    "setxattr",
    "setxattrat",
]
_SIGNALS = ["tkill", "pidfd_send_signal"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls to deny beyond the kernel's risky surface."""

    socket_families: Sequence[int] = (AF_UNIX, AF_INET, AF_INET6)
    """Every other family is refused: AF_VSOCK, for one, ignores network namespaces."""
    own_namespaces: bool = True
    """Without them, calls that reach other processes of the same user by number are denied too."""
    scoped_signals: bool = True
    """Without them, every signal except one to the command's own first process is denied."""

    def program(self, own_pid: int = 0, machine: str | None = None) -> bytes:
        """Assemble the filter for `machine`, ready for `--seccomp` or prctl(PR_SET_SECCOMP).

        Raises:
            SandboxUnavailable: the numbers of this architecture's calls are not known.
        """
        machine = machine or platform.machine()
        if machine not in _ARCHITECTURES:
            raise SandboxUnavailable(
                f"no system call numbers for {machine!r}; known: {', '.join(_ARCHITECTURES)}"
            )
        column = list(_ARCHITECTURES).index(machine)
        code: list[Instruction] = [
            (_LOAD, 0, 0, _ARCH_OFFSET),
            (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
            # A 32-bit call has other numbers, which would slip past every rule below.
            (_RETURN, 0, 0, _KILL_PROCESS),
            (_LOAD, 0, 0, _NUMBER_OFFSET),
        ]
        if machine == "x86_64":
            code += [(_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
        for name, verdict in self._rules(own_pid).items():
            number = _NUMBERS[name][column]
            if number is not None:
                code += [(_EQUAL, 0, len(verdict), number), *verdict]
        code.append((_RETURN, 0, 0, _ALLOW))
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)

    def _rules(self, own_pid: int) -> dict[str, list[Instruction]]:
        rules = {name: _deny() for name in _KERNEL_SURFACE}
        rules |= {name: _deny(errno.ENOSYS) for name in _ABSENT}
        rules["ioctl"] = _deny_when_equal(1, [_TIOCSTI, _TIOCLINUX])
        rules["clone"] = rules["unshare"] = _deny_when_any_bit(0, _NEW_NAMESPACE)
        rules["socket"] = _allow_only(0, self.socket_families, errno.EAFNOSUPPORT)
        rules["socketpair"] = _allow_only(0, [AF_UNIX], errno.EAFNOSUPPORT)
        if not self.own_namespaces:
            rules |= {name: _deny() for name in [*_OTHER_PROCESSES, *_OWNERSHIP]}
            for name in [
                "prlimit64",
                "sched_setaffinity",
                "sched_setattr",
                "sched_setparam",
                "sched_setscheduler",
            ]:
                rules[name] = _allow_only(0, [0], errno.EPERM)
            for name in ["ioprio_set", "setpriority"]:
                rules[name] = _allow_only(1, [0], errno.EPERM)
        if not self.scoped_signals:
            rules |= {name: _deny() for name in _SIGNALS}
            # raise() and abort(), and a shell that ends itself.
            rules["kill"] = rules["tgkill"] = _allow_only(0, [own_pid], errno.EPERM)
        return rules


def _deny(error: int = errno.EPERM) -> list[Instruction]:
    return [(_RETURN, 0, 0, _ERRNO | error)]


def _deny_when_equal(argument: int, values: Sequence[int]) -> list[Instruction]:
    return [
        _load_argument(argument),
        *((_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)),
        (_RETURN, 0, 0, _ALLOW),
        *_deny(),
    ]


def _allow_only(argument: int, values: Sequence[int], error: int) -> list[Instruction]:
    return [
        _load_argument(argument),
        *((_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)),
        *_deny(error),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _deny_when_any_bit(argument: int, bits: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 0, 1, bits), *_deny(), (_RETURN, 0, 0, _ALLOW)]


def _load_argument(index: int) -> Instruction:
    # The low half: each argument looked at here is an int, and both machines are little-endian.
    return (_LOAD, 0, 0, _ARGS_OFFSET + 8 * index)
