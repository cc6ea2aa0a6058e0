"""An index is brought to what its source holds: nothing twice, nothing lost, nothing by mistake."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agentkit.assembly.indexes import folder_source
from agentkit.core.errors import DocumentError, IndexWouldShrink
from agentkit.retrieval.index import Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import planned, sync

from .doubles import WordBag, document

INGEST = Path(__file__).parent / "ingest.py"


def folder_of(path: Path, count: int, seed: int = 0) -> Path:
    """A folder of notes, each of three parts with a word that only it has."""
    chance = random.Random(seed)
    path.mkdir(exist_ok=True)
    for number in range(count):
        parts: list[str] = []
        for part in range(3):
            words = " ".join(chance.choice(WORDS) for _ in range(40))
            parts.append(f"## Part {part}\n\n{words} only{number}x{part}.")
        (path / f"note{number:03}.md").write_text(f"# Note {number}\n\n" + "\n\n".join(parts))
    return path


WORDS = ("river", "stone", "lamp", "paper", "window", "garden", "bridge", "letter", "market", "winter")


def states(path: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_mtime_ns, file.stat().st_size) for file in path.glob("i.db*")}


async def test_what_did_not_change_is_neither_embedded_nor_written(tmp_path: Path) -> None:
    bag = WordBag()
    source = folder_source(folder_of(tmp_path / "notes", 12))
    with Index.open(tmp_path / "i.db", bag) as index:
        first = await sync(source, index)
        assert (len(first.plan.new), first.embedded) == (12, len(bag.embedded))
        await index.retrieve("river")
        bag.embedded.clear()
        before = states(tmp_path)
        generation = index.store.generation
        for file in (tmp_path / "notes").iterdir():
            file.touch()
        again = await sync(source, index)
        assert (again.plan.unchanged, again.chunks, again.embedded) == (12, 0, 0)
        assert bag.embedded == []
        assert states(tmp_path) == before
        assert index.store.generation == generation


async def test_of_a_changed_document_only_the_changed_pieces_are_embedded(tmp_path: Path) -> None:
    bag = WordBag()
    folder = folder_of(tmp_path / "notes", 5)
    with Index.open(tmp_path / "i.db", bag) as index:
        await sync(folder_source(folder), index)
        bag.embedded.clear()
        note = folder / "note002.md"
        note.write_text(note.read_text().replace("only2x1.", "only2x1 and a zeppelin."))
        done = await sync(folder_source(folder), index)
        assert (done.plan.changed, done.plan.new) == ((str(note),), ())
        assert len(bag.embedded) == 1
        assert "zeppelin" in bag.embedded[0]
        assert (await index.retrieve("zeppelin"))[0].chunk.document == str(note)


async def test_what_is_gone_goes_and_what_is_added_comes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 10)
    with Index.open(tmp_path / "i.db") as index:
        await sync(folder_source(folder), index)
        (folder / "note003.md").unlink()
        (folder / "new.txt").write_text("A zeppelin over the garden.")
        done = await sync(folder_source(folder), index)
        assert [Path(name).name for name in (*done.plan.gone, *done.plan.new)] == ["note003.md", "new.txt"]
        assert not await index.retrieve("only3x1")
        assert await index.retrieve("zeppelin")


async def test_more_than_a_fifth_is_not_lost_without_being_told_so(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 10)
    with Index.open(tmp_path / "i.db") as index:
        await sync(folder_source(folder), index)
        for number in range(2):
            (folder / f"note00{number}.md").unlink()
        assert not planned(folder_source(folder), index.store).loses_much
        (folder / "note005.md").unlink()
        (folder / "new.md").write_text("a zeppelin")
        with pytest.raises(IndexWouldShrink, match=r"3 of the 10 documents .* say --allow-shrink"):
            await sync(folder_source(folder), index)
        assert index.store.counts().documents == 10
        assert not await index.retrieve("zeppelin")
        await sync(folder_source(folder), index, allow_shrink=True)
        assert index.store.counts().documents == 8


async def test_a_source_that_is_suddenly_empty_loses_nothing(tmp_path: Path) -> None:
    with Index.open(tmp_path / "i.db") as index:
        await sync(Documents("mine", [document("a", "one"), document("b", "two")]), index)
        with pytest.raises(IndexWouldShrink, match="2 of the 2"):
            await sync(Documents("mine", []), index)
        assert index.store.counts().documents == 2


async def test_a_file_that_cannot_be_read_now_stays_as_it_was(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 6)
    with Index.open(tmp_path / "i.db") as index:
        await sync(folder_source(folder), index)
        note = folder / "note001.md"
        note.unlink()
        note.symlink_to(folder / "nowhere")  # a link is none of ours: it counts as gone
        (folder / "note002.md").write_bytes(b"\0\1\2" * 100)
        done = await sync(folder_source(folder), index)
        assert [Path(name).name for name, _ in done.plan.unread] == ["note002.md"]
        assert await index.retrieve("only2x1")
        assert not await index.retrieve("only1x1")


async def test_sources_do_not_remove_each_others_documents(tmp_path: Path) -> None:
    one, two = folder_of(tmp_path / "one", 4), folder_of(tmp_path / "two", 4, seed=1)
    with Index.open(tmp_path / "i.db") as index:
        for folder in (one, two, one, two):
            await sync(folder_source(folder), index)
        assert index.store.origins() == {str(one): 4, str(two): 4}
        whole = await sync(folder_source(tmp_path), index)
        assert (whole.plan.unchanged, whole.plan.gone) == (8, ())


async def test_hidden_and_made_files_and_unknown_kinds_are_left_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 1)
    for name in (".git/config.md", "node_modules/a.md", ".secret.md", "song.mp3", "picture.png", "b.PNG"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("not for the index")
    source = folder_source(folder)
    assert [Path(item.id).name for item in source.items()] == ["note000.md"]
    assert source.skipped == {".mp3": 1, ".png": 2}


async def test_a_name_that_is_no_text_and_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 1)
    (folder / os.fsdecode(b"caf\xe9.md")).write_text("A zeppelin.")
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(1 << 33)  # of nothing: it takes no room
    with Index.open(tmp_path / "i.db") as index:
        done = await sync(folder_source(folder), index)
        assert "8,589,934,592 bytes" in done.plan.unread[0][1]
        (hit,) = await index.retrieve("zeppelin")
        assert hit.chunk.document == rf"{folder}/caf\xe9.md"
        assert (await sync(folder_source(folder), index)).plan.unchanged == 2


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is not there"):
        folder_source(tmp_path / "nowhere")


def held(path: Path) -> list[str]:
    """The documents of an index, all of which are whole."""
    with Index.open(path, WordBag()) as index:
        database = index.store.database
        assert database.one("PRAGMA integrity_check")[0] == "ok"
        database.connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        counts = index.store.counts()
        assert counts.chunks == counts.vectors
        assert database.one("SELECT count(DISTINCT document) FROM chunks")[0] == counts.documents
        return list(index.store.digests())


@contextmanager
def ingesting(folder: Path, path: Path, *how: str) -> Iterator[subprocess.Popen[str]]:
    """A process that syncs, which has ended well at the end of the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, str(INGEST), str(folder), str(path), *how], stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield process
        process.communicate()
    assert process.returncode == 0


async def test_a_sync_that_is_killed_anywhere_is_gone_on_with_and_loses_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 150)
    chance = random.Random(7)
    taken_in = 0
    with ingesting(folder, tmp_path / "i.db", "killed") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _round in range(20):
            process.stdin.write(f"{chance.randrange(1, 12)}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "dead\n"
            so_far = len(held(tmp_path / "i.db"))
            assert so_far >= taken_in  # what was there stays
            taken_in = so_far
    assert 20 < taken_in < 150
    bag = WordBag()
    with Index.open(tmp_path / "i.db", bag) as index:
        done = await sync(folder_source(folder), index)
        assert done.plan.unchanged == taken_in
        for number in range(150):
            assert (await index.retrieve(f"only{number}x2"))[0].chunk.document.endswith(f"note{number:03}.md")
    assert len(held(tmp_path / "i.db")) == 150


async def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    folders = [folder_of(tmp_path / name, 40, seed) for seed, name in enumerate(("one", "two"))]
    with Index.open(tmp_path / "i.db", WordBag()) as reader:
        await reader.retrieve("river")
        with ExitStack() as stack:
            for folder in (*folders, folders[0]):
                stack.enter_context(ingesting(folder, tmp_path / "i.db"))
        assert len(held(tmp_path / "i.db")) == 80
        # the reader was open before anything was there
        ids = reader.vectors.current().ids.tolist()
        assert len(ids) == reader.store.counts().chunks
        for id_, chunk in zip(ids, reader.store.chunks(ids), strict=True):
            near = reader.vectors.nearest(await WordBag().embed_query(chunk.text), 20)
            assert any(found == id_ for found, _ in near)
