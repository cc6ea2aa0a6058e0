"""The settings as keyword arguments, so that an editor completes them and a type checker reads them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypedDict

from agentkit.core.usage import Price
from agentkit.settings.values import Approval, StrategyName


class Given(TypedDict, total=False):
    """Any of the settings by its name; what each means stands in `Settings`."""

    workspace: str | Path
    approve: Approval
    deny: Sequence[str]
    ask: Sequence[str]
    allow: Sequence[str]
    packs: Sequence[str]
    batch: Sequence[str]
    larger_model: str | None
    unkept: Sequence[str]
    kept_file_mb: int
    kept_total_mb: int
    max_steps: int | None
    max_seconds: float | None
    max_tokens: int | None
    max_cost: Decimal | float | str | None
    max_tool_seconds: float | None
    max_agents: int
    max_agent_depth: int
    prices: Mapping[str, Price] | Sequence[str]
    domains: Sequence[str]
    inside: Sequence[str]
    search: Sequence[str]
    check: str | None
    strategy: StrategyName
    name: str | None
    role: str | None
    goals: Sequence[str]
    constraints: Sequence[str]
    resources: Sequence[str]
    best_practices: Sequence[str]
    base_url: str | None
    temperature: float
    seed: int | None
    retries: int
    idle_seconds: float
    context_window: int | None
    max_output_tokens: int | None
    calls_per_step: int | None
    most_tools: int | None
    text_calls: Literal["hermes", "llama3", "chatglm3", "json"] | None
    thoughts: Literal["tagged", "opened"]
    journal: str | Path
    memory: str | None
    memory_file: str | Path
    memory_days: float | None
    output_schema: str | Path | None
    prompts: str | Path
    index: str | Path | None
    embeddings: str | None
    skills: str | Path
