"""What a server counts, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agentkit_local_models.answer import Completion
from agentkit_local_models.occupancy import Occupancy


class Tally:
    """Counters since the server began; one event loop counts."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()  # by path and outcome
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.output_tokens = 0

    def answered(self, done: Iterable[Completion]) -> None:
        """Answers to one prompt ended, however: what was computed for them."""
        for place, one in enumerate(done):
            if place == 0:
                self.prompt_tokens += one.prompt_tokens
                self.cached_tokens += one.reused_tokens
            self.output_tokens += one.output_tokens

    def text(self, inside: int, occupancy: Occupancy | None) -> str:
        """All of it.

        Args:
            inside: how many answers are being made or wait.
            occupancy: of the engine, where answers are made here.
        """
        lines = _metric("agentkit_requests_total", "counter", "Requests by path and outcome.")
        for (path, outcome), count in sorted(self.requests.items()):
            lines.append(f'agentkit_requests_total{{path="{path}",outcome="{outcome}"}} {count}')
        lines += _metric("agentkit_prompt_tokens_total", "counter", "Tokens of prompts.", self.prompt_tokens)
        about = "Tokens of prompts that were not computed again."
        lines += _metric("agentkit_cached_prompt_tokens_total", "counter", about, self.cached_tokens)
        lines += _metric("agentkit_output_tokens_total", "counter", "Tokens written.", self.output_tokens)
        lines += _metric("agentkit_answers", "gauge", "Answers that are being made or wait.", inside)
        if occupancy is not None:
            lines += _metric("agentkit_running", "gauge", "Answers with pages.", occupancy.running)
            lines += _metric("agentkit_waiting", "gauge", "Answers without.", occupancy.waiting)
            lines += _metric("agentkit_cache_pages", "gauge", "Pages of 16 tokens, by who holds them.")
            for holder in ("running", "kept", "free"):
                count = getattr(occupancy, f"pages_{holder}")
                lines.append(f'agentkit_cache_pages{{state="{holder}"}} {count}')
        return "\n".join([*lines, ""])


def _metric(name: str, kind: str, about: str, value: int | None = None) -> list[str]:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    return lines if value is None else [*lines, f"{name} {value}"]
