"""A run for a program: each event as a line of JSON, and the whole as one object."""

from typing import TextIO

from agentkit.agents.state import RunState
from agentkit.cli.words import EXIT_CODES, json_line
from agentkit.core.errors import AgentkitError
from agentkit.core.events import Ending, Recorded, RunEnded
from agentkit.journal.redact import Redactor


class JsonLines:
    """Every event as one JSON line on `out`, as it is recorded."""

    def __init__(self, out: TextIO, redact: Redactor) -> None:
        self._redact = redact
        self._out = out

    def on_event(self, recorded: Recorded) -> None:
        """Write the event as the journal does: without secrets."""
        self._out.write(json_line(self._redact.value(recorded)) + "\n")
        self._out.flush()

    def on_text(self, text: str) -> None:
        """Nothing: the whole answer comes as an event."""

    def on_restart(self, reason: str) -> None:
        """Nothing: only whole answers are written."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: the whole result comes as an event."""


def outcome_json(
    run_id: str | None,
    ended: RunEnded | None,
    *,
    exit_code: int | None = None,
    error: AgentkitError | None = None,
    state: RunState | None = None,
    seconds: float = 0.0,
) -> str:
    """The whole run as one JSON object, for `--output json`; of the same shape however it went.

    `error` is null unless agentkit could not begin or could not go on.
    """
    state = state or RunState()
    code = exit_code if ended is None else EXIT_CODES[ended.ending]
    ending = ended.ending if ended else Ending.INTERRUPTED if error is None else None
    return json_line(
        {
            "run": run_id or None,
            "ending": ending,
            "exit_code": code,
            "result": ended.result if ended else "",
            "verified": ended.verified if ended else (),
            "claimed": ended.claimed if ended else (),
            "doubts": ended.doubts if ended else (),
            "because": ended.because if ended else "",
            "loop": ended.loop if ended else None,
            "steps": state.used.steps,
            "tokens": state.used.tokens,
            "cost": None if state.all_unpriced else state.used.cost,
            "seconds": round(seconds or state.seconds, 3),
            "error": error and {"kind": type(error).__name__, "message": str(error)},
        }
    )
