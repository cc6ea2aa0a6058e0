"""The parts of an agent, as the settings name them."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache

from agentkit.agents.larger import Larger
from agentkit.agents.review import Check
from agentkit.assembly.records import is_foreign, recording_of
from agentkit.assembly.surroundings import Surroundings
from agentkit.core.agent_profile import AgentProfile
from agentkit.core.errors import SandboxUnavailable, SettingsError, UnknownModel, UsageError, WorkspaceError
from agentkit.core.events import Finding, RunResumed, RunStarted
from agentkit.core.protocols import ChatModel, RunLog
from agentkit.core.usage import FREE, Limits, Price
from agentkit.journal.run_log import JournalLog
from agentkit.models.embedded import best_ready
from agentkit.models.registry import ModelOptions, is_free, make_model, provider_of
from agentkit.prompts.library import Library, library_of
from agentkit.prompts.parsers.json_schema import JsonSchema, read_schema
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.discovery import installed_packs
from agentkit.tooling.nearest import nearest
from agentkit.tooling.policy import Approve, Policy
from agentkit.tooling.sandbox import Limits as SandboxLimits
from agentkit.tooling.sandbox import Sandbox, find_sandbox
from agentkit.tooling.searching import Searching, kept_in, keys_of
from agentkit.tooling.snapshots.coverage import MB, Bounds
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoable import Judge
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace

CHECK_SECONDS = 600.0
"""How long the person's check command may take."""


def chosen_model(settings: Settings) -> str:
    """The model that the settings name; for `auto`, the best that is ready on this machine.

    Raises:
        UnknownModel: `auto`, and no embedded model is here.
    """
    if settings.model != "auto":
        return settings.model
    name = best_ready()
    if name is None:
        raise UnknownModel(
            "no model is chosen and no embedded one is here; run: agentkit models fetch smollm2, "
            "or name another with --model openai:NAME (in Python model='openai:NAME')"
        )
    return f"local:{name}"


def make_model_of(settings: Settings, on_wait: Callable[[str], None] | None = None) -> ChatModel:
    """The model that the settings name, loaded.

    Raises:
        UnknownModel: there is none by that name, or its weights are not here.
        MissingKey: its provider needs a key.
    """
    return make_model(chosen_model(settings), options_of(settings, on_wait))


def options_of(settings: Settings, on_wait: Callable[[str], None] | None = None) -> ModelOptions:
    """What the settings say of any model: its server, its limits, its manner."""
    return ModelOptions(
        api_key=settings.api_key.reveal() if settings.api_key else None,
        base_url=settings.base_url,
        retries=settings.retries,
        idle_seconds=settings.idle_seconds,
        on_wait=on_wait,
        context_window=settings.context_window,
        max_output_tokens=settings.max_output_tokens,
        calls_per_step=settings.calls_per_step,
        most_tools=settings.most_tools,
        text_calls=settings.text_calls,
        thoughts=settings.thoughts,
        recorded=lambda run: recording_of(settings.journal, run),
    )


def limits_of(settings: Settings) -> Limits:
    """What the settings allow a run to spend."""
    return Limits(
        settings.max_steps,
        settings.max_seconds,
        settings.max_tokens,
        settings.max_cost,
        settings.max_tool_seconds,
    )


def price_of(settings: Settings, around: Surroundings, log: RunLog) -> Price | None:
    """What the model costs: as the settings say, as the run began if that was here, or nothing if local.

    Raises:
        UsageError: the price is not known, and a limit is in money.
    """
    names = dict.fromkeys([around.model.name] if around.model else [chosen_model(settings), settings.model])
    for name in names:
        if (price := settings.prices.get(name)) is not None:
            return price
    # a price of nothing in a record that another wrote would lift a limit in money
    said = log.events()
    for recorded in reversed(() if said and is_foreign(log) else said):
        if isinstance(recorded.event, RunStarted | RunResumed) and recorded.event.price is not None:
            return recorded.event.price
    name = next(iter(names))
    if is_free(name):
        return FREE
    _require_no_money_limit(settings, around, name)
    return None


def _require_no_money_limit(settings: Settings, around: Surroundings, name: str) -> None:
    """Refuse a limit in money where it is not known what a model costs."""
    pool_counts = around.pool is not None and around.pool.limits.cost is not None
    if settings.max_cost is not None or pool_counts:
        raise UsageError(
            f"a limit in US dollars cannot be kept: nobody said what {name} costs; say it in dollars for a "
            f"million tokens with --prices {name}=INPUT/OUTPUT (in Python prices=[...]), or in "
            "your config.toml, or limit tokens instead: --max-tokens (max_tokens)"
        )


def larger_of(settings: Settings, around: Surroundings) -> Larger | None:
    """The model that the settings name for a way out of a loop.

    Raises:
        UsageError: there is none of that name, or its price is not known and a limit is in money.
    """
    name = settings.larger_model
    if name is None:
        return None
    provider_of(name)
    price = settings.prices.get(name, FREE if is_free(name) else None)
    if price is None:
        _require_no_money_limit(settings, around, name)
    named = settings.replacing(model=name)
    return Larger(lambda: in_daemon(lambda: make_model_of(named, around.on_wait), "load the model"), price)


def policy_of(settings: Settings) -> Policy:
    """The approval mode and rules of the settings."""
    return _policy(settings.approve, settings.deny, settings.ask, settings.allow)


@lru_cache(maxsize=16)  # the same for every run of the same settings
def _policy(approve: str, deny: Sequence[str], ask: Sequence[str], allow: Sequence[str]) -> Policy:
    return Policy(Approve(approve), deny=frozenset(deny), ask=frozenset(ask), allow=frozenset(allow))


def checked_policy(settings: Settings, everyday: Mapping[str, Tool]) -> Policy:
    """The policy of the settings, with every rule naming something: a tool of any installed pack too.

    Raises:
        SettingsError: a rule names nothing; a misspelt deny would silently allow.
    """
    policy = policy_of(settings)
    if settings.deny or settings.ask or settings.allow:
        of_packs = [one for pack in installed_packs() for one in pack.tools]
        policy.check_names([*everyday.values(), *of_packs])
    return policy


@contextmanager
def judging(settings: Settings, tools: Mapping[str, Tool]) -> Generator[Judge]:
    """The policy of the settings on calls in their workspace as it is now, for as long as the block lasts.

    A folder that cannot be a workspace has no files to look at: then the verdict is on the tools as such.

    Raises:
        UsageError: a rule names nothing.
    """
    policy = checked_policy(settings, tools)
    with ExitStack() as held:
        try:
            workspace = held.enter_context(Workspace.open(settings.workspace))
        except WorkspaceError:
            snapshots = None
        else:
            snapshots = Snapshots(workspace, bounds=bounds_of(settings))
        yield Judge(policy, snapshots, find_sandbox)


def require_batch(settings: Settings, tools: Mapping[str, Tool]) -> None:
    """Refuse a batch of what is no tool: a misspelt one would end as a loop."""
    if unknown := [name for name in settings.batch if name not in tools]:
        known = nearest(unknown[0], list(tools)) or sorted(tools)
        raise SettingsError(f"batch = {unknown[0]!r} is no tool of this run; there is {', '.join(known)}")


def bounds_of(settings: Settings) -> Bounds:
    """What of a workspace is kept, by the settings."""
    return Bounds(settings.kept_file_mb * MB, settings.kept_total_mb * MB, settings.unkept)


def snapshots_of(settings: Settings, around: Surroundings, log: RunLog, workspace: Workspace) -> Snapshots:
    """What keeps the files of a run: beside its record."""
    contents = log.contents if isinstance(log, JournalLog) else around.contents
    return Snapshots(workspace, contents, bounds_of(settings))


def searching_of(settings: Settings, around: Surroundings) -> Searching:
    """Who is asked when the web is searched, with the keys that the environment has for them."""
    return Searching(settings.search, keys_of(around.environ, settings.search), kept_in(around.environ))


def prompts_of(settings: Settings) -> Library:
    """The prompt files of the settings: the project's, the user's, ours."""
    return library_of(settings.prompts, settings.workspace)


def profile_of(settings: Settings) -> AgentProfile:
    """Who the settings say that the agent is."""
    return AgentProfile(
        settings.name or "",
        settings.role or "",
        settings.goals,
        settings.constraints,
        settings.resources,
        settings.best_practices,
    )


def form_of(settings: Settings, log: RunLog) -> JsonSchema | None:
    """What the final answer must be valid by: as the settings say, else as the run began."""
    if settings.output_schema is not None:
        return read_schema(settings.output_schema)
    first = log.events()[0].event if log.events() else None
    return JsonSchema(first.output_schema) if isinstance(first, RunStarted) and first.output_schema else None


def check_of(command: str | None, workspace: Workspace, sandbox: Callable[[], Sandbox]) -> Check | None:
    """The person's check command as something a review can run, inside the sandbox."""
    if not command:
        return None

    async def check() -> Finding:
        limits = SandboxLimits(wall_seconds=CHECK_SECONDS)
        try:
            confined = sandbox()
        except SandboxUnavailable as error:
            return Finding(f"the check {command!r} passes", holds=False, found=str(error))
        done = await confined.run(["/bin/sh", "-c", command], workspace=workspace.root, limits=limits)
        last = done.output.decode("utf-8", "replace").strip().split("\n")[-1]
        how = f"stopped: {done.stopped_by}" if done.stopped_by else f"exit status {done.status}"
        found = f"{how}: {last}" if last else how
        return Finding(f"the check {command!r} passes", done.status == 0, found)

    return check
