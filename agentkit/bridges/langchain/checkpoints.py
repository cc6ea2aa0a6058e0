"""A checkpointer for LangGraph that keeps its checkpoints as our journal keeps runs."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from agentkit.bridges.langchain.checkpoint_file import GRAPHS, STEPS, CheckpointFile, Packing, Row
from agentkit.core.errors import UsageError
from agentkit.journal.database import Database

T = TypeVar("T")

_DELTAS = "counters_since_delta_snapshot"
"""Where a checkpoint notes the channels whose value is spread over those before it."""


class JournalSaver(BaseCheckpointSaver[str]):
    """Checkpoints of graphs in one SQLite file, for any number of threads and several processes.

    What `put` and `put_writes` were given has reached the disk when they return. A channel's value is
    stored when it changes and shared by the checkpoints that have it. Values are read with LangGraph's own
    serializer, which loads no pickles unless it is told to.
    """

    def __init__(self, file: CheckpointFile, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)
        self.file = file

    @property
    def packing(self) -> Packing:
        """How values become bytes; LangGraph may put another serializer in the place of this one."""
        return Packing(self.serde)

    @classmethod
    def open(cls, path: Path | str, *, serde: SerializerProtocol | None = None) -> Self:
        """Open a file of checkpoints, made (for its owner only) when it is not there.

        Args:
            path: The file.
            serde: How values become bytes, in the place of LangGraph's own way.

        Raises:
            CorruptJournal: it is none, is damaged, or a newer agentkit wrote it.
            JournalError: it cannot be opened or made.
        """
        return cls(CheckpointFile(Database.open(Path(path), STEPS, marked=False, kind=GRAPHS)), serde=serde)

    def close(self) -> None:
        """Close the file."""
        self.file.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - theirs
        """A later version than `current`, and another one in each branch."""
        number = 0 if current is None else int(current.split(".")[0])
        return f"{number + 1:032}.{random.getrandbits(64):016x}"

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that is named, or the newest of its thread."""
        thread, ns = _place(config)
        row = self.file.one(thread, ns, get_checkpoint_id(config))
        return None if row is None else self._tuple(row)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints that fit, the newest first."""
        named = (config or {}).get("configurable", {})
        thread, ns = named.get("thread_id"), named.get("checkpoint_ns")
        id_ = get_checkpoint_id(config) if config else None
        rows = self.file.listed(
            None if thread is None else str(thread), ns, id_, get_checkpoint_id(before) if before else None
        )
        fitting = (row for row in rows if self._fits(row, filter or {}))
        yield from map(self._tuple, islice(fitting, limit))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint after the one that `config` names; the config that names the new one."""
        thread, ns = _place(config)
        values = checkpoint["channel_values"]
        body = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        noted = get_checkpoint_metadata(config, metadata)
        run = cast("dict[str, Any]", noted).get("run_id")
        row = Row(
            thread, ns, checkpoint["id"], get_checkpoint_id(config), None if run is None else str(run),
            *self.packing.packed(body), *self.packing.packed(noted),
        )  # fmt: skip
        changed = [
            (channel, str(version), *self.packing.packed(values[channel]))
            for channel, version in new_versions.items()
            if channel in values
        ]
        self.file.put(row, changed)
        return _config(thread, ns, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote after a checkpoint; the same again changes nothing."""
        thread, ns = _place(config)
        id_ = get_checkpoint_id(config)
        self.file.put_writes(
            [
                (
                    thread,
                    ns,
                    id_,
                    task_id,
                    WRITES_IDX_MAP.get(channel, place),
                    task_path,
                    channel,
                    *self.packing.packed(value),
                )
                for place, (channel, value) in enumerate(writes)
            ]
        )

    def delete_thread(self, thread_id: str) -> None:
        """Remove all that is known of a thread."""
        self.file.remove_thread(str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints that these runs made, with their writes."""
        self._remove(self.file.of_runs([str(one) for one in run_ids]))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread all that one has."""
        self.file.copy_thread(str(source_thread_id), str(target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Remove older checkpoints of threads.

        Args:
            thread_ids: The threads.
            strategy: `keep_latest` leaves the newest of each namespace, and of those before it what its
                delta channels are made of; `delete` leaves nothing.

        Raises:
            UsageError: the strategy is neither.
        """
        if strategy not in ("keep_latest", "delete"):
            raise UsageError(f"strategy = {strategy!r} cannot be; it must be keep_latest or delete")
        for thread in map(str, thread_ids):
            if strategy == "delete":
                self.file.remove_thread(thread)
                continue
            rows = list(self.file.listed(thread, None, None, None))
            newest = {row.ns: row for row in reversed(rows)}
            kept = {row.id for latest in newest.values() for row in self._needed(latest)}
            self._remove([row for row in rows if row.id not in kept])

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`."""
        return await _elsewhere(lambda: self.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        end: Any = object()
        while (one := await _elsewhere(lambda: next(found, end))) is not end:
            yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`."""
        return await _elsewhere(lambda: self.put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `put_writes`."""
        await _elsewhere(lambda: self.put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await _elsewhere(lambda: self.delete_thread(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        await _elsewhere(lambda: self.delete_for_runs(run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        await _elsewhere(lambda: self.copy_thread(source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `prune`."""
        await _elsewhere(lambda: self.prune(thread_ids, strategy=strategy))

    def _tuple(self, row: Row) -> CheckpointTuple:
        checkpoint = self._checkpoint(row)
        writes = self.file.writes(row.thread, row.ns, row.id)
        return CheckpointTuple(
            _config(row.thread, row.ns, row.id),
            checkpoint,
            self.packing.unpacked(row.noted_kind, row.noted),
            _config(row.thread, row.ns, row.parent) if row.parent else None,
            [(task, channel, self.packing.unpacked(kind, body)) for task, channel, kind, body in writes],
        )

    def _checkpoint(self, row: Row) -> Checkpoint:
        body = self.packing.unpacked(row.kind, row.body)
        versions = [(channel, str(version)) for channel, version in body["channel_versions"].items()]
        stored = self.file.channels(row.thread, row.ns, versions)
        values = {name: self.packing.unpacked(*one) for name, one in stored.items()}
        return cast("Checkpoint", {**body, "channel_values": values})

    def _fits(self, row: Row, wanted: dict[str, Any]) -> bool:
        noted: dict[str, Any] = self.packing.unpacked(row.noted_kind, row.noted) if wanted else {}
        return all(noted.get(name) == value for name, value in wanted.items())

    def _needed(self, row: Row) -> Iterable[Row]:
        """A checkpoint, and those before it as far back as its delta channels reach."""
        missing = set(self.packing.unpacked(row.noted_kind, row.noted).get(_DELTAS) or ())
        at: Row | None = row
        while at is not None:
            yield at
            missing -= set(self._checkpoint(at)["channel_values"])
            at = self.file.one(at.thread, at.ns, at.parent) if missing and at.parent else None

    def _remove(self, rows: Sequence[Row]) -> None:
        """Remove checkpoints, and what only they had of their channels."""
        gone = {(row.thread, row.ns, row.id) for row in rows}
        unused: list[tuple[str, str, str, str]] = []
        for thread, ns in {(row.thread, row.ns) for row in rows}:
            left = [row for row in self.file.listed(thread, ns, None, None) if tuple(row[:3]) not in gone]
            used = {
                (channel, str(version))
                for row in left
                for channel, version in self.packing.unpacked(row.kind, row.body)["channel_versions"].items()
            }
            unused += [(thread, ns, *one) for one in self.file.versions(thread, ns) if tuple(one) not in used]
        self.file.remove(rows, unused)


def _place(config: RunnableConfig) -> tuple[str, str]:
    """The thread and the namespace.

    Raises:
        UsageError: no thread is named.
    """
    named = config.get("configurable", {})
    if "thread_id" not in named:
        raise UsageError("no thread is named; invoke the graph with {'configurable': {'thread_id': '…'}}")
    return str(named["thread_id"]), str(named.get("checkpoint_ns") or "")


def _config(thread: str, ns: str, id_: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id_}}


async def _elsewhere(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)
