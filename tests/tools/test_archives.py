import gzip
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest

from agentkit.core.errors import ToolFault
from agentkit_tools import archives
from agentkit_tools.archives import create_archive, extract_archive, list_archive


def zipped(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return made.getvalue()


def tarred(*members: tarfile.TarInfo) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return made.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


def files(world) -> set[str]:
    return {str(path.relative_to(world.root)) for path in world.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz", "p.tgz", "p.tar.bz2", "p.tar.xz"])
def test_what_is_packed_comes_out_as_it_was(world, name: str) -> None:
    world.write("a.txt", "one")
    world.write("sub/b.bin", b"\0\1")
    assert create_archive(name, ["a.txt", "sub"], world.context).startswith("packed 2 files")
    assert "sub/b.bin (2 bytes)" in list_archive(name, world.context)
    assert extract_archive(name, world.context, folder="out") == "unpacked 2 files into out"
    assert (world.read("out/a.txt"), world.read("out/sub/b.bin")) == (b"one", b"\0\1")


@pytest.mark.parametrize("name", ["p.zip", "p.tar.gz"])
def test_modes_links_and_empty_folders_are_kept(world, name: str) -> None:
    world.write("p/run.sh", "#!/bin/sh\necho it runs\n")
    world.write("p/deep/data", "1")
    (world.root / "p/run.sh").chmod(0o6755)
    (world.root / "p/deep/data").chmod(0o600)
    (world.root / "p/deep/link").symlink_to("../run.sh")
    (world.root / "p/empty/inner").mkdir(parents=True)
    told = create_archive(name, ["p"], world.context)
    assert told.startswith(f"packed 2 files, 1 link and 1 empty folder into {name}")
    assert "left out" not in told
    subprocess.run([sys.executable, "-c", UNPACK, name], cwd=world.root, check=True)
    there = world.root / "there/p"
    assert (there / "empty/inner").is_dir()
    if name == "p.tar.gz":
        modes = [stat.S_IMODE((there / path).stat().st_mode) for path in ("run.sh", "deep/data")]
        assert modes == [0o755, 0o600]
        assert os.readlink(there / "deep/link") == "../run.sh"
    else:
        with zipfile.ZipFile(world.root / name) as archive:
            kept = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        assert stat.S_ISDIR(kept.pop("p/empty/inner/"))
        assert kept == {"p/run.sh": 0o100755, "p/deep/data": 0o100600, "p/deep/link": 0o120777}
    told = extract_archive(name, world.context, folder="out")
    assert told == "unpacked 2 files into out; left out p/deep/link: links and devices are never unpacked"
    assert subprocess.run([world.root / "out/p/run.sh"], capture_output=True, text=True).stdout == "it runs\n"
    assert not (world.root / "out/p/deep/data").stat().st_mode & 0o111
    assert (world.root / "out/p/empty/inner").is_dir()


UNPACK = """
import sys, tarfile, zipfile
name = sys.argv[1]
(zipfile.ZipFile(name) if name.endswith(".zip") else tarfile.open(name)).extractall("there")
"""


def test_what_is_left_out_is_said_and_counted(world) -> None:
    for path in ("p/a", "p/.git/config", "p/.git/hooks/one", "p/sub/.venv/lib"):
        world.write(path, "1")
    os.mkfifo(world.root / "p/pipe")
    told = create_archive("p.tar", ["p"], world.context)
    assert told.startswith("packed 1 file and 1 empty folder into p.tar (")
    assert told.endswith(
        "; left out 2 folders of tools, packed only by name: p/.git (2 files), p/sub/.venv (1 file); "
        "1 thing that cannot be packed: p/pipe"
    )
    assert create_archive("q.tar", ["p/.git"], world.context).startswith("packed 2 files into q.tar")
    with pytest.raises(ToolFault, match=r"nothing to pack in what you named; left out 1 thing .*: p/pipe"):
        create_archive("r.tar", ["p/pipe"], world.context)


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../../secret", "../b", "nowhere", "d/../../p/a", "to_d/../a", "to_d/x", "loop", ".."],
)
def test_a_link_that_would_lead_elsewhere_is_left_out_and_named(world, target: str) -> None:
    """`..` after a name is the parent of wherever that name leads."""
    for path in ("p/a", "p/d/x", "b"):
        world.write(path, "1")
    (world.root / "p/to_d").symlink_to("d")
    (world.root / "p/loop").symlink_to(target)
    told = create_archive("p.tar", ["p/a", "p/d", "p/to_d", "p/loop"], world.context)
    assert told.startswith("packed 2 files and 1 link into p.tar")
    assert told.endswith("; left out 1 link to what is not packed: p/loop")
    with tarfile.open(world.root / "p.tar") as archive:
        assert set(archive.getnames()) == {"p/a", "p/d/x", "p/to_d"}


def test_what_has_a_name_that_cannot_be_written_is_left_out(world) -> None:
    world.write("p/a", "1")
    (world.root / os.fsdecode(b"p/b\xff")).write_text("2")
    told = create_archive("p.zip", ["."], world.context)
    assert told.startswith("packed 1 file into")
    assert "1 thing that cannot be packed: p/b" in told


def test_nothing_is_packed_by_a_way_through_a_link(world) -> None:
    """Else the archive would hold a link and a file behind it."""
    world.write("d/x", "1")
    (world.root / "to_d").symlink_to("d")
    with pytest.raises(
        ToolFault, match='"to_d/x" goes through the link "to_d"; name it where it lies, in "d"'
    ):
        create_archive("p.tar", ["to_d", "to_d/x"], world.context)


def test_only_what_is_named_comes_out(world) -> None:
    world.write("p.zip", zipped(("a", b"1"), ("d/b", b"2"), ("d/c", b"3")))
    extract_archive("p.zip", world.context, folder="out", members=["d"])
    assert files(world) == {"p.zip", "out/d/b", "out/d/c"}
    with pytest.raises(ToolFault, match="holds no 'd/bb'; it holds d/b"):
        extract_archive("p.zip", world.context, members=["d/bb"])
    with pytest.raises(ToolFault, match=r"holds no 'bb'"):
        extract_archive("p.zip", world.context, members=["bb"])


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "\\x", "C:/x", "..\\x"])
def test_a_path_that_leads_out_unpacks_nothing(world, path: str) -> None:
    world.write("p.zip", zipped(("good", b"1"), (path, b"2")))
    with pytest.raises(ToolFault, match="leads out of the folder; nothing was unpacked"):
        extract_archive("p.zip", world.context, folder="out")
    world.write("p.tar", tarred(member("good"), member(path)))
    with pytest.raises(ToolFault, match="leads out of the folder; nothing was unpacked"):
        extract_archive("p.tar", world.context, folder="out")
    assert files(world) == {"p.zip", "p.tar"}


def test_links_and_devices_are_named_and_left_out(world) -> None:
    evil = [
        member("link", tarfile.SYMTYPE, target="/etc/passwd"),
        member("hard", tarfile.LNKTYPE, target="../secret"),
        member("pipe", tarfile.FIFOTYPE),
        member("disk", tarfile.BLKTYPE),
    ]
    world.write("p.tar", tarred(*evil, member("a.txt", size=2)))
    told = extract_archive("p.tar", world.context, folder="out")
    assert told == (
        "unpacked 1 file into out; left out link, hard, pipe, disk: links and devices are never unpacked"
    )
    assert [path.name for path in (world.root / "out").iterdir()] == ["a.txt"]


def test_a_file_behind_a_link_of_the_archive_is_a_file_of_its_own(world) -> None:
    """The trick: a link to somewhere, then a file through it."""
    world.write("p.tar", tarred(member("d", tarfile.SYMTYPE, target="/tmp"), member("d/x", size=1)))
    extract_archive("p.tar", world.context, folder="out")
    assert files(world) == {"p.tar", "out/d/x"}
    assert not (world.root / "out/d").is_symlink()


def test_nothing_is_overwritten_or_covered(world) -> None:
    world.write("a", "mine")
    world.write("p.zip", zipped(("b", b"1"), ("a", b"theirs")))
    with pytest.raises(ToolFault, match='"a" already exists and is never overwritten; nothing was unpacked'):
        extract_archive("p.zip", world.context)
    world.write("q.tar", tarred(member("c", size=1), member("c", size=2)))
    with pytest.raises(ToolFault, match='holds "c" twice'):
        extract_archive("q.tar", world.context)
    world.write("r.tar", tarred(member("c", size=1), member("c/d", size=2)))
    with pytest.raises(ToolFault, match='holds "c" twice'):
        extract_archive("r.tar", world.context)
    world.write("s.zip", zipped(("e", b"1"), ("a/inside", b"2")))
    with pytest.raises(ToolFault):
        extract_archive("s.zip", world.context)
    assert files(world) == {"a", "p.zip", "q.tar", "r.tar", "s.zip"}
    with pytest.raises(ToolFault, match="never overwritten"):
        create_archive("p.zip", ["a"], world.context)


def test_what_grows_too_large_is_not_unpacked_whatever_it_says_of_itself(world, monkeypatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1_000_000)
    bomb = zipped(("zeros", b"\0" * 3_000_000))
    assert len(bomb) < 10_000
    lying = bomb.replace((3_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    for data in (bomb, lying):
        world.write("p.zip", data)
        with pytest.raises(ToolFault):
            extract_archive("p.zip", world.context)
    world.write("p.tar.gz", gzip.compress(tarred(member("zeros", size=30_000_000))))
    for tool in (list_archive, extract_archive):
        with pytest.raises(ToolFault, match="unpacks to more than 1,000,000 bytes"):
            tool("p.tar.gz", world.context)
    assert files(world) == {"p.zip", "p.tar.gz"}


def test_too_many_files_are_refused(world, monkeypatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    for n in range(4):
        world.write(f"many/{n}", "")
    with pytest.raises(ToolFault, match="are too much for one archive; 3 files and"):
        create_archive("many.zip", ["many"], world.context)
    world.write("p.zip", zipped(*((str(n), b"") for n in range(4))))
    world.write("p.tar", tarred(*(member(str(n)) for n in range(4))))
    for path in ("p.zip", "p.tar"):
        with pytest.raises(ToolFault, match="holds more than 3 files"):
            list_archive(path, world.context)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\3\4 broken", b"\x1f\x8b\x08 broken", b"BZh9 no"])
def test_what_is_no_archive_is_said(world, data: bytes) -> None:
    world.write("p.zip", data)
    with pytest.raises(ToolFault, match=r'"p\.zip" is no zip or tar archive that can be read'):
        list_archive("p.zip", world.context)


def test_a_kind_that_is_not_known_names_those_that_are(world) -> None:
    world.write("a", "1")
    with pytest.raises(ToolFault, match=r"known: \.zip, \.tar, \.tar\.gz"):
        create_archive("p.rar", ["a"], world.context)
