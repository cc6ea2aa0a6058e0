"""`local:NAME`: an encoder that runs on this machine."""

import asyncio
import hashlib
import os
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.core.errors import BadRequest, ContextOverflow, ModelError, UnknownModel
from agentkit.models.embeddings.vectors import Vector, unit

if TYPE_CHECKING:
    from agentkit_local_models.encoder import Encoder


class LocalEmbeddings:
    """A sentence encoder of this machine; safe to use from several tasks at once."""

    def __init__(self, name: str, encoder: "Encoder") -> None:
        self._name = name
        self._encoder = encoder

    @classmethod
    def load(cls, rest: str) -> "LocalEmbeddings":
        """Load an encoder of the catalogue by its name, or a sentence-transformers folder by its path.

        Raises:
            UnknownModel: neither; or its weights are not here, with the line that gets them.
            BadRequest: it cannot be loaded, or what loads it is not installed; the message says why.
        """
        name, folder = _place(rest)
        try:
            from agentkit_local_models.encoder import Encoder
        except ModuleNotFoundError as error:
            raise BadRequest(
                f"local:{rest} needs {error.name}, which is not here: pip install 'agentkit[local]'"
            ) from error
        from agentkit_local_models.errors import LocalModelError
        from agentkit_local_models.packed_folder import unpacked

        try:
            return cls(name, Encoder.load(unpacked(folder) if folder.is_file() else folder))
        except LocalModelError as error:
            raise BadRequest(str(error)) from error

    def __repr__(self) -> str:
        return f"<LocalEmbeddings {self._name}>"

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return self._name

    @property
    def encoder(self) -> "Encoder":
        """What computes it."""
        return self._encoder

    @property
    def window(self) -> int:
        """Tokens that a text may have, those counted that every text has."""
        return self._encoder.config.window

    def count(self, text: str) -> int:
        """How many tokens a document has, with those that every text has."""
        return self._encoder.count(self._encoder.config.document_prefix + text)

    def unknown(self, text: str) -> float:
        """The share of a text's tokens that the model has no word for: it is blind where this is high."""
        tokens = self._encoder.count(text) - self._encoder.count("")
        return self._encoder.unknown(text) / max(1, tokens)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector of length 1 for each text, in order, as arrays of 32-bit floats.

        Raises:
            ContextOverflow: a text is over the window; it is never cut in silence.
            ModelError: a text cannot be encoded.
        """
        prefix = self._encoder.config.document_prefix
        return await self._embedded([prefix + text for text in texts])

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question.

        Raises:
            ContextOverflow: it is over the window.
            ModelError: it cannot be encoded.
        """
        [vector] = await self._embedded([self._encoder.config.query_prefix + text])
        return vector

    async def _embedded(self, texts: list[str]) -> list[Vector]:
        from agentkit_local_models.errors import LocalModelError, TextTooLong

        stop = threading.Event()
        # shielded: a computation cannot be broken off between two batches, and must not run on unseen
        work = asyncio.ensure_future(asyncio.to_thread(self._computed, texts, stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            raise
        except TextTooLong as error:
            overflow = ContextOverflow(f"{self._name}: {error}")
            overflow.window = self.window
            raise overflow from error
        except LocalModelError as error:
            raise ModelError(f"{self._name}: {error}") from error

    def _computed(self, texts: list[str], stop: threading.Event) -> list[Vector]:

        vectors = self._encoder.encode(texts, stop.is_set)
        made = [array("f", row.numpy().tobytes()) for row in vectors]
        return made if self._encoder.config.normalise else [unit(vector) for vector in made]


def _place(rest: str) -> tuple[str, Path]:
    """The full name of an encoder, and where it lies."""
    from agentkit_local_models.catalogue import ENCODERS, path_of, state_of

    for entry in ENCODERS:
        if entry.name == rest:
            if not state_of(entry).is_ready:
                raise UnknownModel(
                    f"the weights of local:{rest} are not here; run: agentkit models fetch {rest}"
                )
            return f"local:{rest}", path_of(entry)
    folder = Path(rest).expanduser().absolute()
    if not (folder / "config.json").is_file():
        known = ", ".join(f"local:{entry.name}" for entry in ENCODERS)
        raise UnknownModel(
            f"no embeddings local:{rest}; known: {known}, or local:FOLDER with an encoder's config.json in it"
        )
    return f"local:{folder}@{_digest(folder)}", folder


def _digest(folder: Path) -> str:
    """A few letters that are others when another model lies there: vectors of two are never mixed."""
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted(folder.rglob("*.json")):
        digest.update(path.read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        # training changes every weight, so the ends of a file tell as much as all of it
        with path.open("rb") as file:
            digest.update(file.read(_READ))
            file.seek(-min(_READ, path.stat().st_size), os.SEEK_END)
            digest.update(file.read(_READ))
    return digest.hexdigest()


_READ = 1 << 20
