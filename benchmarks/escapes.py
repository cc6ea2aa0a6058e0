"""How many of 33 ways out of the sandbox get somewhere, and how many of 12 useful things still work.

    python benchmarks/escapes.py [--user COMMAND]

The ways are those of the tests, each tried for real in each mechanism of this machine; the host says
whether something got out. `--user` is how Python starts as an ordinary user, where this is run as root:
then the same is tried as that user as well. Writes benchmarks/results/escapes.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from facts import as_user, machine_facts, write_result

ROOT = Path(__file__).resolve().parents[1]
MECHANISMS = ("bubblewrap", "landlock")
_ESCAPE, _USE = "test_an_escape_gets_nowhere", "test_an_honest_program_runs"
_PARTS = "test_many_files_fill_only_what_is_allowed"

ESCAPES: dict[str, tuple[str, ...]] = {
    "read a planted secret": (_ESCAPE, "read a private file"),
    "read the password file": (_ESCAPE, "read the password file"),
    "read by a symbolic link": (_ESCAPE, "read through a symbolic link"),
    "read by a hard link": (_ESCAPE, "read through a hard link"),
    "write a start file of the home": (_ESCAPE, "append to a start file of the home"),
    "write elsewhere in the home": (_ESCAPE, "create an autostart file"),
    "delete outside": (_ESCAPE, "delete outside"),
    "rename outside": (_ESCAPE, "rename outside"),
    "chmod outside": (_ESCAPE, "chmod outside"),
    "write to /tmp": (_ESCAPE, "write to the shared /tmp"),
    "plant a git hook": (_ESCAPE, "plant a git hook"),
    "leave a link for the host's tools": ("test_a_folder_swapped_for_a_link_never_leads_out", ""),
    "read a key of the environment": (_ESCAPE, "read a key of the environment"),
    "read /proc/PID/environ": (_ESCAPE, "read a key of any process's environment"),
    "read /proc/PID/cmdline": (_ESCAPE, "read a key of any process's command line"),
    "read /proc/PID/root": (_ESCAPE, "read through another process's root"),
    "open /proc/PID/mem": (_ESCAPE, "read another process's memory"),
    "kill": (_ESCAPE, "kill"),
    "trace": (_ESCAPE, "trace another process"),
    "leave a daemon": ("test_a_daemon_dies_with_its_command", ""),
    "connect to 127.0.0.1": (_ESCAPE, "connect to a port of the host"),
    "connect to another address": (_ESCAPE, "connect to another address of the host"),
    "send a datagram": (_ESCAPE, "send a datagram"),
    "connect to a socket in a folder": (_ESCAPE, "connect to a socket in a folder"),
    "connect to an abstract socket": (_ESCAPE, "connect to an abstract socket"),
    "fork bomb": ("test_a_fork_bomb_fizzles", ""),
    "memory of one process": ("test_one_greedy_process_gets_no_more_memory", ""),
    "memory of many processes": ("test_memory_held_by_many_processes_counts_together", ""),
    "disk by one file": ("test_one_large_file_is_refused", ""),
    "disk by many files": (_PARTS, "in sight"),
    "a busy loop": ("test_a_busy_loop_is_stopped_by_the_clock", ""),
    "sleep": ("test_a_sleeper_is_stopped_by_the_clock", ""),
    "a flood of output": ("test_a_flood_of_output_is_cut_at_the_limit", ""),
}
"""What is tried, and by which test of which case."""
USEFUL: dict[str, tuple[str, ...]] = {
    **{
        use: (_USE, use)
        for use in (
            *("the standard library", "temporary files", "subprocesses", "pipes", "sqlite", "threads"),
            *("devices", "text of every language", "asyncio", "a pool of processes"),
            "a server of one's own",
        )
    },
    "git": ("test_git_commits", ""),
}
FILES = ("sandbox/test_escapes.py", "sandbox/test_limits.py", "sandbox/test_useful.py", "test_workspace.py")


def known() -> set[tuple[str, str]]:
    """What the tests expect to get out or not to work, by mechanism: there a passed test is a failure."""
    names = {"test_escapes.py": "OPEN", "test_useful.py": "LOST"}
    folder = ROOT / "tests/tooling/sandbox"
    source = "import runpy, json, sys; print(json.dumps(sorted(runpy.run_path(sys.argv[1])[sys.argv[2]])))"
    found: set[tuple[str, str]] = set()
    for file, name in names.items():
        said = subprocess.run(
            [sys.executable, "-c", source, str(folder / file), name], capture_output=True, check=True
        )
        found |= {(kind, case) for kind, case in json.loads(said.stdout)}
    return found


def outcomes() -> dict[str, bool]:
    """Whether each of the tests passed, by its name."""
    tests = sorted({test for test, _ in (*ESCAPES.values(), *USEFUL.values())})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        ]
        files = [str(ROOT / "tests/tooling" / file) for file in FILES]
        command += [f"--junitxml={report}", "-k", " or ".join(tests), *files]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
        return {case.attrib["name"]: not len(case) for case in ET.parse(report).iter("testcase")}


def passed(found: dict[str, bool], mechanism: str, test: str, case: str) -> bool | None:
    """Whether a test passed in a mechanism; `None` where it was not run."""
    of_it = [
        ok
        for name, ok in found.items()
        if name.partition("[")[0] == test
        and (not case or case in _parts(name, mechanism))
        and ("[" not in name or mechanism in name.partition("[")[2][:-1].split("-") or test.count("swapped"))
    ]
    return all(of_it) if of_it else None


def _parts(name: str, mechanism: str) -> tuple[str, ...]:
    inside = name.partition("[")[2][:-1]
    return (inside.removeprefix(f"{mechanism}-"), inside.removesuffix(f"-{mechanism}"))


def measured() -> dict[str, Any]:
    """For each mechanism what is contained and what works, as the user that this is run by."""
    found, expected = outcomes(), known()
    result: dict[str, Any] = {}
    for mechanism in MECHANISMS:
        of_it = {
            what: {
                name: bool(passed(found, mechanism, test, case)) and (mechanism, case) not in expected
                for name, (test, case) in tried.items()
            }
            for what, tried in (("contained", ESCAPES), ("useful", USEFUL))
        }
        result[mechanism] = {what: f"{sum(each.values())}/{len(each)}" for what, each in of_it.items()}
        result[mechanism]["not"] = [name for each in of_it.values() for name, ok in each.items() if not ok]
    return result


def main() -> None:
    """Try everything, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", metavar="COMMAND", help="how Python starts as an ordinary user")
    parser.add_argument("--print", action="store_true", help="print what was measured, and write nothing")
    given = parser.parse_args()
    if given.print:
        print(json.dumps(measured()))
        return
    result: dict[str, Any] = {"as root" if os.getuid() == 0 else "as a user": measured()}
    if given.user:
        result["as a user"] = as_user(given.user, __file__)
    result["machine"] = machine_facts("pytest")
    print(json.dumps(result, indent=2))
    write_result("escapes", result)


if __name__ == "__main__":
    main()
