"""Packs in a run: loaded by a recorded call, so a run that is taken up again shows the same."""

from pathlib import Path
from typing import Any

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import ModelProfile, ModelRequest
from agentkit.core.tools import Effect
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling import discovery
from agentkit.tooling.packs import LOADER, Pack
from agentkit.tooling.tool import tool

from .conftest import add


@tool(effect=Effect.PURE)
def triple(a: int) -> int:
    """Triple a number."""
    return 3 * a


class Small(ScriptedModel):
    """Takes one tool beside the loader, and remembers what it was offered."""

    def __init__(self, script: Any) -> None:
        super().__init__(script, profile=ModelProfile(context_window=100_000, most_tools=1))
        self.offered: list[list[str]] = []

    def stream(self, request: ModelRequest) -> Any:
        self.offered.append([spec.name for spec in request.tools])
        return super().stream(request)


async def test_a_loaded_pack_is_there_after_a_resume(workspace: Path, home: Path, monkeypatch) -> None:
    packs = (Pack("maths", "to compute", (triple,)),)
    monkeypatch.setattr("agentkit.assembly.running.enabled_packs", lambda names, **_: packs if names else ())
    settings = load_settings({"workspace": str(workspace), "packs": ["maths"], "max_steps": 1})
    script = [
        ToolCall("c1", LOADER, {"pack": "maths"}),
        ToolCall("c2", "triple", {"a": 2}),
        "It is 6.",
    ]
    first, second = Small(script), Small(script)
    around = Surroundings(model=first, tools={"add": add})
    outcome = await run_goal("triple 2", settings, around)
    assert first.offered == [["add", LOADER]]

    again = load_settings({"max_steps": 9})
    ended = await resume_run(outcome.run_id, again, Surroundings(model=second, tools={"add": add}))
    assert second.offered[0] == ["triple", LOADER]
    assert ended.ended.result == "It is 6."
    assert ended.steps == 3


def test_nothing_is_added_unless_the_person_names_a_pack() -> None:
    assert load_settings({}).packs == ()
    assert discovery.installed_packs(()) == ()
