import math
import types
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.events import Event, Nudged
from agentkit.core.protocols import RunLog
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that events are made of."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if kind is Any:
        return JSON
    if kind is type(None):
        return st.none()
    if kind is int:
        return st.integers(-(2**63), 2**63)
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is Decimal:
        return st.decimals(allow_nan=False, allow_infinity=False)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})
    return st.from_type(kind)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory):
    with Journal.open(tmp_path_factory.mktemp("round") / "journal.db") as opened:
        yield opened


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_every_event_is_read_as_it_was_appended(journal: Journal, kind: type, data: st.DataObject) -> None:
    events = data.draw(st.lists(values(kind), min_size=1, max_size=3))
    with journal.start() as log:
        recorded = [log.append(event) for event in events]
    assert journal.events(log.run_id) == recorded
    assert [one.event for one in recorded] == events


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text())
def test_every_text_is_recalled_as_it_was_kept(journal: Journal, text: str) -> None:
    assert journal.texts.recall(journal.texts.keep(text)) == text


def test_a_log_in_memory_behaves_like_one_on_disk(tmp_path: Path) -> None:
    def story(log: RunLog) -> list[object]:
        first = log.append(Nudged("a", "b"), durable=True)
        second = log.append(Nudged("c", "d"))
        handle = log.keep("words")
        return [
            first.seq,
            second.seq,
            [one.event for one in log.events()],
            handle,
            log.keep("words") == handle,
            log.recall(handle),
            log.recall("out-none"),
        ]

    with Journal.open(tmp_path / "journal.db") as journal, journal.start() as on_disk, MemoryLog() as memory:
        assert story(on_disk) == story(memory)
        assert memory.run_id


def test_a_log_in_memory_can_go_on_from_events() -> None:
    log = MemoryLog("x", [Nudged("a", "b")], clock=lambda: 5.0)
    assert [(one.seq, one.at) for one in log.events()] == [(1, 5.0)]
    assert log.append(Nudged("c", "d")).seq == 2
    assert math.isclose(log.events()[1].at, 5.0)
