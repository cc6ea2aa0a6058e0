"""Cases in parallel, each with a journal of its own, and only those that the log has no verdict on."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from agentkit.assembly import Surroundings, chosen_model, make_model_of
from agentkit.assembly.parts import price_of
from agentkit.core.errors import ContextOverflow
from agentkit.core.events import Ending
from agentkit.core.protocols import ChatModel
from agentkit.evaluation.case import Case, Task
from agentkit.evaluation.facts import code_digest, machine, placed, versions, weights
from agentkit.evaluation.log import EvalLog, Header, Made, Row, Run
from agentkit.evaluation.scorer import score, signs_of
from agentkit.evaluation.solver import Solved, solve
from agentkit.journal.memory import MemoryLog
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.discovery import installed_tools

BEARING = (
    "base_url", "temperature", "seed", "max_steps", "max_seconds", "max_tokens",
    "approve", "deny", "ask", "allow", "strategy",
    "name", "role", "goals", "constraints", "resources", "best_practices",
    "context_window", "max_output_tokens", "calls_per_step", "most_tools", "text_calls", "thoughts",
)  # fmt: skip
"""The settings that bear on results."""
BEARING_IF_SET = ("max_cost", "max_tool_seconds")
"""These, too, where somebody chose a value: logs from before they existed can be gone on with."""
LONGEST_ANSWER = 300
"""Characters of an answer that the log keeps."""

Models = Callable[[Case], ChatModel]
"""Who answers a case."""


async def run_task(
    task: Task,
    settings: Settings,
    out: Path,
    *,
    cases: Sequence[Case] | None = None,
    models: Models | None = None,
    parallel: int | None = None,
    on_row: Callable[[Row], None] = lambda _row: None,
) -> Run:
    """Run the cases that `out` holds no verdict on, and return all that it then holds.

    A case that could not be run or judged is an error and no failure of the agent; it is tried again
    by the next call.

    Args:
        task: What is evaluated.
        settings: Of every run; workspace, journal and check are each case's own.
        out: The log; journals lie in a folder beside it.
        cases: Those of the task to run; all by default.
        models: Who answers a case instead of the model that the settings name.
        parallel: How many cases at a time; 1 for a local model and 8 for others by default.
        on_row: Told of each case when it is over.

    Raises:
        UsageError: the log is of another evaluation, the model cannot be used as named, or its price is
            not known and a limit is in money.
    """
    if models is None:  # a price that is needed and not known is told before any case
        price_of(settings, Surroundings(), MemoryLog())
    header = header_of(task, settings)
    redact = Redactor(secrets_of(os.environ)).value
    with EvalLog.open(out, header, redact) as log:
        chosen = task.cases if cases is None else cases
        open_cases = [case for case in chosen if not is_judged(log.rows.get(case.id))]
        if open_cases:
            async with _answering(settings, models) as answering:
                at_a_time = parallel or (1 if header.model.startswith("local:") else 8)
                await _run_all(open_cases, settings, log, answering, at_a_time, on_row)
        return log.run


def header_of(task: Task, settings: Settings) -> Header:
    """What an evaluation of the task with these settings is.

    Raises:
        UnknownModel: the settings name no model, and none is here.
    """
    model = model_name(settings)
    chosen = [name for name in BEARING_IF_SET if getattr(settings, name) is not None]
    bearing = {name: getattr(settings, name) for name in (*BEARING, *chosen)}
    return Header(
        task=task.name,
        cases=task.digest,
        model=model,
        weights=weights(model),
        settings=msgspec.json.decode(msgspec.json.encode(bearing)),  # so what is read back is the same
        made=Made(
            code_digest(settings.prompts), versions(), machine(), datetime.now(UTC).isoformat("T", "seconds")
        ),
    )


def model_name(settings: Settings) -> str:
    """The model by its full name: what is named by a path is the same from another folder.

    Raises:
        UnknownModel: the settings name no model, and none is here.
    """
    return placed(chosen_model(settings))[0]


def journal_of(out: Path, case: str) -> Path:
    """The journal of a case: its id as a file name, told apart from like ones by a hash."""
    digest = hashlib.sha256(case.encode()).hexdigest()[:6]
    return out.with_suffix(".journals") / f"{in_file_name(case)[:60]}-{digest}.db"


def in_file_name(text: str) -> str:
    """The text with only what is harmless in a file's name.

    >>> in_file_name("local:qwen2.5-coder:1.5b")
    'local-qwen2.5-coder-1.5b'
    """
    return re.sub(r"[^\w.]+", "-", text, flags=re.ASCII).strip("-.")


def default_log(task: Task, settings: Settings) -> Path:
    """Where the log goes when nobody says: beside the journal of runs.

    Its name holds what the results depend on, so that altered code, cases or settings begin anew.
    """
    header = header_of(task, settings)
    bearing = [header.cases, header.weights, header.made.code, repr(header.settings)]
    digest = hashlib.sha256("\n".join(bearing).encode()).hexdigest()[:8]
    name = f"{in_file_name(task.name)}-{in_file_name(header.model)[-60:]}-{digest}.jsonl"
    return settings.journal.parent / "evals" / name


def is_judged(row: Row | None) -> bool:
    """Whether there is a verdict."""
    return row is not None and row.reached is not None


@asynccontextmanager
async def _answering(settings: Settings, models: Models | None) -> AsyncGenerator[Models]:
    """Who answers each case: one model for all, loaded once, unless it is a script."""
    if models is not None:
        yield models
    elif chosen_model(settings).startswith("scripted:"):
        make_model_of(settings)  # one that cannot be read is said before anything runs
        yield lambda _case: make_model_of(settings)  # a script is one conversation
    else:
        model = await in_daemon(lambda: make_model_of(settings), "load the model")
        try:
            yield lambda _case: model
        finally:
            await model.aclose()


async def _run_all(
    cases: Sequence[Case],
    settings: Settings,
    log: EvalLog,
    models: Models,
    parallel: int,
    on_row: Callable[[Row], None],
) -> None:
    tools = installed_tools()

    async def work() -> None:
        for case in waiting:
            journal = journal_of(log.path, case.id)
            row = await _row(case, lambda: solve(case, settings, models(case), tools, journal))  # noqa: B023
            on_row(log.append(row))

    waiting = iter(cases)  # shared: each worker takes the next
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(parallel, len(cases))):
                group.create_task(work())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _row(case: Case, solving: Callable[[], Awaitable[Solved]]) -> Row:
    """What the log keeps of a case; whatever goes wrong with it is kept from the others."""
    row = Row(case.id, case.family, case.tags, case.digest, None, check=case.check_digest)
    try:
        solved = await solving()
        outcome, failure = solved.outcome, solved.failure
        row = replace(
            row,
            ending=str(outcome.ended.ending),
            steps=outcome.steps,
            tokens=outcome.tokens,
            seconds=round(outcome.seconds, 2),
            answer=outcome.ended.result[:LONGEST_ANSWER],
            run=outcome.run_id,
        )
        # the model's service failed, not the agent; that it filled the window is its own doing
        if outcome.ended.ending is Ending.MODEL_FAILED and failure and failure.error != _TOO_LONG:
            return replace(row, why=f"{failure.error}: {failure.message}")
        # a check may run what was written; the other cases go on meanwhile
        ending, after = outcome.ended.ending, solved.after
        verdict = await in_daemon(lambda: score(case, ending, after), "judge a case")
        signs = await in_daemon(lambda: signs_of(case, after), "look for signs")
        return replace(row, reached=verdict.reached, why=verdict.why, signs=signs)
    except Exception as error:  # noqa: BLE001 - of the run, the disk or the check
        return replace(row, why=f"{type(error).__name__}: {error}")


_TOO_LONG = ContextOverflow.__name__
