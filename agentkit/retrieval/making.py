"""How an index was made, which has to be how it is used."""

import re
import shlex
from pathlib import Path

from msgspec import Struct

from agentkit.core.errors import IndexDiffers

_DIGEST = re.compile("@[0-9a-f]{8}$")
"""At the end of the name of an encoder that lies in a folder: which one lay there."""


class Making(Struct, frozen=True):
    """What decides which words and vectors a text has in an index."""

    splitter: str
    """How texts are split, with whatever changes the pieces: `structure-1/256/32`."""
    analyser: str
    """What makes terms of them, and its version."""
    embeddings: str = ""
    """The model whose vectors are kept; empty for none."""

    @property
    def encoder(self) -> str:
        """The model of vectors as it is asked for."""
        return _DIGEST.sub("", self.embeddings)

    @property
    def limit(self) -> int:
        """Tokens that a piece has at most."""
        return int(self.splitter.split("/")[1])

    def require(self, other: "Making", path: Path) -> None:
        """Refuse what would look for one thing and find another.

        Args:
            other: How the index would be used.
            path: The index.

        Raises:
            IndexDiffers: in anything at all.
        """
        differing = [
            f"{name} {mine or 'none'!r} instead of {theirs or 'none'!r}"
            for name in self.__struct_fields__
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        ]
        if differing:
            raise IndexDiffers(
                f"the index {path} was made with {', '.join(differing)}, and would be searched for what "
                f"it does not hold; make it anew: {self._mend(other, path)}"
            )

    def _mend(self, other: "Making", path: Path) -> str:
        """The command that makes the index so."""
        command = ["agentkit", "index", "--anew", "--index", str(path)]
        if self.embeddings != other.embeddings:
            command += ["--embeddings", other.encoder or "none"]
        return shlex.join(command)
