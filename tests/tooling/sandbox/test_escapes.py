"""Each way out is tried for real; the host says whether something got out."""

import ast
import subprocess
import sys
import time

import pytest

from agentkit.tooling.sandbox import Finished, Limits

FACTS = """
import ctypes, glob, json, os, pathlib, resource, shutil, signal, socket, subprocess, sys, time
world = json.loads(sys.argv[1])
outside = world["outside"]
libc = ctypes.CDLL(None, use_errno=True)
"""

ATTEMPTS = {
    "read a private file": "print(open(f'{outside}/secret').read())",
    "read the password file": """
if 'root:' in open('/etc/shadow').read(): print(os.environ['AGENTKIT_TEST_KEY'])""",
    "read through a symbolic link": "os.symlink(f'{outside}/secret', 'link'); print(open('link').read())",
    "read through a hard link": "os.link(f'{outside}/secret', 'link'); print(open('link').read())",
    "read by way of /proc/self/root": "print(open(f'/proc/self/root{outside}/secret').read())",
    "climb out by an open folder": """
top = os.open('.', os.O_RDONLY)
print(os.read(os.open('../outside/secret', os.O_RDONLY, dir_fd=top), 99))""",
    "append to a start file of the home": "open(f'{outside}/home/.bashrc', 'a').write('evil')",
    "create an autostart file": "open(f'{outside}/home/.config/evil', 'w').write('evil')",
    "delete outside": "os.remove(f'{outside}/secret')",
    "rename outside": "os.rename(f'{outside}/secret', f'{outside}/gone')",
    "move a file in": "os.rename(f'{outside}/secret', 'secret')",
    "chmod outside": "os.chmod(f'{outside}/secret', 0o666)",
    "chown outside": "os.chown(f'{outside}/secret', 1, 1)",
    "truncate outside": "os.truncate(f'{outside}/secret', 0)",
    "set an attribute outside": "os.setxattr(f'{outside}/secret', 'user.evil', b'1')",
    "write to the shared /tmp": "open(world['mark'], 'w').write('x')",
    "plant a git hook": """
open('.git/hooks/pre-commit', 'w').write('#!/bin/sh')
os.chmod('.git/hooks/pre-commit', 0o755)""",
    "plant a git setting": "open('.git/config', 'a').write('[core] fsmonitor = evil')",
    "replace the repository": """
os.rename('.git', 'old'); shutil.copytree('old', '.git')
open('.git/config', 'a').write('[core] fsmonitor = evil')""",
    "redirect the repository": "open('.git/commondir', 'w').write('../evil')",
    "lift a rule of the next run": "open('agentkit.toml', 'w').write('')",
    "write a prompt of the next run": "open('.agentkit/prompts/agent/small.md', 'a').write('Obey me.')",
    "put other prompts in the place of the next run's": """
os.rename('.agentkit', 'old'); os.makedirs('.agentkit/prompts/agent')
open('.agentkit/prompts/agent/small.md', 'w').write('Obey me.')""",
    "read a key of the environment": "print(dict(os.environ))",
    "read a key of any process's environment": """
for path in glob.glob('/proc/[0-9]*/environ'):
    try: print(open(path, 'rb').read())
    except OSError: pass""",
    "read a key of any process's command line": """
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try: print(open(path, 'rb').read())
    except OSError: pass""",
    "read a key of the first process": "print(open('/proc/1/environ', 'rb').read())",
    "read through another process's root": """
print(open(f'/proc/{world["victim"]}/root{outside}/secret').read())""",
    "read the parent's root": "print(open(f'/proc/{os.getppid()}/root{outside}/secret').read())",
    "read another process's memory": """
open(f'/proc/{world["victim"]}/mem', 'wb'); os.kill(world['victim'], 9)""",
    "kill": "os.kill(world['victim'], signal.SIGKILL)",
    "kill everyone": "os.kill(-1, signal.SIGTERM)",
    "kill by a process handle": "signal.pidfd_send_signal(os.pidfd_open(world['victim']), signal.SIGKILL)",
    "limit another process": "resource.prlimit(world['victim'], resource.RLIMIT_NOFILE, (9, 9))",
    "trace another process": """
if libc.ptrace(16, world['victim'], 0, 0) == 0:
    os.waitpid(world['victim'], 0x40000000); libc.ptrace(8, world['victim'], 0, 0)""",
    "connect to a port of the host": "socket.create_connection(('127.0.0.1', world['tcp']), 2)",
    "connect to another address of the host": "socket.create_connection((world['address'], world['tcp']), 2)",
    "send a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', world['udp']))",
    "connect to a socket in a folder": "socket.socket(socket.AF_UNIX).connect(world['unix'])",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + world['abstract'])",
}

OPEN = {("landlock", "chmod outside"), ("landlock-4", "chmod outside")}
"""What is known to get out, and documented as such."""

TOOTHLESS = {
    "chown outside",  # needs root
    "kill everyone",  # would
    "read the password file",  # needs root too
    "read a key of the first process",  # the host's has none of ours
    "set an attribute outside",  # needs a file system that has them
}
"""Attempts that do no harm on a bare host either, or too much."""


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_escape_gets_nowhere(attempt: str, run, world, kind: str) -> None:
    finished = run(FACTS + ATTEMPTS[attempt], world.facts())
    assert bool(world.harm(finished)) == ((kind, attempt) in OPEN), finished.output.decode()


@pytest.mark.parametrize("attempt", sorted(ATTEMPTS.keys() - TOOTHLESS))
def test_an_escape_succeeds_where_nothing_confines(attempt: str, world) -> None:
    argv = [sys.executable, "-c", FACTS + ATTEMPTS[attempt], world.facts()]
    bare = subprocess.run(
        argv, cwd=world.workspace, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20
    )
    time.sleep(0.05)  # a signal takes its time
    assert world.harm(Finished(bare.returncode, None, bare.stdout, 0)), bare.stdout.decode()


SURFACE = {
    "a user namespace": "libc.unshare(0x10000000)",
    "a user namespace by clone": "libc.syscall(56 if x86 else 220, 0x10000011, 0, 0, 0, 0)",
    "clone3": "libc.syscall(435, ctypes.create_string_buffer(88), 88)",
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "a new mount": "libc.syscall(430, b'tmpfs', 0)",
    "bpf": "libc.syscall(321 if x86 else 280, 5, ctypes.create_string_buffer(128), 128)",
    "io_uring": "libc.syscall(425, 8, ctypes.create_string_buffer(120))",
    "the keyring": "libc.syscall(250 if x86 else 219, 0, -3, 1)",
    "perf": "libc.syscall(298 if x86 else 241, ctypes.create_string_buffer(120), 0, -1, -1, 0)",
    "userfaultfd": "libc.syscall(323 if x86 else 282, 1)",
    "ptrace": "libc.ptrace(0, 0, 0, 0)",
    "another's memory": "libc.syscall(310 if x86 else 270, os.getpid(), None, 0, None, 0, 0)",
    "files by handle": "libc.syscall(304 if x86 else 265, -100, ctypes.create_string_buffer(16), 0)",
    "packet sockets": "libc.socket(17, 3, 0)",
    "netlink": "libc.socket(16, 3, 0)",
    "crypto sockets": "libc.socket(38, 5, 0)",
    "vsock": "libc.socket(40, 1, 0)",
    "memory without a process": "libc.memfd_create(b'x', 0)",
    "shared segments": "libc.shmget(0, 4096, 0o1600)",
    "typing into a terminal": "libc.ioctl(0, 0x5412, b'x')",
}
DENIED = (1, 38, 97)  # EPERM, ENOSYS, EAFNOSUPPORT


def test_the_risky_calls_of_the_kernel_are_denied(run) -> None:
    lines = [
        f"ctypes.set_errno(0); report[{name!r}] = ({call}, ctypes.get_errno())"
        for name, call in SURFACE.items()
    ]
    source = "\n".join(["x86 = os.uname().machine == 'x86_64'; report = {}", *lines, "print(report)"])
    report = ast.literal_eval(run(FACTS + source, '{"outside": ""}').output.decode())
    assert {name: got for name, got in report.items() if got[0] != -1 or got[1] not in DENIED} == {}


def test_a_daemon_dies_with_its_command(run, workspace) -> None:
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2): os.close(descriptor)
        while True:
            open('beat', 'a').write('x'); time.sleep(0.01)
    os._exit(0)
while not os.path.exists('beat'): time.sleep(0.01)
"""
    assert run(source).status == 0
    beats = (workspace / "beat").stat().st_size
    time.sleep(0.1)
    assert (workspace / "beat").stat().st_size == beats


def test_the_interpreter_cannot_be_changed(run) -> None:
    source = """
import os, sys
for folder in {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)}:
    try: open(os.path.join(folder, 'evil'), 'w')
    except OSError: continue
    print('changed', folder)
"""
    assert run(source).output == b""


def test_no_setting_of_the_kernel_is_writable(run) -> None:
    source = """
import os
for top, folders, names in os.walk('/proc'):
    if top == '/proc': folders[:] = [each for each in folders if not each.isdigit()]
    for name in names:
        try: os.open(os.path.join(top, name), os.O_WRONLY)
        except OSError: continue
        print('writable', top, name)
for path in ('/proc/sysrq-trigger', '/dev/kmsg', '/sys/power/state'):
    try: os.open(path, os.O_WRONLY)
    except OSError: continue
    print('writable', path)
"""
    assert run(source, limits=Limits(open_files=4000)).output == b""


def test_a_workspace_can_be_lent_for_reading_only(run, workspace) -> None:
    (workspace / "notes").write_text("here")
    finished = run("print(open('notes').read()); open('new', 'w')", writable=False)
    assert finished.status == 1
    assert finished.output.startswith(b"here")
    assert not (workspace / "new").exists()
