"""The official client, as we use it: its address and its key are given, and its faults are known."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentkit.core.errors import MissingKey, UsageError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

DEFAULT_URL = "https://api.openai.com/v1"
NEEDS_KEY = "api.openai.com"
PLACEHOLDER = "none"
"""Sent where a server wants no key: the client cannot send nothing."""


def client_of(key: str, base_url: str, connect: float) -> "AsyncOpenAI":
    """The client; it waits `connect` seconds for a connection, and retries nothing."""
    # imported late: it takes most of a second, and runs on local models never need it
    from openai import AsyncOpenAI, Timeout

    patience = Timeout(None, connect=connect)
    # the address is always given, for the client would take another from the environment
    return AsyncOpenAI(api_key=key or PLACEHOLDER, base_url=base_url, max_retries=0, timeout=patience)


def host_of(base_url: str) -> str:
    """The server's address as it is shown to people: no path, no credentials.

    Raises:
        UsageError: it is no address.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"the base URL of the model's server is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        shown = base_url.rpartition("@")[2]
        raise UsageError(
            f"the base URL of the model's server must look like http://localhost:8000/v1, not {shown!r}"
        )
    return f"{host}:{port}" if port else host


def checked_key(api_key: str | None, host: str) -> str:
    """The key, or nothing for a server that wants none.

    Raises:
        MissingKey: OpenAI itself wants one, or it holds what no key holds.
    """
    key = (api_key or "").strip()
    if not key and host == NEEDS_KEY:
        raise MissingKey(
            "OpenAI needs a key: set OPENAI_API_KEY, or use the model local:smollm2, which needs none"
        )
    if not (key.isascii() and key.isprintable()):
        raise MissingKey("OPENAI_API_KEY holds characters that no key has; was it copied whole?")
    return key


def as_arguments(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the client's method takes them: what is not OpenAI's goes beside."""
    own = {name: value for name, value in sent.items() if name != "top_k"}
    return {**own, "extra_body": {"top_k": sent["top_k"]}} if "top_k" in sent else own


def transport_faults() -> tuple[type[Exception], ...]:
    """What the transport under the client raises while a body is read, where the client wraps nothing.

    Its package is httpx or httpx2, by the client's version; the client has imported it.
    """
    faults: list[type[Exception]] = [OSError]
    for module, name in (("httpx", "RequestError"), ("httpx2", "RequestError"), ("anyio", "EndOfStream")):
        if module in sys.modules:
            faults.append(getattr(sys.modules[module], name))
    return tuple(faults)
