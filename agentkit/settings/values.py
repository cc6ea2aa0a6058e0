"""The settings: each field with its type, its default, and what may stand there."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from agentkit.core.errors import SettingsError
from agentkit.core.events import RuleKind
from agentkit.core.secret import Secret
from agentkit.core.usage import Price
from agentkit.settings.prices import as_table, as_text, can_be

StrategyName: TypeAlias = Literal["one-shot", "plan-and-execute", "rewoo", "reflexion"]
"""How a goal is gone about."""

Approval: TypeAlias = Literal["read", "ask", "auto", "all"]
"""How much runs without a question, the strictest first."""

_Rules: TypeAlias = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(description='a list of tools and effects, such as ["delete_file", "network"]'),
]
_Line: TypeAlias = Annotated[
    Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=1000)] | None,
    Meta(description="a line of at most 1000 characters, or none"),
]
_Sentences: TypeAlias = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(description='a list of sentences, such as ["Write in British English."]'),
]
_File: TypeAlias = Annotated[Path, Meta(description="a path")]

_Count: TypeAlias = Annotated[
    # a number that the journal can hold
    Annotated[int, Meta(ge=1, le=10**12)] | None,
    Meta(description="a whole number from 1 to 10^12, or none"),
]
SEARCHED = r"^(brave|tavily|serper|ddgs|searxng:https?://\S+|recorded:.+)$"
"""Who can be asked when the web is searched."""

_Seconds: TypeAlias = Annotated[
    Annotated[float, Meta(gt=0)] | None, Meta(description="seconds above 0, or none")
]


class OriginKind(StrEnum):
    """Which source a value comes from, the weakest first."""

    DEFAULT = "default"
    USER_FILE = "user file"
    KEPT = "kept rule"
    """Given at a question, for a folder or for everywhere."""
    PROJECT_FILE = "project file"
    ENVIRONMENT = "environment"
    FLAG = "flag"
    CALLER = "caller"
    """Code replaced it, as a resumed run does with what it began with."""
    QUESTION = "this run"
    """Given at a question, for one run."""


class Origin(Struct, frozen=True):
    """Where a value was found: the source, and its file, variable or flag."""

    kind: OriginKind
    where: str = ""

    def __str__(self) -> str:
        return self.where or str(self.kind)


DEFAULT = Origin(OriginKind.DEFAULT)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a person can choose about a run."""

    model: Annotated[str, Meta(min_length=1, description="provider:name, or auto")] = "auto"
    """`auto` is the best embedded model that is ready."""
    workspace: _File
    """The folder that the agent works in."""
    approve: Annotated[Approval, Meta(description="read, ask, auto or all")] = "auto"
    deny: _Rules = ()
    """What never runs."""
    ask: _Rules = ()
    """What runs only when the person says yes."""
    allow: _Rules = ()
    """What runs unasked."""
    packs: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='a list of packs of tools, such as ["git", "jobs"], or ["all"]'),
    ] = ()
    """Tools beside the everyday ones."""
    domains: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[^/:@\s]+$")], ...],
        Meta(description='a list of hosts, such as ["example.org"]'),
    ] = ()
    """The only hosts that tools may reach, each with all below it; none named means any public one."""
    inside: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^([^/:@\[\]\s]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$")], ...],
        Meta(description='a list of hosts, each with its port, such as ["localhost:8888"]'),
    ] = ()
    """Hosts on this machine or in a private network that tools may reach all the same."""
    search: Annotated[
        tuple[Annotated[str, Meta(pattern=SEARCHED)], ...],
        Meta(
            description="a list of brave, tavily, serper, ddgs, searxng:URL and recorded:FILE, in the order "
            'in which they are asked, such as ["searxng:http://localhost:8888", "brave"]'
        ),
    ] = ()
    """Who is asked when the web is searched; the next where one does not answer."""
    batch: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='a list of tools, such as ["run_shell"]'),
    ] = ()
    """Tools that this work calls again and again in the same way: with them there is no loop."""
    larger_model: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="provider:name, or none")
    ] = None
    """Asked instead where words did not help against a loop."""
    unkept: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='a list of paths and patterns for names, such as ["data", "*.iso"]'),
    ] = ()
    """What is not kept for an undo."""
    kept_file_mb: Annotated[int, Meta(ge=1, le=1000, description="a whole number from 1 to 1000")] = 64
    """Megabytes of the largest file that is kept."""
    kept_total_mb: Annotated[int, Meta(ge=1, le=10**6, description="a whole number from 1 to 10^6")] = 1000
    """Megabytes of all files of a workspace that are kept."""
    max_steps: _Count = 40
    """Model calls."""
    max_seconds: _Seconds = 1800.0
    """Seconds at work; those in which a person is asked are none."""
    max_tokens: _Count = None
    """Input and output tokens of all model calls."""
    max_cost: Annotated[Decimal | None, Meta(description="US dollars above 0, such as 0.50, or none")] = None
    """US dollars for all model calls; the model's price has to be known."""
    max_tool_seconds: _Seconds = None
    """Seconds in which tools run."""
    max_agents: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] = 4
    """Agents that a run, and each of its agents, may let work for it."""
    max_agent_depth: Annotated[int, Meta(ge=0, le=10, description="a whole number from 0 to 10")] = 2
    """How far down: 1 is agents that have none of their own."""
    prices: Annotated[
        Mapping[str, Price],
        Meta(
            description="NAME=INPUT/OUTPUT or NAME=INPUT/CACHED/OUTPUT in US dollars for a million tokens, "
            "or a table of tables with input, output and cached"
        ),
    ] = field(default_factory=dict[str, Price])
    """What models cost; those of this machine cost nothing."""
    check: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="a shell command, or none")
    ] = None
    """Must succeed at the end; runs in the sandbox."""
    strategy: Annotated[StrategyName, Meta(description="one-shot, plan-and-execute, rewoo or reflexion")] = (
        "one-shot"
    )
    """How the goal is gone about."""
    name: _Line = None
    """What the agent is told that it is called; this and the next five are words for its prompt."""
    role: _Line = None
    """What it is told that it is, after its name: "who keeps the books of a small shop"."""
    goals: _Sentences = ()
    """What should be true at the end beside the task."""
    constraints: _Sentences = ()
    resources: _Sentences = ()
    best_practices: _Sentences = ()
    keys: Annotated[Literal["emacs", "vi"], Meta(description="emacs or vi")] = "emacs"
    """Those of the line editor in a conversation."""
    output: Annotated[Literal["text", "json", "jsonl"], Meta(description="text, json or jsonl")] = "text"
    """What standard output gets."""
    base_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+(/[^?#@\s]*)?$")] | None,
        Meta(description="an http or https address without a name, a password or a query in it, or none"),
    ] = None
    """Where an OpenAI-compatible server answers."""
    temperature: Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")] = 0.0
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        Meta(description="a whole number of at least 0, or none"),
    ] = None
    retries: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] = 5
    """Attempts after the first, for faults of a remote model that pass."""
    idle_seconds: Annotated[float, Meta(gt=0, description="seconds above 0")] = 60.0
    """Silence after which a remote model is taken to be gone."""
    context_window: _Count = None
    """Tokens that a remote model can take in, question and answer; `none` is what OpenAI's take."""
    max_output_tokens: _Count = None
    """The most tokens of one answer of a remote model; `none` leaves it to us."""
    calls_per_step: _Count = None
    """The most calls that a remote model makes at once."""
    most_tools: _Count = None
    """Tools that a remote model is offered at once; of more, packs are loaded on request."""
    text_calls: Annotated[
        Literal["hermes", "llama3", "chatglm3", "json"] | None,
        Meta(description="hermes, llama3, chatglm3, json, or none"),
    ] = None
    """The form of calls that a remote model writes as text because its server makes no calls of them."""
    thoughts: Annotated[Literal["tagged", "opened"], Meta(description="tagged or opened")] = "tagged"
    """How thoughts stand in a remote model's text: between tags, or without the first one."""
    journal: _File
    """The file that runs are recorded in."""
    memory: Annotated[
        Annotated[str, Meta(pattern=r"^[^/\x00-\x1f\x7f]{1,200}(/[^/\x00-\x1f\x7f]{1,200})?$")] | None,
        Meta(description="PERSON or TENANT/PERSON, each of at most 200 characters, or none"),
    ] = None
    """Whose memory runs have; without one nothing outlives a run but its record."""
    memory_file: _File
    """The file that is remembered in."""
    memory_days: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="days above 0, or none")] = (
        None
    )
    """For how long that file keeps things; what is older is forgotten by itself. None is for ever."""
    output_schema: Annotated[Path | None, Meta(description="a file with a JSON Schema, or none")] = None
    """What the final answer must be valid by, as JSON."""
    index: Annotated[Path | None, Meta(description="a file, or none")] = None
    """The file that documents are found by."""
    embeddings: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="provider:name, such as local:minilm, auto, or none"),
    ] = "auto"
    """Whose vectors an index has beside words. `auto` is as the index was made; for a new one the packaged
    encoder where it is ready, and words alone where it is not."""
    skills: _File
    """The person's own skills, each a folder with a SKILL.md."""
    prompts: _File
    """The person's own prompt files, found before ours."""
    api_key: Secret | None = None
    """From `OPENAI_API_KEY` only: a key in a file or a flag is seen by others."""
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict[str, tuple[Origin, ...]])
    """Where each value that is not a default was found; a list may come from several places."""
    rule_origins: Mapping[str, Origin] = field(default_factory=dict[str, Origin])
    """Where each rule was found, by its kind and text: `deny = network`."""

    def described(self) -> Iterator[tuple[str, str, str]]:
        """Each setting's name, its value as it would be typed, and where that comes from."""
        for name in (*FIELDS, "api_key"):
            found_in = ", ".join(str(origin) for origin in self.origins.get(name, (DEFAULT,)))
            yield name, _typed(getattr(self, name)), found_in

    def with_rule(self, kind: RuleKind, rule: str, origin: Origin | None) -> "Settings":
        """These settings and a rule that was given at a question, or, without an origin, less one."""
        rules = tuple(one for one in getattr(self, kind) if one != rule)
        others = {name: found for name, found in self.rule_origins.items() if name != f"{kind} = {rule}"}
        if origin is None:
            return replace(self, **{kind: rules}, rule_origins=others)
        return replace(self, **{kind: (*rules, rule)}, rule_origins={f"{kind} = {rule}": origin, **others})

    def replacing(self, **values: Any) -> "Settings":
        """These settings with other values, checked like any.

        Raises:
            SettingsError: an unknown name, or a value that cannot be.
        """
        caller = Origin(OriginKind.CALLER)
        checked = {name: checked_value(name, value, caller, strict=True) for name, value in values.items()}
        return replace(self, **checked, origins={**self.origins, **dict.fromkeys(checked, (caller,))})


FIELDS: Mapping[str, Any] = {
    name: hint
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if name not in ("api_key", "origins", "rule_origins")
}
"""The settings that files, environment and flags may name, with their types."""

SENTENCES = ("goals", "constraints", "resources", "best_practices")
LISTS = ("deny", "ask", "allow", "packs", "domains", "inside", "search", "batch", "unkept", *SENTENCES)
"""The settings that add up over the sources."""
FLAGS = {
    "goals": "--goal",
    "constraints": "--constraint",
    "resources": "--resource",
    "best_practices": "--best-practice",
}
"""The flags that are not called as their setting: they are given once for each of several."""
OF_A_BEGINNING = ("strategy", "batch", "name", "role", *SENTENCES)
"""The settings that a run has from its beginning on, and a fork from the run it comes from."""
TABLE = "prices"
"""The setting of which each source gives entries."""


def of_a_beginning(flags: Mapping[str, Any]) -> str:
    """The flag, if any was given, that has an effect on new runs only."""
    given = (name for name in OF_A_BEGINNING if flags.get(name))
    return next((FLAGS.get(name, f"--{name}") for name in given), "")


def checked_value(name: str, raw: object, origin: Origin, *, strict: bool) -> Any:
    """What `raw` means as the setting `name`.

    Args:
        name: A setting.
        raw: As the source has it.
        origin: Named when it cannot be.
        strict: Whether a number must be a number; else the text of one will do.

    Raises:
        SettingsError: naming the source, the setting, what was found, and what would work.
    """
    if name not in FIELDS:
        raise unknown_setting(name, origin)
    hint = FIELDS[name]
    if raw == "none" and type(None) in get_args(get_args(hint)[0]):
        return None
    try:
        given = as_table(raw) if name == TABLE else raw
        value = msgspec.convert(given, hint, strict=strict, dec_hook=_path)
        if can_be(value):
            return value
    except (msgspec.ValidationError, ValueError):
        pass
    # a base_url that is refused may be refused for the password in it
    found = "" if name == "base_url" else f" = {_clipped(repr(raw))}"
    raise SettingsError(f"{origin}: {name}{found} cannot be; it must be {expected(name)}")


def expected(name: str) -> str:
    """What may stand as the setting `name`, in words."""
    metas = [meta for meta in get_args(FIELDS[name])[1:] if isinstance(meta, Meta)]
    return next(meta.description for meta in metas if meta.description)


def unknown_setting(name: str, origin: Origin) -> SettingsError:
    """The error that names an unknown setting, where it was found, and those that it may mean."""
    if "api_key" in name:
        return SettingsError(f"{origin}: {name} is not a setting; a key is read from OPENAI_API_KEY only")
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_"), FIELDS, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(FIELDS)}"
    return SettingsError(f"{origin}: {name!r} is not a setting; {hint}")


def _path(kind: type, raw: object) -> Path:
    if kind is Path and isinstance(raw, str | Path) and str(raw) and "\0" not in str(raw):
        return Path(raw)
    raise ValueError("not a path")


def _clipped(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _typed(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return as_text(cast("Mapping[str, Price]", value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return ",".join(cast("tuple[str, ...]", value)) or "none"
    return str(value)
