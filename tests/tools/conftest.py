from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox import Finished, Limits
from agentkit.tooling.workspace import Workspace


@dataclass
class FakeSandbox:
    """Answers every command with what the test says, and remembers what it was asked."""

    finished: Finished = field(default_factory=lambda: Finished(0, None, b"", 0.1))
    chunks: Sequence[bytes] = ()
    asked: list[tuple[list[str], Path, Limits, bytes]] = field(default_factory=list)
    name: str = "fake"

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits = Limits(),  # noqa: B008
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        writable: bool = True,
        extra_env: Mapping[str, str] | None = None,
    ) -> Finished:
        self.asked.append((list(argv), workspace, limits, stdin))
        for chunk in self.chunks:
            if on_output is not None:
                on_output(chunk)
        return self.finished


@dataclass
class World:
    """A workspace in a folder of its own and the context around it."""

    root: Path
    context: ToolContext
    sandbox: FakeSandbox
    printed: list[str]

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def with_(self, **changes: object) -> ToolContext:
        return replace(self.context, **changes)  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    root = tmp_path / "work"
    root.mkdir()
    sandbox, printed = FakeSandbox(), []
    with Workspace.open(root) as workspace:
        context = ToolContext(workspace, sandbox=lambda: sandbox, emit=printed.append)
        yield World(root, context, sandbox, printed)


@pytest.fixture(scope="session")
def small_pdf() -> Callable[[str], bytes]:
    """Makes a PDF of one page that says something."""
    return _pdf


def _pdf(text: str) -> bytes:
    content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 5 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(data))
    return data + head + table + end
