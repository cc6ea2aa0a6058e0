"""The rules that were given at questions: written to a file of the person's own, and read with the others."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentkit.core.errors import SettingsError
from agentkit.settings import Settings, load_settings
from agentkit.settings.kept import drop_rule, keep_rule, rules_file

texts = st.text(min_size=1).filter(lambda text: text.isprintable() or "\x7f" in text or "\n" in text)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def settings(home: dict[str, str], folder: Path, **flags: object) -> Settings:
    folder.mkdir(exist_ok=True)
    return load_settings({"workspace": str(folder), **flags}, home, folder)


def test_a_rule_for_a_folder_holds_there_and_one_for_everywhere_holds_everywhere(
    home: dict[str, str], tmp_path: Path
) -> None:
    here, there, path = tmp_path / "here", tmp_path / "there", rules_file(home)
    settings(home, here)
    keep_rule(path, "allow", "run_shell(ls)", here)
    keep_rule(path, "deny", "delete_file", None)
    assert (settings(home, here).allow, settings(home, there).allow) == (("run_shell(ls)",), ())
    assert settings(home, there).deny == ("delete_file",)
    assert str(settings(home, here).rule_origins["allow = run_shell(ls)"].kind) == "kept rule"


def test_a_folder_is_the_same_by_another_name(home: dict[str, str], tmp_path: Path) -> None:
    settings(home, tmp_path / "here")
    (tmp_path / "link").symlink_to("here")
    keep_rule(rules_file(home), "allow", "write_file", tmp_path / "link")
    assert settings(home, tmp_path / "here").allow == ("write_file",)


def test_a_rule_that_is_dropped_holds_no_longer_and_the_others_do(
    home: dict[str, str], tmp_path: Path
) -> None:
    path = rules_file(home)
    for folder in (None, tmp_path, tmp_path / "other"):
        keep_rule(path, "allow", "write_file", folder)
    keep_rule(path, "deny", "network", tmp_path)
    assert drop_rule(path, "write_file", tmp_path) == (
        "allow = write_file, everywhere",
        f"allow = write_file, in {tmp_path}",
    )
    assert drop_rule(path, "write_file", tmp_path) == ()
    assert (settings(home, tmp_path).allow, settings(home, tmp_path).deny) == ((), ("network",))
    assert settings(home, tmp_path / "other").allow == ("write_file",)


@hypothesis_settings(max_examples=40)
@given(texts, texts)
def test_what_is_kept_is_read_again_whatever_it_holds(tmp_path_factory, folder: str, rule: str) -> None:
    home = tmp_path_factory.mktemp("home")
    name = folder.replace("/", "-").replace("\0", "-")
    place = home / name.encode()[:200].decode(errors="ignore")  # no name of a folder has more than 255 bytes
    path = rules_file({"HOME": str(home)})
    keep_rule(path, "deny", rule, place)
    keep_rule(path, "allow", rule, None)
    found = load_settings({"workspace": str(place)}, {"HOME": str(home)}, home)
    assert (found.deny, found.allow) == ((rule,), (rule,))


def test_the_file_is_for_its_owner_alone_and_never_half_written(home: dict[str, str], tmp_path: Path) -> None:
    path = rules_file(home)
    keep_rule(path, "deny", "network", None)
    assert path.stat().st_mode & 0o777 == 0o600
    writers = [
        threading.Thread(target=keep_rule, args=(path, "deny", f"tool{n}", tmp_path)) for n in range(20)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(settings(home, tmp_path).deny) == 21
    assert os.listdir(path.parent) == ["rules.toml"]


@pytest.mark.parametrize(
    "text", ["allow = 3", "ask = ['x']", "[a]\nmodel = 'x'", "allow = [", "[a.b]\ndeny=[]"]
)
def test_a_file_that_says_something_else_is_refused_by_its_name(
    home: dict[str, str], tmp_path: Path, text: str
) -> None:
    path = rules_file(home)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"rules\.toml: not as agentkit wrote it"):
        settings(home, tmp_path)
    with pytest.raises(SettingsError, match=r"rules\.toml: not as agentkit wrote it"):
        keep_rule(path, "deny", "network", None)
    assert path.read_text() == text
