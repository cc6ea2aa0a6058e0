"""What an honest command needs still works."""

import pytest

from agentkit.tooling.sandbox import Limits

USEFUL = {
    "the standard library": "import csv, decimal, hashlib, http, json, re, sqlite3, ssl, zlib; print('done')",
    "temporary files": """
import tempfile
with tempfile.NamedTemporaryFile('w+') as file: file.write('done'); file.seek(0); print(file.read())""",
    "subprocesses": "import subprocess; print(subprocess.check_output(['echo', 'done'], text=True))",
    "pipes": "import os; os.system('echo enod | rev | cat')",
    "sqlite": """
import sqlite3
base = sqlite3.connect('base.db'); base.execute('create table t (x)')
base.execute('insert into t values (?)', ['done']); base.commit()
print(base.execute('select x from t').fetchone()[0])""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: print(''.join(pool.map(str, 'done')))""",
    "devices": """
open('/dev/null', 'w').write('x'); assert len(open('/dev/urandom', 'rb').read(8)) == 8; print('done')""",
    "text of every language": """
open('é', 'w').write('naïve ☕'); assert open('é').read() == 'naïve ☕'; print('done')""",
    "signals to oneself": """
import os, signal
signal.signal(signal.SIGUSR1, lambda *_: print('done')); os.kill(os.getpid(), signal.SIGUSR1)""",
    "asyncio": "import asyncio; print(asyncio.run(asyncio.sleep(0, 'done')))",
    "copies with their mode": """
import os, shutil
open('a', 'w').close(); os.chmod('a', 0o755); shutil.copy('a', 'b')
print('done' if os.access('b', os.X_OK) else '')""",
    "moves and links from folder to folder": """
import os
os.mkdir('from'); os.mkdir('to'); open('from/a', 'w').write('done')
os.rename('from/a', 'to/b'); os.link('to/b', 'from/c'); os.rename('from', 'to/from')
print(open('to/from/c').read())""",
    "a pool of processes": """
import multiprocessing
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool: print(''.join(pool.map(str, 'done')))""",
    "a server of one's own": """
import socket, threading
server = socket.create_server(('127.0.0.1', 0))
threading.Thread(target=lambda: server.accept()[0].sendall(b'done')).start()
print(socket.create_connection(server.getsockname()).recv(9).decode())""",
    "ending a child": """
import subprocess
child = subprocess.Popen(['sleep', '60']); child.terminate(); print('done' if child.wait() == -15 else '')""",
}

LOST = {
    ("landlock", "a pool of processes"),
    ("landlock", "a server of one's own"),
    ("landlock-4", "a pool of processes"),
    ("landlock-4", "a server of one's own"),
    ("landlock-4", "ending a child"),
}
"""What the second choices cost: semaphores need the shared /dev/shm, and sockets are off."""


@pytest.mark.parametrize("use", USEFUL)
def test_an_honest_program_runs(use: str, run, kind: str) -> None:
    finished = run(USEFUL[use])
    worked = finished.status == 0 and finished.output.strip().endswith(b"done")
    assert worked == ((kind, use) not in LOST), finished.output.decode()


def test_git_commits(run) -> None:
    script = """
git init --quiet . && echo text > notes && git add notes &&
git -c user.name=a -c user.email=a@b commit --quiet -m first && git log --format=%s"""
    assert run(["sh", "-c", script]).output.endswith(b"first\n")


def test_git_commits_in_a_repository_that_was_there(run, world) -> None:
    script = """
echo text > notes && git add notes &&
git -c user.name=a -c user.email=a@b commit --quiet -m second && git log --format=%s"""
    finished = run(["sh", "-c", script])
    assert (finished.status, finished.output) == (0, b"second\n")


@pytest.mark.parametrize(
    ("ending", "status"), [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", -9)]
)
def test_the_exit_status_is_exact(ending: str, status: int, run) -> None:
    assert run(["sh", "-c", ending]).status == status


def test_input_is_given_and_otherwise_empty(run) -> None:
    assert (
        run(["cat"], stdin="é☕".encode() * 100_000, limits=Limits(output_bytes=10_000_000)).output
        == "é☕".encode() * 100_000
    )
    assert run(["cat"]).output == b""


def test_output_and_errors_keep_their_order(run) -> None:
    source = "import sys\nfor n in range(3): print(n); sys.stdout.flush(); print('e', n, file=sys.stderr)"
    assert run(source).output == b"0\ne 0\n1\ne 1\n2\ne 2\n"


def test_variables_are_those_allowed_and_those_given(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_API_KEY", "secret")
    printed = run(["env"], extra_env={"GIVEN": "yes"}).output.decode()
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert names - {"GIT_CONFIG_NOSYSTEM", "PWD", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"} == {
        *("HOME", "LANG", "LOGNAME", "PATH", "TERM", "TMPDIR", "USER"),
        "GIVEN",
    }
    assert "GIVEN=yes" in printed


def test_nothing_of_the_sandbox_is_left_open_inside(run) -> None:
    source = """
import os
open_files = []
for number in range(3, 256):
    try: os.fstat(number); open_files.append(number)
    except OSError: pass
print(open_files)"""
    assert run(source).output == b"[]\n"


def test_a_missing_program_is_a_failure_of_the_command(run) -> None:
    finished = run(["no-such-program"])
    assert finished.status in {1, 127}
    assert b"no-such-program" in finished.output
