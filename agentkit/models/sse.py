"""Server-sent events from bytes: the same events however the bytes were cut into pieces."""

from collections.abc import Iterator

from agentkit.core.errors import MalformedStream
from agentkit.models.openai_faults import quoted

SILENT_FIELDS = frozenset({"event", "id", "retry"})
"""Fields that say nothing a chat completion needs."""


class EventDecoder:
    """Takes bytes as they come and gives the `data` of each event that is complete.

    Stricter than a browser, which drops what it does not know: a line that is no field means that
    something other than the model wrote into the stream, or that words went missing. A body that is no
    event stream at all, but one JSON object, is given at its end as if it were an event.
    """

    def __init__(self) -> None:
        self.whole = False
        """Whether the body is one text and no stream."""
        self._line = bytearray()
        self._after_cr = False
        self._begun = False
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The events that these bytes complete.

        Raises:
            MalformedStream: a line is not one of an event stream; the message quotes it.
        """
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        if not piece:
            return
        self._after_cr = piece.endswith(b"\r")
        # only whole lines are decoded, so a letter whose bytes were cut apart is whole again
        *lines, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            complete = bytes(self._line) + line
            self._line.clear()
            yield from self._take(complete)
        self._line += rest

    def close(self) -> Iterator[str]:
        """The event that the end completes: some servers leave out the last empty line.

        Raises:
            MalformedStream: the stream ends with something else.
        """
        line = bytes(self._line)
        self._line.clear()
        if line:
            yield from self._take(line)
        if self._data:
            text = "\n".join(self._data)
            self._data.clear()
            if self.whole and text.startswith("<"):
                raise MalformedStream(f"a page came instead of an answer: {quoted(text)}")
            yield text

    def _take(self, raw: bytes) -> Iterator[str]:
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedStream(f"the stream holds bytes that are not UTF-8: {raw[:80]!r}") from error
        if not self._begun and line.strip():
            line = line.removeprefix("\ufeff")
            self._begun = True
            self.whole = line.lstrip().startswith(("{", "<"))
        if self.whole:
            self._data.append(line.strip())
        elif line.strip():
            self._field(line)
        elif self._data:
            yield "\n".join(self._data)
            self._data.clear()

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "error":
            # older llama.cpp reports its faults in a field of their own
            self._data.append(f'{{"error": {value}}}')
        elif name and name not in SILENT_FIELDS:
            raise MalformedStream(f"a line of the stream is not a server-sent event: {quoted(line)}")
