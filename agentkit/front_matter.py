"""Front matter: what a Markdown file says of itself in YAML, between two lines of `---` at its head.

Such files are written by people and by models, so only plain values are read: mappings, lists, text,
numbers, booleans and null. A date stays the text that it is. What names one value in several places
(anchors, aliases) or asks for a type (tags) is refused: a few such lines can stand for gigabytes.
"""

from functools import cache
from typing import Any, cast

from agentkit.core.errors import FrontMatterError

LONGEST = 65_536
"""Characters of front matter that are read."""
_FENCE = "---\n"
_PLAIN = ("bool", "int", "float", "null")
"""The types that a bare word can have beside text."""


def parted(text: str, file: str, longest: int = LONGEST) -> tuple[dict[str, Any] | None, str]:
    r"""What a file says of itself, and the rest of it; `None` where it has no front matter.

    Args:
        text: The whole file.
        file: Named in errors.
        longest: Characters of front matter; more is not looked at.

    Raises:
        FrontMatterError: naming the file and what of its head cannot be read.

    >>> parted("---\nwhen: 2024-99-99\n---\nGo.\n", "a.md")
    ({'when': '2024-99-99'}, 'Go.\n')
    """
    text = text.replace("\r\n", "\n")
    if not text.startswith(_FENCE):
        return None, text
    head, fence, body = text[len(_FENCE) - 1 :].partition(f"\n{_FENCE}")
    if not fence:
        if not head.endswith("\n---"):
            raise FrontMatterError(f"{file}: its front matter has no end; it ends with a line of ---")
        head = head.removesuffix("---")
    if len(head) > longest:
        raise FrontMatterError(
            f"{file}: its front matter is {len(head):,} characters long; {longest:,} are the most"
        )
    return _read(head, file), body


def _read(head: str, file: str) -> dict[str, Any]:
    import yaml

    try:
        found: Any = yaml.load(head, _loader())  # noqa: S506 - a safe loader that takes even less
    except (yaml.YAMLError, ValueError) as error:
        why = " ".join(str(error).split())
        raise FrontMatterError(f"{file}: the front matter is not YAML as it is read here: {why}") from error
    except RecursionError:
        raise FrontMatterError(f"{file}: the front matter is nested too deeply") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise FrontMatterError(f"{file}: the front matter is not a list of `key: value` lines")
    return cast("dict[str, Any]", found)


@cache
def _loader() -> Any:
    # PyYAML costs more to import than most of what imports this
    import yaml

    class Plain(yaml.SafeLoader):
        """Reads values that stand where they are written, of the types that need no tag."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to declare it
            first: [(tag, words) for tag, words in known if tag.rpartition(":")[2] in _PLAIN]
            for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = cast("Any", self).peek_event()
            for what, field in (("anchor or alias", "anchor"), ("tag", "tag")):
                if value := getattr(event, field, None):
                    raise yaml.constructor.ConstructorError(
                        None, None, f"it uses the {what} {value!r}; write the value itself", event.start_mark
                    )
            return super().compose_node(parent, index)

    return Plain
