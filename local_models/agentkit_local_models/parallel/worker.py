"""Another process of a split model: `python -m agentkit_local_models.parallel.worker RANK ORDER`."""

from __future__ import annotations

import sys

import msgspec

from agentkit_local_models.parallel.launch import Order, serve

if __name__ == "__main__":
    serve(msgspec.json.decode(sys.argv[2], type=Order), int(sys.argv[1]))
