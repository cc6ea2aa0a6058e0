"""AutoGPT's own challenges as a task: `agentkit eval examples/agbenchmark/task.py:challenges --model NAME`.

Each goal is the challenge's text word for word, in a folder with its `artifacts_in`, and is judged as the
source's harness (AutoGPT classic, `direct_benchmark/evaluator.py`) judges it: the texts of all files that the
challenge names, one after the other, hold every `should_contain` and no `should_not_contain`.

Three of the ten are special:

- `code/1_three_sum` and `code/2_password_generator` are judged by a Python test, which is not among the data.
  Ours is made from the challenge's words and calls the code in the sandbox (`written_code.py`).
- `scrape/1_search` asks for one page of the web. It is not got: a `read_page` of the case's own knows that
  page, with the text that the challenge's own answer holds, and no other.
- `synthesize/1_basic_content_gen` is left out. A judge model is to say whether a report is to the point; the
  source's harness has none and lets everything pass, a run without a report included.

The source's time limits are for models behind a network (60 to 240 seconds); here `max_steps` is the limit.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from written_code import password_generator, three_sum

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.evaluation import After, Case, Score, Task
from agentkit.tooling.tool import Tool, tool

ROWS = Path(__file__).with_name("challenges.jsonl")
MAX_STEPS = 12
LEFT_OUT = frozenset({"verticals/synthesize/1_basic_content_gen"})
SEARCH = "verticals/scrape/1_search"
PAGE = "https://silennaihin.com/random/plain.html"

TESTS: Mapping[str, Callable[[After], Score]] = {
    "verticals/code/1_three_sum": three_sum,
    "verticals/code/2_password_generator": password_generator,
}
"""What stands for the Python tests of the source."""


class Ground(msgspec.Struct, frozen=True):
    """What is right: what the files hold, a name that begins with a dot being the end of any file's name."""

    answer: str
    files: tuple[str, ...]
    should_contain: tuple[str, ...] = ()
    should_not_contain: tuple[str, ...] = ()
    case_sensitive: bool = True


class Challenge(msgspec.Struct, frozen=True):
    """The goal, and what is right."""

    task: str
    ground: Ground


class Row(msgspec.Struct, frozen=True):
    """A challenge with its files: `artifacts_in/…` are there at the start, `artifacts_out/…` are right."""

    path: str
    draft: bool
    challenge: Challenge
    artifacts: dict[str, str]

    def files(self, folder: str) -> dict[str, str]:
        """The files of `artifacts_in` or `artifacts_out`, by their names in it."""
        begin = f"{folder}/"
        return {
            name.removeprefix(begin): text for name, text in self.artifacts.items() if name.startswith(begin)
        }


def challenges() -> Task:
    """Nine of the ten, by what they are about; what the source calls a draft is tagged."""
    return Task("agbenchmark", tuple(case_of(row) for row in rows() if row.path not in LEFT_OUT), MAX_STEPS)


def rows() -> list[Row]:
    """All ten as they are in the file."""
    lines = ROWS.read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Row) for line in lines]


def case_of(row: Row) -> Case:
    """A challenge as a case: `verticals/data/1_sort_csv` is `1_sort_csv` of the family `data`."""
    family, name = row.path.split("/")[-2:]
    return Case(
        id=name,
        family=family,
        goal=row.challenge.task,
        check=TESTS.get(row.path) or holding(row.challenge.ground),
        files=row.files("artifacts_in"),
        tools=(page_of(row.challenge.ground.answer),) if row.path == SEARCH else (),
        tags=("draft",) if row.draft else (),
    )


def holding(ground: Ground) -> Callable[[After], Score]:
    """A check that the named files hold what they should, and nothing that they should not."""
    # not `ground` itself: what a check closes over tells it from an altered one
    names, wanted, unwanted = ground.files, ground.should_contain, ground.should_not_contain
    exact = ground.case_sensitive

    def check(after: After) -> Score:
        found = "\n".join(text for name in names for text in _named(name, after.files))
        said = as_compared(found, exact)
        missing = [text for text in wanted if as_compared(text, exact) not in said]
        there = [text for text in unwanted if as_compared(text, exact) in said]
        if missing:
            return Score(False, f"{missing[0]!r} is not in {' or '.join(names)}")
        return Score(not there, f"{there[0]!r} is in {' or '.join(names)}" if there else "")

    return check


def as_compared(text: str, exact: bool) -> str:
    """The text as the source compares it: read as text, so that every line ends in the same way."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if exact else lines.lower()


def _named(name: str, files: Mapping[str, str]) -> list[str]:
    """The texts of the files of that name, in whichever folder, or with that ending."""
    if name.startswith("."):
        return [text for path, text in files.items() if path.endswith(name)]
    return [text for path, text in files.items() if path == name or path.endswith(f"/{name}")]


def page_of(text: str) -> Tool:
    """A `read_page` that knows the challenge's page and reaches no network."""

    @tool(effect=Effect.READS, basic=True, untrusted=True)
    def read_page(url: str) -> str:
        """Read a web page as text.

        Args:
            url: The address.
        """
        if url.strip() != PAGE:
            raise ToolFault(f"there is no page at {url!r}")
        return text

    return read_page
