"""What a person chose: one frozen value, and where each part of it comes from.

Defaults < the user's file < the project's file < environment < flags. The three lists of rules
(`deny`, `ask`, `allow`) and the entries of `prices` add up over the sources; the others are replaced.
"""

from agentkit.settings.load import load_settings
from agentkit.settings.values import Origin, OriginKind, Settings

__all__ = ["Origin", "OriginKind", "Settings", "load_settings"]
