"""Tools that people could write for their own agents: most are trained with, some never.

Each task makes its tools anew, so that what they know can only be learnt by calling them.
"""

from episodes.user_tools.deeds import DEEDS
from episodes.user_tools.held_out import HELD_OUT
from episodes.user_tools.lookups import LOOKUPS
from episodes.user_tools.sums import SUMS

TRAINED = (*LOOKUPS, *SUMS, *DEEDS)
"""Offered in training."""

__all__ = ["HELD_OUT", "TRAINED"]
