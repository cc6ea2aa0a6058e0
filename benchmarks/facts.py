"""What a result needs beside its numbers: which machine, which versions, which commit."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from agentkit.evaluation.facts import machine

RESULTS = Path(__file__).parent / "results"


def machine_facts(*distributions: str) -> dict[str, Any]:
    """The machine, the Python, the commit and the time; and the versions of `distributions`."""
    return {
        **machine(),
        "versions": {name: metadata.version(name) for name in distributions},
        "commit": _commit(),
        "measured": datetime.now(UTC).date().isoformat(),
    }


def write_result(name: str, result: Mapping[str, Any]) -> Path:
    """Write `benchmarks/results/NAME.json` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def as_user(command: str, script: str, *arguments: str) -> Any:
    """What a benchmark prints that is run with `--print` by an ordinary user.

    Args:
        command: How Python starts as that user.
        script: The benchmark.
        arguments: Given to it beside `--print`.
    """
    line = [*shlex.split(command), script, "--print", *arguments]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(said.stdout.splitlines()[-1])


def _commit() -> str:
    """The commit that was measured, with a + when the tree had changes."""
    git = ["git", "-C", str(RESULTS.parent)]
    described = subprocess.run([*git, "describe", "--always", "--dirty=+"], capture_output=True, text=True)
    return described.stdout.strip() or "none"
