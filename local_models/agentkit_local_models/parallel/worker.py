"""Another process of a split model: `python -m agentkit_local_models.parallel.worker RANK ORDER SIGN`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import msgspec

from agentkit_local_models.parallel.launch import Order, serve

if __name__ == "__main__":
    # Ctrl-C at a terminal is told to all its processes; the first one ends the others when it is ready
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Path(sys.argv[3]).touch()
    serve(msgspec.json.decode(sys.argv[2], type=Order), int(sys.argv[1]))
