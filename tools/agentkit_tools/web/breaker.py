"""Rest for a search provider that failed."""

from dataclasses import dataclass

from agentkit_tools.web.asking import Blocked, Down, RateLimited, SearchFault, Unclear

MOST_FAILURES = 3
"""In a row, after which a provider that is down, or gives nothing for a reason unknown, is left alone."""
REST_DOWN = 60.0
"""Seconds."""
REST_BLOCKED = 600.0
REST_LIMITED = 30.0
"""Where it does not say for how long it wants to be left alone."""


@dataclass
class Breaker:
    """Keeps a provider that failed from being asked again at once."""

    until: float = 0.0
    """When it may be asked again, by the clock of whoever asks."""
    failures: int = 0
    """In a row."""
    why: str = ""

    def failed(self, fault: SearchFault, now: float) -> None:
        """Take a fault into account; a bad query is the fault of whoever asked."""
        match fault:
            case RateLimited(retry_after=seconds):
                rest = REST_LIMITED if seconds is None else seconds
            case Unclear() | Down():  # a single question may have no answer anywhere
                self.failures += 1
                rest = REST_DOWN if isinstance(fault, Down) else REST_BLOCKED
                rest = rest if self.failures >= MOST_FAILURES else 0.0
            case Blocked():
                rest = REST_BLOCKED
            case _:
                rest = 0.0
        self.until, self.why = now + rest, str(fault)

    def worked(self) -> None:
        """Begin to count anew."""
        self.failures = 0
