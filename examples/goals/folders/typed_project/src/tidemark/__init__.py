"""Tide tables for small harbours."""

from tidemark.harmonics import mean_level, tide_at
from tidemark.ports import UnknownPort, find_port

__version__ = "0.8.3"
__all__ = ["UnknownPort", "find_port", "mean_level", "tide_at"]
