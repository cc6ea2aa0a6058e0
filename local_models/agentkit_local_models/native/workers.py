"""The threads that compute steps, of the library that is built for this machine."""

from __future__ import annotations

from functools import cache

import torch

from agentkit_local_models.native.build import NotBuilt, built_dir, built_library
from agentkit_local_models.native.library import Library, Workers


def workers(threads: int | None = None) -> Workers:
    """Threads of the step that is built for this machine; it is built now if it was not yet.

    Args:
        threads: how many; None is as many as torch computes with.

    Raises:
        NotBuilt: there is no native step here; the message says why.
    """
    return Workers(_loaded(), threads or torch.get_num_threads())


@cache
def _loaded() -> Library:
    path = built_library(built_dir())
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        raise NotBuilt(f"{path} cannot be loaded ({error}); remove it, and it is built again") from error
