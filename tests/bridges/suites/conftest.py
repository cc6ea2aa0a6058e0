"""The suites are collected where they are installed; `make test-langchain` installs them and needs them.

What the suite of chat models leaves out is listed with its reason in `docs/langchain.md`: a case that is left
out and does not stand there fails, and so does one that stands there and is not left out. The others leave
out none.
"""

import re
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("langchain_tests", "langchain_chroma", "langchain_qdrant")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]

PAGE = Path(__file__).parents[3] / "docs/langchain.md"
LISTED = frozenset(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8").partition("| left out |")[2]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    listed = LISTED if item.path.name == "test_chat_model.py" else frozenset[str]()
    return judged(report, item.originalname, listed) if call.when == "call" or report.skipped else report


def judged(report: pytest.TestReport, name: str, listed: frozenset[str]) -> pytest.TestReport:
    """The report, failed where what it says of a case and what the page says of it differ."""
    if report.skipped and name not in listed:
        report.outcome = "failed"
        report.longrepr = f"{name} was left out, and {PAGE.name} does not say why: {report.longrepr}"
    elif not report.skipped and name in listed:
        report.outcome = "failed"
        report.longrepr = f"{PAGE.name} says that {name} is left out, and it is not"
    return report
