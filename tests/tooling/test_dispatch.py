"""validate → decide → intent → run → result: the one way a call can take."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, JournalError, ToolFault, WorkspaceError
from agentkit.core.events import CallDecided, CallFinished, CallIntended
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.choices import Choices, ExistingFile
from agentkit.tooling.context import ToolContext
from agentkit.tooling.dispatch import Dispatcher, Reply
from agentkit.tooling.policy import Approve, Policy
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.outputs import read_output

ALL = Policy(Approve.ALL)
BEYOND_READING = [effect for effect in Effect if effect not in (Effect.PURE, Effect.READS)]


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("c1", name, arguments)


def noting(happened: list[str], effect: Effect, **options: Any) -> Tool:
    @tool(effect=effect, **options)
    def work(word: str = "x") -> str:
        """Do the work."""
        happened.append("the tool began")
        return word

    return work


# --- the order


@pytest.mark.parametrize("effect", Effect)
async def test_the_intent_is_recorded_before_the_tool_begins_and_durably_beyond_reading(
    desk, effect: Effect
) -> None:
    work = noting(desk.diary.happened, effect)
    result = await desk.dispatcher(work, policy=ALL).perform(call("work"))
    durable = ", durable" if effect in BEYOND_READING else ""
    assert desk.diary.happened == [
        f"CallIntended{durable}",
        "the tool began",
        f"CallFinished{durable}",
    ]
    assert (result.outcome, result.text) == (Outcome.OK, "x")


@pytest.mark.parametrize("effect", Effect)
async def test_nothing_runs_when_the_intent_cannot_be_recorded(desk, effect: Effect) -> None:
    desk.diary.fail_at = "CallIntended"
    with pytest.raises(JournalError, match="disk is full"):
        await desk.dispatcher(noting(desk.diary.happened, effect), policy=ALL).perform(call("work"))
    assert desk.diary.happened == []


async def test_a_result_that_cannot_be_recorded_is_our_fault_and_not_the_tools(desk) -> None:
    desk.diary.fail_at = "CallFinished"
    with pytest.raises(JournalError):
        await desk.dispatcher(noting([], Effect.PURE)).perform(call("work"))


async def test_a_persons_yes_is_durable_before_the_intent(desk) -> None:
    async def yes(*_: object) -> bool:
        desk.diary.happened.append("asked")
        return True

    work = noting(desk.diary.happened, Effect.NETWORK)
    await desk.dispatcher(work, approver=yes).perform(call("work"))
    assert desk.diary.happened == [
        "asked",
        "CallDecided, durable",
        "CallIntended, durable",
        "the tool began",
        "CallFinished, durable",
    ]


async def test_what_can_change_files_is_recorded_with_the_workspace_before_it(desk) -> None:
    (desk.root / "a.txt").write_text("a")
    await desk.dispatcher(noting([], Effect.WRITES)).perform(call("work"))
    intent = desk.diary.events()[0].event
    assert isinstance(intent, CallIntended)
    kept = desk.snapshots.contents.listing(bytes.fromhex(intent.snapshot))
    assert [entry.name for entry in kept] == [b".", b"a.txt"]


async def test_what_a_call_left_is_kept_where_it_changed_something(desk) -> None:
    @tool(effect=Effect.WRITES, idempotent=True)
    def work(context: ToolContext, text: str) -> str:
        """Write."""
        context.workspace.write_bytes("a.txt", text.encode())
        return "ok"

    for _ in range(2):
        await desk.dispatcher(work).perform(call("work", text="same"))
    intended = [one.event for one in desk.diary.events() if isinstance(one.event, CallIntended)]
    finished = [one.event for one in desk.diary.events() if isinstance(one.event, CallFinished)]
    assert [event.snapshot for event in finished] == [intended[1].snapshot, ""]


# --- deciding


async def test_with_nobody_to_ask_asking_is_denying_at_once(desk) -> None:
    result = await desk.dispatcher(noting(desk.diary.happened, Effect.NETWORK)).perform(call("work"))
    assert result.outcome is Outcome.DENIED
    assert "nobody is here to ask" in result.text
    assert "the tool began" not in desk.diary.happened
    decided = desk.diary.events()[0].event
    assert isinstance(decided, CallDecided)
    assert (decided.allowed, decided.by) == (False, "policy")


async def test_a_persons_no_is_told_and_nothing_runs(desk) -> None:
    async def no(*_: object) -> bool:
        return False

    work = noting(desk.diary.happened, Effect.NETWORK)
    result = await desk.dispatcher(work, approver=no).perform(call("work"))
    assert result.outcome is Outcome.DENIED
    assert "the person said no" in result.text
    assert desk.diary.happened == ["CallDecided", "CallFinished"]


async def test_a_no_with_words_is_told_with_the_words(desk) -> None:
    async def no(*_: object) -> Reply:
        return Reply(allowed=False, feedback="use b.txt")

    result = await desk.dispatcher(noting([], Effect.NETWORK), approver=no).perform(call("work"))
    assert result.outcome is Outcome.DENIED
    assert result.text.endswith("did not run; the person says: use b.txt")
    assert desk.diary.events()[0].event.reason == "the person said no: use b.txt"


async def test_a_call_runs_as_the_person_changed_it_and_the_model_is_told(desk) -> None:
    async def edit(*_: object) -> Reply:
        return Reply(allowed=True, arguments={"word": "other"})

    result = await desk.dispatcher(noting([], Effect.NETWORK), approver=edit).perform(call("work", word="x"))
    assert result.text == '[the person changed the call before it ran: work {"word": "other"}]\nother'
    intent = desk.diary.events()[1].event
    assert (intent.call.arguments, intent.edited) == ({"word": "other"}, True)
    told = await desk.dispatcher(noting([], Effect.NETWORK)).settle(intent)
    assert told.text.startswith("[the person changed the call")


async def test_a_changed_call_is_checked_and_decided_like_any(desk) -> None:
    replies = [{"word": 1, "more": 2}, {"command": "rm -rf x"}]

    async def edit(*_: object) -> Reply:
        return Reply(allowed=True, arguments=replies.pop(0))

    @tool(effect=Effect.EXECUTES, command_line="command")
    def shell(command: str) -> str:
        """Run."""
        desk.diary.happened.append("it ran")
        return command

    policy = Policy(Approve.ASK, deny=frozenset({"shell(rm *)"}))
    dispatcher = desk.dispatcher(shell, policy=policy, approver=edit)
    assert (await dispatcher.perform(call("shell", command="ls"))).outcome is Outcome.INVALID
    denied = await dispatcher.perform(call("shell", command="ls"))
    assert denied.outcome is Outcome.DENIED
    assert "shell(rm *)" in denied.text
    assert "it ran" not in desk.diary.happened


async def test_code_that_nothing_confines_is_asked_about(desk) -> None:
    result = await desk.dispatcher(noting(desk.diary.happened, Effect.EXECUTES)).perform(call("work"))
    assert result.outcome is Outcome.DENIED
    assert "what it does could not be undone: no sandbox in this test; nobody is here to ask" in result.text
    assert "the tool began" not in desk.diary.happened


async def test_the_person_is_shown_the_call_and_the_reason(desk) -> None:
    shown: list[object] = []

    async def look(shown_tool: Tool, shown_call: ToolCall, reason: str) -> bool:
        shown.extend([shown_tool.name, shown_call.arguments, reason])
        return False

    work = noting([], Effect.NETWORK)
    await desk.dispatcher(work, approver=look).perform(call("work", word="go"))
    assert shown == ["work", {"word": "go"}, "approve = auto, and it reaches the network"]


@pytest.fixture
def leading(desk) -> Tool:
    """Goes to a place that its argument only names; a name of none cannot be found."""

    async def found(given: Mapping[str, Any], context: ToolContext) -> str:
        assert not context.leads_to
        if not given["place"]:
            raise ToolFault("there is no such place")
        return f"https://{given['place']}.example"

    @tool(effect=Effect.NETWORK, leads_to=found)
    def send(place: str, context: ToolContext) -> str:
        """Send."""
        desk.diary.happened.append("it ran")
        return f"sent to {context.leads_to}"

    return send


async def test_the_person_is_told_where_a_call_leads_and_it_is_held_to_that(desk, leading: Tool) -> None:
    told: list[str] = []

    async def yes(_: Tool, __: ToolCall, reason: str) -> bool:
        told.append(reason)
        return True

    result = await desk.dispatcher(leading, approver=yes).perform(call("send", place="a"))
    assert told == ["approve = auto, and it reaches the network, and it leads to https://a.example"]
    assert result.text == "sent to https://a.example"


async def test_a_changed_call_is_asked_about_again_where_it_leads_elsewhere(desk, leading: Tool) -> None:
    told: list[str] = []
    replies = [Reply(allowed=True, arguments={"place": "b"}), Reply(allowed=True)]

    async def edit(_: Tool, __: ToolCall, reason: str) -> Reply:
        told.append(reason)
        assert "it ran" not in desk.diary.happened
        return replies.pop(0)

    result = await desk.dispatcher(leading, approver=edit).perform(call("send", place="a"))
    assert told[1] == "you changed the arguments, and it leads to https://b.example"
    assert result.text.endswith("sent to https://b.example")
    intent = desk.diary.events()[1].event
    assert (intent.call.arguments, intent.edited) == ({"place": "b"}, True)


async def test_nobody_is_asked_about_a_call_that_leads_nowhere(desk, leading: Tool) -> None:
    async def never(*_: object) -> bool:
        raise AssertionError("asked")

    result = await desk.dispatcher(leading, approver=never).perform(call("send", place=""))
    assert (result.outcome, result.text) == (Outcome.INVALID, "there is no such place")
    assert "it ran" not in desk.diary.happened


async def test_what_policy_denies_is_not_offered_and_does_not_run_when_called_anyway(desk) -> None:
    work = noting(desk.diary.happened, Effect.READS)
    policy = Policy(Approve.ALL, deny=frozenset({"work"}))
    assert desk.specs(work, policy=policy) == {}
    result = await desk.dispatcher(work, policy=policy).perform(call("work"))
    assert result.outcome is Outcome.DENIED
    assert "deny = 'work'" in result.text
    assert "the tool began" not in desk.diary.happened


async def test_nobody_is_asked_about_a_call_that_cannot_work(desk) -> None:
    async def never(*_: object) -> bool:
        raise AssertionError("asked")

    dispatcher = desk.dispatcher(noting([], Effect.NETWORK), approver=never)
    assert (await dispatcher.perform(call("work", wrong=1))).outcome is Outcome.INVALID


# --- validating


async def test_an_unknown_tool_is_answered_with_the_names_that_look_like_it(desk) -> None:
    result = await desk.dispatcher(noting([], Effect.PURE), read_output).perform(call("reed_output"))
    assert result.outcome is Outcome.INVALID
    assert result.text.startswith("there is no tool 'reed_output'; there is read_output. read_output takes: ")
    result = await desk.dispatcher(noting([], Effect.PURE), read_output).perform(call("zzz"))
    assert result.text.endswith("there is read_output, work")


async def test_arguments_that_do_not_fit_are_answered_with_what_would(desk) -> None:
    work = noting(desk.diary.happened, Effect.PURE)
    result = await desk.dispatcher(work).perform(call("work", wrod="x"))
    assert result.outcome is Outcome.INVALID
    assert result.text == "there is no argument wrod; the arguments are: word. work takes: work(word='x')"
    assert desk.diary.happened == ["CallFinished"]


# --- faults


@pytest.mark.parametrize("effect", [Effect.PURE, Effect.READS])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ToolFault("no such thing"), "no such thing"),
        (ValueError("odd"), "ValueError: odd"),
        (SystemExit(3), "SystemExit: 3"),
        (StopIteration(), "StopIteration"),
        (RecursionError("deep"), "RecursionError: deep"),
        (TimeoutError(), "TimeoutError"),
        (Exception("half \udc80"), "Exception: half ?"),
    ],
)
async def test_whatever_a_tool_raises_is_a_result(desk, effect: Effect, fault: Exception, told: str) -> None:
    @tool(effect=effect)
    def work() -> str:
        """Fail."""
        raise fault

    result = await desk.dispatcher(work).perform(call("work"))
    assert result.outcome is Outcome.FAILED
    assert told in result.text
    assert desk.diary.happened[-1] == "CallFinished"


async def test_a_coroutine_that_fails_is_a_result_too(desk) -> None:
    @tool(effect=Effect.READS)
    async def work() -> str:
        """Fail."""
        await asyncio.sleep(0)
        return str(1 / 0)

    result = await desk.dispatcher(work).perform(call("work"))
    assert result.text == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("value", "text"), [({"a": 1}, '{"a": 1}'), ([1, "ä"], '[1, "ä"]'), (2.5, "2.5"), (Path("x"), '"x"')]
)
async def test_what_is_no_text_is_told_as_json(desk, value: object, text: str) -> None:
    @tool(effect=Effect.PURE)
    def work() -> Any:
        """Give it."""
        return value

    assert (await desk.dispatcher(work).perform(call("work"))).text == text


async def test_a_value_that_refers_to_itself_is_a_fault_of_the_tool(desk) -> None:
    circle: list[object] = []
    circle.append(circle)

    @tool(effect=Effect.PURE)
    def work() -> Any:
        """Give it."""
        return circle

    assert (await desk.dispatcher(work).perform(call("work"))).outcome is Outcome.FAILED


async def test_a_cancelled_call_is_recorded_as_unknown_and_the_cancellation_goes_on(desk) -> None:
    begun = asyncio.Event()

    @tool(effect=Effect.WRITES)
    async def work() -> str:
        """Hang."""
        begun.set()
        await asyncio.Event().wait()
        return "never"

    task = asyncio.ensure_future(desk.dispatcher(work).perform(call("work")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    finished = desk.diary.events()[-1].event
    assert isinstance(finished, CallFinished)
    assert finished.result.outcome is Outcome.UNKNOWN
    assert desk.diary.happened[-1] == "CallFinished, durable"


async def test_a_plain_function_that_hangs_holds_neither_its_caller_nor_the_process(desk) -> None:
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    threads: list[threading.Thread] = []

    @tool(effect=Effect.READS)
    def work() -> str:
        """Hang."""
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(begun.set)
        release.wait()
        return "late"

    task = asyncio.ensure_future(desk.dispatcher(work).perform(call("work")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert threads[0].daemon
    release.set()
    await asyncio.to_thread(threads[0].join)
    assert [name for name in desk.diary.happened if name.startswith("CallFinished")] == [
        "CallFinished, durable"
    ]


async def test_a_plain_function_that_is_cut_off_writes_nothing_more(desk) -> None:
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    threads: list[threading.Thread] = []
    faults: list[AgentkitError] = []

    @tool(effect=Effect.WRITES)
    def work(context: ToolContext) -> None:
        """Write late."""
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(begun.set)
        release.wait()
        for change in (
            lambda: context.workspace.write_bytes("late.txt", b"x"),
            lambda: context.workspace.append_bytes("a.txt", b"x"),
            lambda: context.workspace.make_folder("late"),
            lambda: context.workspace.move("a.txt", "b.txt"),
            lambda: context.workspace.delete("a.txt"),
            lambda: context.workspace.read_bytes("a.txt"),
        ):
            try:
                change()
            except AgentkitError as fault:
                faults.append(fault)

    (desk.root / "a.txt").write_text("a")
    task = asyncio.ensure_future(desk.dispatcher(work).perform(call("work")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await asyncio.to_thread(threads[0].join)
    finished = desk.diary.events()[-1].event
    assert isinstance(finished, CallFinished)
    assert "Since it began: no file changed. It may be running still" in finished.result.text
    assert {str(fault) for fault in faults} == {
        "the call that this workspace was lent to is over; nothing can be done here"
    }
    assert len(faults) == 6
    assert [path.name for path in desk.root.iterdir()] == ["a.txt"]
    assert (desk.root / "a.txt").read_text() == "a"


async def test_a_change_that_has_begun_when_its_call_is_cut_off_is_seen_or_not_made(desk) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    @tool(effect=Effect.WRITES)
    def work(context: ToolContext) -> None:
        """Write without end."""
        for number in range(1_000_000):
            context.workspace.write_bytes(f"{number}.txt", b"x")
            loop.call_soon_threadsafe(begun.set)

    task = asyncio.ensure_future(desk.dispatcher(work).perform(call("work")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    finished = desk.diary.events()[-1].event
    assert isinstance(finished, CallFinished)
    await asyncio.sleep(0.05)
    kept = desk.snapshots.contents.listing(bytes.fromhex(finished.snapshot))
    there = [b".", *(path.name.encode() for path in desk.root.iterdir())]
    assert sorted(entry.name for entry in kept) == sorted(there)


async def test_what_cannot_go_on_is_not_said_to(desk) -> None:
    begun = asyncio.Event()

    @tool(effect=Effect.WRITES)
    async def work() -> None:
        """Hang."""
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(desk.dispatcher(work).perform(call("work")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    finished = desk.diary.events()[-1].event
    assert isinstance(finished, CallFinished)
    assert "no file changed. Check before you repeat it." in finished.result.text


# --- results that are too long

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)


def shown_in_parts(text: str, longest: int) -> tuple[str, str, str, str]:
    kept: list[str] = []

    class Log:
        def keep(self, whole: str) -> str:
            kept.append(whole)
            return "out-1"

        def events(self) -> list[Any]:
            return []

    dispatcher = Dispatcher({}, ALL, lambda _: None, Log(), lambda *_: None, None, longest_view=longest)  # type: ignore[arg-type]
    shown, handle = dispatcher._view(text)
    assert (handle == "out-1") == bool(kept)
    return shown, handle, *(kept or [""]), ""


@given(st.lists(LINES, max_size=40), st.integers(8, 200))
def test_what_is_shown_and_what_is_left_out_make_up_the_whole(lines: list[str], longest: int) -> None:
    text = "\n".join(lines)
    shown, handle, kept, _ = shown_in_parts(text, longest)
    if not handle:
        assert shown == text
        return
    assert kept == text
    assert len(text) > longest
    note = re.search(r"\[\d+ more lines \((\d+) characters\) [^\]]*\]\n", shown)
    assert note
    head, tail, hidden = shown[: note.start()], shown[note.end() :], int(note[1])
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + hidden + len(tail) == len(text)
    assert len(head) + len(tail) <= longest


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"line {n}\n" for n in range(3000)),
        "x" * 30_000,
        "short\n" + "ä" * 20_000 + "\nlast",
    ],
)
async def test_all_of_a_long_result_can_be_read(desk, text: str) -> None:
    @tool(effect=Effect.PURE)
    def work() -> str:
        """Say much."""
        return text

    dispatcher = desk.dispatcher(work, read_output)
    first = await dispatcher.perform(call("work"))
    assert len(first.text) < 9000
    assert f'read_output(handle="{first.handle}", first_line=' in first.text
    assert desk.diary.recall(first.handle) == text
    assert desk.specs(read_output)["read_output"].choices["handle"] == (first.handle,)
    read, line = "", 1
    while True:
        page = await dispatcher.perform(call("read_output", handle=first.handle, first_line=line))
        assert page.outcome is Outcome.OK
        body, _, note = page.text.rpartition("\n[")
        read += body
        if "go on with first_line=" not in note:
            break
        line = int(note.split("first_line=")[1].rstrip("]"))
    assert read.replace("\n", "") == text.replace("\n", "")


async def test_there_is_no_output_to_read_before_one_was_too_long(desk) -> None:
    assert desk.specs(read_output) == {}


# --- what is offered


async def test_a_tool_is_offered_with_the_values_of_this_moment(desk) -> None:
    @tool(effect=Effect.READS)
    def look(path: ExistingFile) -> str:
        """Look."""
        return path

    assert desk.specs(look) == {}  # no call of it could work
    (desk.root / "b.txt").write_text("")
    (desk.root / "a.txt").write_text("")
    assert desk.specs(look)["look"].choices == {"path": ("a.txt", "b.txt")}
    (desk.root / "a.txt").unlink()
    assert desk.specs(look)["look"].choices == {"path": ("b.txt",)}


async def test_values_that_several_tools_take_are_looked_up_once(desk) -> None:
    looked: list[str] = []
    numbers = Choices("number", lambda _: looked.append("x") or ["1"])

    def taking(name: str) -> Tool:
        def work(number: str) -> str:
            """Work."""
            return number

        work.__annotations__["number"] = Annotated[str, numbers]
        return tool(effect=Effect.PURE, name=name)(work)

    dispatcher = desk.dispatcher(taking("a"), taking("b"), taking("c"))
    assert [spec.choices for spec in dispatcher.specs()] == [{"number": ("1",)}] * 3
    assert len(looked) == 1
    dispatcher.specs()
    assert len(looked) == 2


# --- settling what a dead process left behind


def intent_of(work: Tool, before: str = "", **arguments: Any) -> CallIntended:
    return CallIntended(call(work.name, **arguments), work.effect, work.idempotent, snapshot=before)


@pytest.mark.parametrize("effect", Effect)
async def test_what_may_be_done_twice_is_done_again(desk, effect: Effect) -> None:
    work = noting(desk.diary.happened, effect, idempotent=True)
    everything = Policy(Approve.ALL)
    result = await desk.dispatcher(work, policy=everything).settle(intent_of(work, word="again"))
    assert (result.outcome, result.text) == (Outcome.OK, "again")
    assert desk.diary.happened[0] == "the tool began"


@pytest.mark.parametrize("effect", BEYOND_READING)
async def test_what_may_not_be_done_twice_is_told_as_unknown(desk, effect: Effect) -> None:
    work = noting(desk.diary.happened, effect)
    assert not work.idempotent
    (desk.root / "old.txt").write_text("old")
    before = desk.snapshots.take().name
    (desk.root / "new.txt").write_text("new")
    (desk.root / "old.txt").write_text("longer")
    result = await desk.dispatcher(work).settle(intent_of(work, before))
    assert result.outcome is Outcome.UNKNOWN
    assert "outcome unknown" in result.text
    assert "Since it began: added new.txt; changed old.txt." in result.text
    assert desk.diary.happened == ["CallFinished, durable"]


async def test_a_call_whose_arguments_were_redacted_is_not_done_again(desk) -> None:
    work = noting(desk.diary.happened, Effect.WRITES, idempotent=True)
    result = await desk.dispatcher(work).settle(intent_of(work, word="key [secret:OPENAI_API_KEY]"))
    assert result.outcome is Outcome.UNKNOWN
    assert "the tool began" not in desk.diary.happened


async def test_a_tool_that_is_gone_or_has_changed_its_promise_is_not_done_again(desk) -> None:
    once = noting(desk.diary.happened, Effect.WRITES, idempotent=True)
    assert (await desk.dispatcher().settle(intent_of(once))).outcome is Outcome.UNKNOWN
    now = noting(desk.diary.happened, Effect.WRITES, idempotent=False)
    assert (await desk.dispatcher(now).settle(intent_of(once))).outcome is Outcome.UNKNOWN
    assert "the tool began" not in desk.diary.happened


async def test_a_call_that_no_longer_fits_stays_in_doubt(desk) -> None:
    work = noting(desk.diary.happened, Effect.READS)
    result = await desk.dispatcher(work).settle(intent_of(work, gone=1))
    assert result.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "policy", [Policy(Approve.READ), Policy(deny=frozenset({"work"})), Policy(Approve.ASK)]
)
async def test_a_call_in_doubt_that_policy_no_longer_allows_is_not_done_again(desk, policy: Policy) -> None:
    work = noting(desk.diary.happened, Effect.WRITES, idempotent=True)
    result = await desk.dispatcher(work, policy=policy).settle(intent_of(work, word="again"))
    assert result.outcome is Outcome.UNKNOWN
    assert "the tool began" not in desk.diary.happened


async def test_an_argument_that_was_redacted_is_never_acted_on(desk) -> None:
    work = noting(desk.diary.happened, Effect.WRITES)
    result = await desk.dispatcher(work).perform(call("work", word="key=[secret:OPENAI_API_KEY]"))
    assert result.outcome is Outcome.INVALID
    assert "was not recorded" in result.text
    assert "the tool began" not in desk.diary.happened


def test_a_hanging_tool_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    program = (
        "import asyncio, time\n"
        "from agentkit.tooling.daemon import in_daemon\n"
        "async def main():\n"
        "    try:\n"
        "        await asyncio.wait_for(in_daemon(lambda: time.sleep(600), 'hangs'), 0.01)\n"
        "    except TimeoutError:\n"
        "        print('cut off')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("cut off\n", "")


async def test_a_tool_sees_the_world_it_was_given(desk, tmp_path: Path) -> None:
    seen: list[Workspace] = []

    @tool(effect=Effect.READS)
    def work(context: ToolContext) -> str:
        """Look."""
        seen.append(context.workspace)
        return "ok"

    await desk.dispatcher(work).perform(call("work"))
    assert [workspace.root for workspace in seen] == [desk.root]
    with pytest.raises(WorkspaceError, match="is over"):
        seen[0].files()
