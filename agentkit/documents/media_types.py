"""What kind of text a file holds, by its name."""

from collections.abc import Mapping
from pathlib import PurePath

PLAIN = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
NOTEBOOK = "application/x-ipynb+json"
JSON_LINES = "application/jsonl"
PYTHON = "text/x-python"
CODE = "text/x-code"

TABLES = frozenset({CSV, TSV})
PROGRAMS = frozenset({PYTHON, CODE})

_CODE = (
    "bash c cc cpp cs css cxx dart ex exs fs go gradle h hpp hs java jl js jsx kt kts lua m mjs mm php pl pm"
    " proto ps1 r rb rs scala scss sh sql swift tf ts tsx vue zig zsh"
)
_PLAIN = "txt text log rst org tex adoc asciidoc ini cfg conf toml yaml yml env properties srt vtt po xml svg"
_BY_SUFFIX = {
    **dict.fromkeys(_PLAIN.split(), PLAIN),
    **dict.fromkeys(_CODE.split(), CODE),
    **dict.fromkeys(("md", "markdown", "mdx", "mkd"), MARKDOWN),
    **dict.fromkeys(("html", "htm", "xhtml"), HTML),
    **dict.fromkeys(("py", "pyi"), PYTHON),
    **dict.fromkeys(("jsonl", "ndjson"), JSON_LINES),
    **dict.fromkeys(("json", "geojson"), JSON),
    "ipynb": NOTEBOOK,
    "pdf": PDF,
    "docx": DOCX,
    "csv": CSV,
    "tsv": TSV,
}
_BY_NAME: Mapping[str, str] = dict.fromkeys(
    ("makefile", "dockerfile", "rakefile", "gemfile", "jenkinsfile"), CODE
)
_OTHER_NAMES = {
    "application/xhtml+xml": HTML,
    "application/csv": CSV,
    "application/x-ndjson": JSON_LINES,
    "application/jsonlines": JSON_LINES,
    "application/json-lines": JSON_LINES,
    "text/json": JSON,
    "text/x-markdown": MARKDOWN,
    "application/x-pdf": PDF,
    "text/x-script.python": PYTHON,
    "application/x-python-code": PYTHON,
    "application/javascript": CODE,
    "text/javascript": CODE,
    "text/css": CODE,
}


def media_type_of(name: str | PurePath) -> str:
    """The media type of a file with this name; nothing for one that is not known to be text.

    >>> media_type_of("notes/Plan.md"), media_type_of("song.mp3")
    ('text/markdown', '')
    """
    path = PurePath(name)
    return _BY_SUFFIX.get(path.suffix.lower().lstrip("."), _BY_NAME.get(path.name.lower(), ""))


def plain_media_type(said: str) -> tuple[str, str]:
    """A media type as it is known here, and the charset that was said with it.

    >>> plain_media_type("Application/JSON; charset=GBK")
    ('application/json', 'GBK')
    """
    kind, *parameters = (part.strip() for part in said.split(";"))
    charset = next(
        (
            value
            for name, _, value in (p.partition("=") for p in parameters)
            if name.strip().lower() == "charset"
        ),
        "",
    )
    kind = kind.lower()
    if kind.endswith("+json") and kind != NOTEBOOK:
        kind = JSON
    return _OTHER_NAMES.get(kind, kind), charset.strip("\"' ")
