"""Render chat templates as the hub does, and tokenise chats that content cannot break.

A chat template is a Jinja program that comes with the model; it is untrusted and runs sandboxed.
Its result mixes the template's special tokens (`<|im_end|>`) with text from users, tools and
models, which may contain the same characters. `encode_chat` tells them apart:

1. Wherever a string of the messages or tools contains the text of an added token, the first
   character of that text is replaced by a *mark*: an unguessable number with the character's
   code. A marked `<|im_end|>` no longer looks like the token. Roles are not content: templates
   write tokens with them, and they must be of `ROLES`.
2. The template renders the marked messages. All added tokens found in the result were written by
   the template, and only they become tokens.
3. In the text between them the marks turn back into characters, and the text is encoded as plain.

Content without such text is not touched, so its tokens are by construction those of rendering
and encoding in one go, merges across the border of template and content included.

One way is left: a token made of a message's edge and the template's own text (content ending in
`<|im_` before a template's `end|>`). Strings with such an edge are also marked there in a second
rendering; if its tokens are others than those of the first, the chat is refused.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn, cast

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agentkit_local_models.errors import ChatTemplateError
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.written import Written

Message = Mapping[str, Any]
ToolSchema = Mapping[str, Any]

# Templates may write `<|` + role + `|>`; an open set would let a role spell any token.
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function", "ipython"})

# Values templates compare with, as in JSON schemas and content parts. Some are a middle part of a
# token (`<|object_ref_start|>`), and a mark would make the comparison fail.
COMPARED_WORDS = frozenset(
    {"array", "boolean", "function", "integer", "null", "number", "object", "string", "text"}
)


class ChatTemplate:
    """A compiled chat template of a model."""

    def __init__(
        self,
        source: str,
        special_texts: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        """Compile a template.

        Args:
            source: the Jinja source from the checkpoint.
            special_texts: `bos_token`, `eos_token` and their like, as variables.
            clock: the time for templates that write the date (`strftime_now`).

        Raises:
            ChatTemplateError: the source is not a valid template.
        """
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _to_json

        def strftime_now(form: str) -> str:
            return clock().strftime(form)

        names = cast("dict[str, Any]", environment.globals)
        names |= {"raise_exception": _raise_exception, "strftime_now": strftime_now}
        self._special_texts = dict(special_texts or {})
        try:
            self._template = environment.from_string(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise ChatTemplateError(f"the chat template is not valid: {error}") from error

    @cached_property
    def shows_system(self) -> bool:
        """Whether a system turn before the first question is taken, and its words are shown."""
        words = "words-of-the-system"
        turns = [{"role": "system", "content": words}, {"role": "user", "content": "question"}]
        try:
            return words in self.render(turns)
        except ChatTemplateError:
            return False

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] | None = None,
        *,
        add_generation_prompt: bool = True,
        **extra: object,
    ) -> str:
        """The text of a chat.

        Args:
            messages: `{"role": ..., "content": ...}` and what else the template reads.
            tools: JSON schemas of functions, for templates that know tools.
            add_generation_prompt: end with the start of an assistant's turn.
            extra: more variables, e.g. `enable_thinking`.

        Raises:
            ChatTemplateError: the template refuses the messages or fails on them.
        """
        variables: dict[str, object] = {
            **self._special_texts,
            "messages": messages,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            **extra,
        }
        try:
            return self._template.render(variables)
        except jinja2.TemplateError as error:
            raise ChatTemplateError(f"the chat template refused the messages: {error}") from error
        # A template is a program: on messages it does not expect it can fail in any way.
        except Exception as error:
            raise ChatTemplateError(
                f"the chat template failed on the messages: {type(error).__name__}: {error}"
            ) from error


def encode_chat(
    template: ChatTemplate,
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    tools: Sequence[ToolSchema] | None = None,
    *,
    add_generation_prompt: bool = True,
    written: Written | None = None,
    **extra: object,
) -> list[int]:
    """The token ids of a chat in which only the template can have written special tokens.

    For content without the text of an added token, the ids are those of
    `tokenizer.encode(template.render(...), allow_special=True)`, but for what the model wrote itself:
    that has the tokens in `written`. The other arguments are those of `render`; `extra` comes from the
    caller and is trusted like the template.

    Raises:
        ChatTemplateError: the template refuses the messages, a role is not of `ROLES`, or content
            would complete a token together with the template's own text.
    """
    for message in messages:
        if message.get("role") not in ROLES:
            raise ChatTemplateError(
                f"the role {message.get('role')!r} is unknown; {', '.join(sorted(ROLES))} work"
            )
    marker = _Marker(tokenizer)

    def rendering(*, edges: bool) -> str:
        return template.render(
            marker.mark_messages(messages, edges=edges),
            marker.mark(tools, edges=edges),
            add_generation_prompt=add_generation_prompt,
            **extra,
        )

    text = rendering(edges=False)
    pieces = list(tokenizer.split_added(text))
    if marker.edges_seen:
        careful = list(tokenizer.split_added(rendering(edges=True)))
        if [p for p in pieces if not isinstance(p, str)] != [p for p in careful if not isinstance(p, str)]:
            raise ChatTemplateError(
                "a message would complete a special token together with the template's own text"
            )
    ids: list[int] = []
    for piece in pieces:
        if isinstance(piece, str):
            plain = marker.unmark(piece)
            own = written.find(plain) if written is not None and ids else None
            ids += tokenizer.encode(plain, first=not ids) if own is None else own
        else:
            ids.append(piece.id)
    return ids


class _Marker:
    """Replaces characters by marks that no text can contain by chance, and back."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        texts = [token.text for token in tokenizer.added_tokens]
        # Digits survive JSON, HTML escapes, and changes of case.
        self._mark = f"{secrets.randbelow(10**40):040d}"
        self._marked = re.compile(self._mark + r"(\d{7})")
        # A lookahead, so that tokens that overlap are all found.
        self._inside = re.compile("|".join(f"(?={re.escape(t)})" for t in texts) or r"(?!)")
        self._starts = {t[:end] for t in texts for end in range(1, len(t))}
        self._ends = {t[start:] for t in texts for start in range(1, len(t))}
        self._middles = "\0".join(texts)
        self._longest = max(map(len, texts), default=0)
        self.edges_seen = False

    def mark_messages(self, messages: Sequence[Message], *, edges: bool) -> list[dict[str, Any]]:
        """Copies of the messages with every string marked but their roles."""
        return [{**self.mark(message, edges=edges), "role": message["role"]} for message in messages]

    def mark(self, value: Any, *, edges: bool) -> Any:
        """A copy of nested lists and mappings with its strings marked."""
        if isinstance(value, str):
            return self._mark_text(value, edges=edges)
        if isinstance(value, Mapping):
            entries = cast("Mapping[Any, Any]", value)
            return {
                # A template looks names up, so their edges stay.
                self.mark(key, edges=False): self.mark(item, edges=edges)
                for key, item in entries.items()
            }
        if isinstance(value, list | tuple):
            return [self.mark(item, edges=edges) for item in cast("Sequence[Any]", value)]
        return value

    def unmark(self, text: str) -> str:
        """`text` with each mark turned back into its character."""
        return self._marked.sub(lambda match: chr(int(match.group(1))), text)

    def _mark_text(self, text: str, *, edges: bool) -> str:
        places = {match.start() for match in self._inside.finditer(text)}
        if text and text not in COMPARED_WORDS and self._can_complete_a_token(text):
            self.edges_seen = True
            if edges:
                places |= {0, len(text) - 1}
        return "".join(
            f"{self._mark}{ord(character):07d}" if place in places else character
            for place, character in enumerate(text)
        )

    def _can_complete_a_token(self, text: str) -> bool:
        """Whether `text` between other texts could be a part of an added token."""
        lengths = range(1, min(len(text), self._longest) + 1)
        return (
            text in self._middles
            or any(text[:length] in self._ends for length in lengths)
            or any(text[-length:] in self._starts for length in lengths)
        )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as the hub writes it: Jinja's own filter escapes HTML and sorts keys."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


class _Generation(Extension):
    """`{% generation %}`: marks an assistant's words for training; here it only renders them."""

    tags = {"generation"}  # noqa: RUF012 - the name and type are Jinja's

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)
