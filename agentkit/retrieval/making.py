"""How an index was made, which has to be how it is used."""

from msgspec import Struct

from agentkit.core.errors import IndexDiffers


class Making(Struct, frozen=True):
    """What decides which words and vectors a text has in an index."""

    splitter: str
    """How texts are split, with whatever changes the pieces: `structure-1/256/32`."""
    analyser: str
    """What makes terms of them, and its version."""
    embeddings: str = ""
    """The model whose vectors are kept; empty for none."""

    @property
    def limit(self) -> int:
        """Tokens that a piece has at most."""
        return int(self.splitter.split("/")[1])

    def require(self, other: "Making", path: str, *, mend: str) -> None:
        """Refuse what would look for one thing and find another.

        Args:
            other: How the index would be used.
            path: The index.
            mend: The command that makes it so.

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
                f"it does not hold; make it anew: {mend}"
            )
