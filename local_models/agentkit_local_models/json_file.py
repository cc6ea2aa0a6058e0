"""Read a JSON file that must hold one object, or a list of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from agentkit_local_models.errors import CheckpointError

# The largest files are tokenizers of 250,000 words, about 30 MB.
MAX_JSON_BYTES = 1 << 28


def read_object(path: Path) -> dict[str, object]:
    """The object in the JSON file at `path`.

    Raises:
        CheckpointError: the file is missing, too large, not JSON, or holds something else.
    """
    value = _read(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: should hold a JSON object, found {type(value).__name__}")
    return cast("dict[str, object]", value)


def read_objects(path: Path) -> list[dict[str, object]]:
    """The objects in the JSON file at `path`, which holds a list of them.

    Raises:
        CheckpointError: the file is missing, too large, not JSON, or holds something else.
    """
    value = _read(path)
    found = cast("list[object]", value) if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in found) or not isinstance(value, list):
        raise CheckpointError(f"{path}: should hold a list of JSON objects, found {value!r:.80}")
    return cast("list[dict[str, object]]", found)


def _read(path: Path) -> object:
    try:
        if (size := path.stat().st_size) > MAX_JSON_BYTES:
            raise CheckpointError(f"{path}: {size} bytes; at most {MAX_JSON_BYTES} are read")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # ValueError covers bad UTF-8 and bad JSON
        raise CheckpointError(f"{path}: not JSON: {error}") from error


def read_optional(path: Path) -> dict[str, object]:
    """The object in a JSON file; empty where there is no file.

    Raises:
        CheckpointError: the file is there and holds no JSON object.
    """
    return read_object(path) if path.is_file() else {}
