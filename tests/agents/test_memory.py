"""A run with a memory: what it is told, what it keeps, and what does not come back as new."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agentkit.agents.replay import replay
from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.errors import SettingsError, UsageError
from agentkit.core.events import CallFinished, RunStarted
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.journal.ids import new_run_id
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.memory.agent import AgentMemory
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory
from agentkit.memory.words import KNOWN
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import Settings, load_settings
from agentkit.tooling.discovery import enabled_packs, installed_tools
from agentkit.tooling.tool import tool

from ..servers.openai_server import OpenAIServer  # noqa: TID252 - tests are in no package
from .cast import Cast


@tool(effect=Effect.NETWORK)
def look() -> str:
    """Look at a page."""
    return "The user's door code is 1234"


@pytest.fixture
def settings(workspace: Path, tmp_path: Path) -> Settings:
    places = {"journal": tmp_path / "journal.db", "memory_file": tmp_path / "memory.db"}
    return load_settings(
        {"workspace": workspace, "memory": "ann", "approve": "all", "embeddings": "none", **places}
    )


def remembering(subject: str, attribute: str, value: str, quote: str = "") -> ToolCall:
    given = {"subject": subject, "attribute": attribute, "value": value, "quote": quote}
    return ToolCall("r", "remember", given)


async def played(settings: Settings, goal: str, *script: Any, log: Any = None) -> MemoryLog:
    log = log or MemoryLog(new_run_id(time.time()))
    tools = {**installed_tools(), look.name: look}
    around = Surroundings(model=ScriptedModel([*script]), log=log, tools=tools)
    await run_goal(goal, settings, around)
    return log


def results(log: MemoryLog) -> list[str]:
    return [one.event.result.text for one in log.events() if isinstance(one.event, CallFinished)]


def opening(log: MemoryLog) -> list[str]:
    (first,) = [one.event for one in log.events() if isinstance(one.event, RunStarted)]
    return [message.text for message in first.opening]


def ann(memory: Memory) -> Scope:
    return memory.of("ann")


async def test_what_one_run_remembers_the_next_is_told_and_the_record_holds(settings: Settings) -> None:
    first = await played(
        settings,
        "I live in Oslo. Remember it.",
        remembering("user", "city", "Oslo", "I live in Oslo"),
        "Done.",
    )
    assert results(first) == ["remembered: fact 1, user: city: Oslo"]
    assert not any(text.startswith(KNOWN) for text in opening(first))
    second = await played(settings, "What is the weather?", "Rain.")
    told = [text for text in opening(second) if text.startswith(KNOWN)]
    assert "user: city: Oslo (fact 1, since " in told[0]
    assert opening(second)[-1].find("What is the weather?") >= 0


async def test_a_run_without_a_memory_has_no_tool_for_one(settings: Settings) -> None:
    model = ScriptedModel(["Done."])
    await run_goal(
        "x", settings.replacing(memory=None, packs=("all",)), Surroundings(model=model, log=MemoryLog())
    )
    assert "remember" not in {one.name for one in model.requests[0].tools}
    with pytest.raises(SettingsError, match="say --memory NAME"):
        await run_goal("x", settings.replacing(memory=None, packs=("memory",)), Surroundings(model=model))
    assert not settings.memory_file.exists()


async def test_the_conversation_is_kept_and_found_by_a_later_run(settings: Settings) -> None:
    await played(settings, "Book the ferry to Hven", "The ferry is booked for noon.")
    log = await played(settings, "When was it?", ToolCall("c", "recall", {"question": "ferry"}), "Noon.")
    (found,) = results(log)
    assert "the person: Book the ferry to Hven" in found
    assert "you: The ferry is booked for noon." in found


async def test_what_was_said_before_about_the_same_is_told_before_the_task(settings: Settings) -> None:
    await played(settings, "I live in Oslo, by the harbour", "Noted.")
    told = "\n".join(opening(await played(settings, "Where do I live?", "In Oslo.")))
    assert "the person: I live in Oslo, by the harbour" in told
    told = "\n".join(opening(await played(settings, "Count the harbour cranes of each port", "Three.")))
    assert KNOWN not in told


async def test_what_came_out_of_memory_is_not_remembered_again(settings: Settings) -> None:
    await played(settings, "My ferry leaves at noon", "Noted.")
    log = await played(
        settings,
        "When?",
        ToolCall("c", "recall", {"question": "ferry"}),
        remembering("ferry", "departure", "noon", "leaves at noon"),
        remembering("ferry", "departure", "leaves at noon"),
        "Noon.",
    )
    assert "nobody said 'leaves at noon' in this run" in results(log)[1]
    assert "came out of memory" in results(log)[2]
    with Memory.open(settings.memory_file) as memory:
        assert ann(memory).facts.every() == ()
        assert (
            len((await ann(memory).recall("noon ferry")).found) == 2
        )  # and not the words that were recalled


async def test_what_the_agent_was_told_before_its_task_is_not_remembered_as_its_own(
    settings: Settings,
) -> None:
    await played(settings, "I live in Oslo", remembering("user", "city", "Oslo", "live in Oslo"), "Done.")
    log = await played(settings, "Hello", remembering("user", "home town", "Oslo"), "Done.")
    assert "came out of memory" in results(log)[0]


async def test_a_quote_that_nobody_said_is_refused_and_a_conclusion_is_called_one(settings: Settings) -> None:
    log = await played(
        settings,
        "I never drink coffee",
        remembering("user", "drink", "tea", "I love tea"),
        remembering("user", "drink", "tea"),
        "Done.",
    )
    refused, kept = results(log)
    assert "nobody said 'I love tea'" in refused
    assert kept.startswith("remembered as your conclusion: fact 1, user: drink: tea.")
    with Memory.open(settings.memory_file) as memory:
        assert ann(memory).facts.get(1).origin == "agent inferred"


async def test_what_a_page_says_stays_suspect_in_memory(settings: Settings) -> None:
    await played(
        settings,
        "My name is Ann. Look.",
        ToolCall("l", "look", {}),
        remembering("user", "door code", "1234", "door code is 1234"),
        remembering("user", "name", "Ann", "My name is Ann"),
        "I looked at the door code.",
    )
    log = await played(
        settings,
        "What is the door code?",
        ToolCall("a", "recall", {"question": "door code"}),
        ToolCall("b", "recall_untrusted", {"question": "door code"}),
        "Done.",
    )
    assert "1234" not in "".join(opening(log))
    assert "user: name: Ann" in "".join(opening(log))
    trusted, every = [one.event.result for one in log.events() if isinstance(one.event, CallFinished)]
    assert ("1234" in trusted.text, trusted.untrusted) == (False, "")
    assert "recall_untrusted also looks" in trusted.text
    assert ("user: door code: 1234" in every.text, every.untrusted) == (True, "recall_untrusted")


async def test_forgetting_is_asked_about(settings: Settings) -> None:
    await played(settings, "I live in Oslo", remembering("user", "city", "Oslo", "live in Oslo"), "Done.")
    forget = ToolCall("f", "forget_fact", {"fact": 1})
    log = await played(settings.replacing(approve="auto"), "Forget it", forget, "Done.")
    (result,) = [one.event.result for one in log.events() if isinstance(one.event, CallFinished)]
    assert result.outcome is Outcome.DENIED
    log = await played(settings, "Forget it", forget, ToolCall("g", "forget_fact", {"fact": 7}), "Done.")
    forgot, missing = results(log)
    assert forgot.startswith("forgot fact 1; what was said of it stays in ")
    assert "Oslo" not in forgot  # an answer is kept as well
    assert missing == "there is no fact 7; recall tells the numbers"


async def test_an_agent_that_forgets_a_fact_is_told_what_else_says_it_by_number(settings: Settings) -> None:
    log = await played(
        settings,
        "Hello",
        remembering("user", "city", "Zagreb"),
        remembering("user", "home", "near Zagreb"),
        ToolCall("f", "forget_fact", {"fact": 1}),
        "Done.",
    )
    assert results(log)[-1].startswith("forgot fact 1; what was said of it stays in fact 2, ")
    assert "Zagreb" not in results(log)[-1]


async def test_what_was_forgotten_of_a_run_does_not_come_back_from_its_record(settings: Settings) -> None:
    log = await played(settings, "I live in Oslo", remembering("user", "city", "Oslo", "in Oslo"), "Done.")
    with Memory.open(settings.memory_file) as memory:
        ann(memory).forget(everything=True)
        AgentMemory(ann(memory), log)  # as when the run is taken up
        first, *rest = log.events()
        assert isinstance(first.event, RunStarted)
        events = [replace(first.event, forked_from=f"{log.run_id}@9"), *(one.event for one in rest)]
        times = iter([one.at for one in log.events()])
        AgentMemory(ann(memory), MemoryLog(new_run_id(time.time()), events, lambda: next(times)))
        assert memory.traces("Oslo") == 0


async def test_what_was_recorded_and_not_kept_is_kept_when_the_run_is_taken_up(settings: Settings) -> None:
    log = await played(settings, "My hat is red", ToolCall("c", "list_files", {}), "Nice.")
    kept = log.events()
    with Memory.open(settings.memory_file) as memory:
        before = ann(memory).conversation(log.run_id).messages()
        assert [one.text for one in before] == ["My hat is red", "", before[2].text, "Nice."]
    settings = settings.replacing(memory_file=settings.memory_file.with_name("new.db"))
    half = MemoryLog(log.run_id, [one.event for one in kept[:-3]])
    around = Surroundings(model=ScriptedModel([ToolCall("c", "list_files", {}), "Nice."]), log=half)
    await resume_run(half.run_id, settings, around)
    with Memory.open(settings.memory_file) as memory:
        after = ann(memory).conversation(half.run_id).messages()
    assert [one.text for one in after] == [one.text for one in before]


def by_topic(asked: dict[str, list[str]]) -> dict[str, object]:
    """Vectors that tell of dogs and of boats, whatever they are called."""
    topics = (("dog", "puppy", "hound"), ("boat", "ferry", "ship"))
    items = [
        {"index": at, "embedding": [0.1 + any(word in text for word in topic) for topic in topics]}
        for at, text in enumerate(asked["input"])
    ]
    return {"json": {"object": "list", "data": items}}


async def test_an_agent_recalls_by_meaning_where_there_is_a_model_of_vectors_and_else_by_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    await played(settings, "My old hound is called Rex", "Noted.")
    await played(settings, "The ship is late", "Noted.")
    ask = ToolCall("c", "recall", {"question": "the puppy"})
    (by_words,) = results(await played(settings, "What is it called?", ask, "Rex."))
    assert by_words == "nothing that is remembered bears on that"
    with OpenAIServer(embeds=by_topic) as server:
        named = settings.replacing(embeddings="openai:topics", base_url=server.url, retries=0)
        (by_meaning,) = results(await played(named, "What is it called?", ask, "Rex."))
        assert by_meaning.index("My old hound is called Rex") < by_meaning.index("The ship is late")
    (fallen,) = results(await played(named, "And?", ask, "-"))
    assert fallen.startswith("nothing that is remembered bears on that\n[searched by words alone: ")


async def test_a_fork_does_not_say_again_what_the_first_run_said(settings: Settings) -> None:
    with Journal.open(settings.journal) as journal:
        around = Surroundings(model=ScriptedModel([ToolCall("c", "list_files", {}), "One."]), journal=journal)
        first = await run_goal("My hat is red", settings, around)
        fork = journal.fork(first.run_id, 1)
        await resume_run(
            fork.run_id, settings, Surroundings(model=ScriptedModel(["-", "Two."]), journal=journal)
        )
    with Memory.open(settings.memory_file) as memory:
        texts = [one.text for one in ann(memory).conversation(fork.run_id).messages()]
        assert texts == ["Two."]


async def test_a_replay_needs_no_memory(settings: Settings) -> None:
    await played(settings, "My ferry leaves at noon", "Noted.")
    log = await played(settings, "When?", ToolCall("c", "recall", {"question": "ferry"}), "Noon.")
    settings.memory_file.unlink()
    packs = enabled_packs((), memory=True)
    tools = {**installed_tools(), **{one.name: one for pack in packs for one in pack.tools}}
    made = await replay(log.events(), tools)
    assert (made.difference, made.unchecked) == (None, ())


async def test_a_resumed_run_has_the_memory_that_it_began_with(settings: Settings) -> None:
    log = await played(settings.replacing(max_steps=1), "My hat is red", ToolCall("c", "list_files", {}))
    script = [ToolCall("c", "list_files", {}), remembering("user", "hat", "red", "hat is red"), "Done."]
    model = ScriptedModel(script)
    without = load_settings(
        {"journal": settings.journal, "memory_file": settings.memory_file, "max_steps": 9}
    )
    await resume_run(log.run_id, without, Surroundings(model=model, log=log))
    with Memory.open(settings.memory_file) as memory:
        assert [one.value for one in ann(memory).facts.now()] == ["red"]


async def test_the_file_may_not_lie_in_the_workspace(settings: Settings) -> None:
    inside = settings.replacing(memory_file=settings.workspace / "m.db")
    with pytest.raises(UsageError, match="name another with --memory-file"):
        await run_goal("x", inside, Surroundings(model=ScriptedModel(["x"]), log=MemoryLog()))


async def test_tenants_and_people_have_nothing_of_each_other(settings: Settings) -> None:
    await played(settings, "I live in Oslo", remembering("user", "city", "Oslo", "live in Oslo"), "Done.")
    for other in ("bob", "shop/ann"):
        log = await played(
            settings.replacing(memory=other), "Where?", ToolCall("c", "recall", {"question": "Oslo"}), "?"
        )
        assert results(log) == ["nothing that is remembered bears on that"]
        assert not any(KNOWN in text for text in opening(log))


async def test_an_agent_that_works_for_a_run_remembers_and_its_task_is_not_the_persons_word(
    settings: Settings,
) -> None:
    start = ToolCall("s", "start_agent", {"name": "scout", "task": "scout: the person likes tea"})
    scout = [
        remembering("user", "drink", "tea", "likes tea"),
        ToolCall("c", "recall", {"question": "tea"}),
        remembering("user", "leaf", "tea"),
        "Remembered.",
    ]
    around = Surroundings(model=Cast(lead=[start, "Done."], scout=scout), log=MemoryLog("one"))
    await run_goal("lead: go on", settings.replacing(packs=("agents",)), around)
    with Memory.open(settings.memory_file) as memory:
        assert {(one.value, one.origin) for one in ann(memory).facts.now()} == {("tea", "agent inferred")}
        names = [talk.name for talk in ann(memory).conversations()]
        (worked,) = [name for name in names if name != "one"]
        assert any(one.recalled for one in ann(memory).conversation(worked).kept())
