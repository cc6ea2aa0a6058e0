import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit_local_models import seal
from agentkit_local_models.catalogue import (
    CATALOGUE,
    ENCODERS,
    SMOLLM2,
    Entry,
    Wheels,
    find,
    models_dir,
    path_of,
    state_of,
)
from agentkit_local_models.errors import UnknownModel

CONTENT = b"weights " * 100


@pytest.fixture
def entry(tmp_path, monkeypatch) -> Entry:
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path))
    (tmp_path / SMOLLM2.folder).mkdir()
    return dataclasses.replace(SMOLLM2, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


def test_names_find_their_entries():
    for entry in (*CATALOGUE, *ENCODERS):
        assert find(entry.name) is entry
    assert [entry.name for entry in CATALOGUE] == ["smollm2", "qwen2.5-coder:1.5b"]


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownModel, match=r"no model 'gpt' .*known: smollm2, qwen2\.5-coder:1\.5b, minilm"):
        find("gpt")


@pytest.mark.parametrize("entry", [*CATALOGUE, *ENCODERS], ids=lambda entry: entry.name)
def test_the_members_of_every_wheel_source_add_up_to_the_file(entry):
    for source in entry.sources:
        if isinstance(source, Wheels):
            assert sum(member.size for member in source.members) == entry.size


def test_the_folder_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("AGENTKIT_MODELS_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert models_dir() == Path("/home/ada/.cache/agentkit/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert models_dir() == Path("/home/ada/.cache/agentkit/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert models_dir() == Path("/cache/agentkit/models")
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", "~/models")
    assert models_dir() == Path("/home/ada/models")
    assert path_of(SMOLLM2) == Path("/home/ada/models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")


def test_nothing_there_is_missing(entry):
    assert state_of(entry).status == "missing"


def test_a_file_put_there_by_hand_is_verified_and_ready(entry):
    path_of(entry).write_bytes(CONTENT)
    state = state_of(entry)
    assert (state.status, state.here, state.source, state.is_ready) == ("ready", len(CONTENT), "", True)


def test_a_file_of_another_size_is_damaged(entry):
    path_of(entry).write_bytes(CONTENT[1:])
    assert state_of(entry).status == "damaged"
    assert not state_of(entry).is_ready


def test_a_file_of_other_bytes_is_damaged(entry):
    path_of(entry).write_bytes(b"W" + CONTENT[1:])
    assert state_of(entry).status == "damaged"


def test_a_file_is_hashed_once_until_it_changes(entry, monkeypatch):
    path = path_of(entry)
    path.write_bytes(CONTENT)
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(seal.hashlib, "file_digest", lambda *given: hashed.append(1) or digest(*given))
    assert state_of(entry).is_ready
    assert state_of(entry).is_ready
    assert len(hashed) == 1
    path.write_bytes(b"W" + CONTENT[1:])
    os.utime(path, ns=(1, 1))
    assert state_of(entry).status == "damaged"
    assert state_of(entry).status == "damaged"
    assert len(hashed) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": 1}', "\x00"])
def test_a_broken_seal_is_made_anew(entry, text):
    path = path_of(entry)
    path.write_bytes(CONTENT)
    seal.seal_path(path).write_text(text)
    assert state_of(entry).is_ready
    assert entry.sha256 in seal.seal_path(path).read_text()


def test_a_folder_that_cannot_be_written_does_not_hide_a_ready_file(entry, monkeypatch):
    path_of(entry).write_bytes(CONTENT)

    def refuse(path, found):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(seal, "write_seal", refuse)  # chmod would not stop root
    assert state_of(entry).is_ready


def test_importing_is_light_and_touches_nothing(tmp_path):
    code = (
        "import sys, agentkit_local_models.fetch;"
        "print(sorted({'agentkit', 'torch', 'numpy'} & set(sys.modules)))"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    said = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert said.stdout.decode().strip() == "[]"
    assert list(home.iterdir()) == []
