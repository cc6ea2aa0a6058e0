"""How long to wait before asking again, and when not to."""

import random
from dataclasses import dataclass

from agentkit.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed request is made again: `attempts` in all, ever longer apart."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    """Seconds; a server that asks for more is not waited for."""

    def wait(self, attempt: int, error: ModelError, rng: random.Random) -> float:
        """Seconds before the attempt after number `attempt`.

        Raises:
            ModelError: there is none: the error would come again, or enough was tried.
        """
        if not error.retriable:
            raise error
        if attempt >= self.attempts:
            tried = f"{attempt} attempts" if attempt > 1 else "one attempt"
            raise _again(error, f"given up after {tried}")
        if error.retry_after is not None:
            if error.retry_after > self.longest_wait:
                asked = f"the server asks to wait {error.retry_after:.0f} s"
                raise _again(error, f"{asked}, and {self.longest_wait:.0f} s is the longest wait")
            return error.retry_after
        wait = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
        # clients that failed together should not come back together
        return wait * rng.uniform(0.5, 1.0)


def _again(error: ModelError, why: str) -> ModelError:
    more = type(error)(f"{error}; {why}")
    more.retry_after = error.retry_after
    return more
