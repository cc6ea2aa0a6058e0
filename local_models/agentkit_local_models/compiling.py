"""`torch.compile` for what a block computes between two attentions, in few kernels (Ansel et al. 2024).

The first passes of a process are slow: torch writes, compiles and loads C++ for a single token, then for a
number of tokens, then for any number. What was compiled once lies in torch's own cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

import torch

from agentkit_local_models.errors import LocalModelError

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Compiler(Protocol):
    """What makes a faster function of one."""

    def __call__(self, function: _Function) -> _Function:
        """The same function, compiled when it is first called."""
        ...


def by_torch(backend: str | Callable[..., Any] = "inductor") -> Compiler:
    """`torch.compile`: of a function of any layer, one piece of code for all layers.

    Args:
        backend: of torch.
    """

    def compiled(function: _Function) -> _Function:
        # a function in pieces would be slower than one that was left alone, so it is an error
        compile_one = cast("Callable[..., Any]", torch.compile)  # pyright: ignore[reportUnknownMemberType]
        return compile_one(function, fullgraph=True, backend=backend)

    return compiled


def by_cpp(
    *, find: Callable[[str], str | None] = shutil.which, environ: Mapping[str, str] = os.environ
) -> Compiler:
    """`torch.compile` for the processor, which takes a C++ compiler.

    Args:
        find: where a program is.
        environ: its `CXX` names the compiler that torch takes.

    Raises:
        LocalModelError: it is not here.
    """
    wanted = environ.get("CXX") or "g++"
    if find(wanted) is None:
        raise LocalModelError(
            f"torch.compile needs a C++ compiler, and there is no {wanted}; set CXX, or leave compile=yes out"
        )
    return by_torch()
