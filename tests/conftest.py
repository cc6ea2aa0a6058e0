"""What holds for every test: a home of its own, and no network but this machine's."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from agentkit_local_models.catalogue import models_dir

# The models that were fetched stay where they are when a test's home moves.
os.environ["AGENTKIT_MODELS_DIR"] = str(models_dir())

# before torch is imported by whichever test comes first
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# a deadline would make of each property a test of how busy the machine is
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

OURS = ("AGENTKIT_", "OPENAI_", "XDG_")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write tests/goldens anew; git diff then says what changed",
    )


class NetworkIsOff(RuntimeError):
    """A test tried to leave this machine."""


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is empty; nothing of the person's own settings is seen or touched."""
    folder = tmp_path_factory.mktemp("home")
    for variable in list(os.environ):
        if variable.startswith(OURS) and variable != "AGENTKIT_MODELS_DIR":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """What to call where something is missing: in continuous integration that is a failure, else a skip."""
    return pytest.fail if os.environ.get("CI") else pytest.skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True, scope="session")
def network_off() -> Iterator[None]:
    """Refuse connections and look-ups that leave this machine; processes a test starts are not held."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    real_getaddrinfo = socket.getaddrinfo

    def held(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _require_here(address[0])
            return real[name](self, *arguments)

        return call

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _require_here(host)
        return real_getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(socket.socket, name, held(name))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _require_here(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost") or _is_loopback(str(name)):
        return
    raise NetworkIsOff(f"a test reached for {name!r}; serve what it needs on 127.0.0.1")


def _is_loopback(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def model_file(folder: str, name: str) -> Path:
    path = models_dir() / folder / name
    if not path.is_file():
        pytest.fail(f"{path} is missing; run: agentkit models fetch {folder}")
    return path


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    return model_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def qwen_path() -> Path:
    return model_file("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
