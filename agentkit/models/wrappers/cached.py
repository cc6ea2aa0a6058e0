"""A model that answers a request it was asked before from the disk."""

import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from agentkit.core.errors import UsageError
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.retries import Piece, closing
from agentkit.models.wrappers.wrapped import Wrapped


class Cached(Wrapped):
    """A model whose answers are kept in a folder, and given again to the same request.

    Only what should come out the same is kept: requests with temperature 0 or with a seed. Any other
    goes to the model every time. The same request is one in which every field is the same: messages,
    tools, limits, all. An answer from the folder has used no tokens, and says so.

    Args:
        model: The model.
        folder: Made, for its owner only, when it is not there. What models say is kept in it as it is.
        variant: Tells models apart that have the same name, such as two servers' of one model.

    Raises:
        UsageError: the folder cannot be used.
    """

    def __init__(self, model: ChatModel, folder: Path | str, *, variant: str = "") -> None:
        super().__init__(model)
        self.folder = Path(folder).expanduser()
        self.variant = variant
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder {self.folder} cannot keep answers: {error.strerror}") from error

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Piece]:
        """The answer that is kept, text and all, or what the model streams.

        Raises:
            ModelError: the model could not answer; a fault is never kept.
        """
        if request.temperature != 0 and request.seed is None:
            async with closing(self.model.stream(request)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        path = self.path_of(request)
        if (kept := _read(path)) is not None:
            if kept.message.text:
                yield TextDelta(kept.message.text)
            yield msgspec.structs.replace(kept, usage=Usage())
            return
        async with closing(self.model.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    _write(path, piece)
                yield piece

    def path_of(self, request: ModelRequest) -> Path:
        """The file that keeps, or would keep, the answer to a request."""
        asked = msgspec.json.encode((self.model.name, self.variant, request), order="deterministic")
        return self.folder / f"{hashlib.blake2b(asked, digest_size=20).hexdigest()}.json"


def _read(path: Path) -> Answer | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Answer)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        return None  # another version of agentkit kept it: it is asked again and kept anew
    except OSError as error:
        raise UsageError(f"the kept answer {path} cannot be read: {error.strerror}") from error


def _write(path: Path, answer: Answer) -> None:
    """Keep it whole or not at all, whoever else keeps the same at the same time."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kept-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(answer))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"the folder {path.parent} cannot keep an answer: {error.strerror}") from error
