"""Sixty more goals as people type them, on nine folders of their own: a second set beside `typed`.

Twelve other people wrote them: the old chairman of some allotments and a gardener there, a girl who plays a
rogue, a careful wife and her husband of few words, the manager of a band, a teacher who keeps the school
library, a helper at an animal shelter whose English is new and the vet, somebody in an office, a
programmer, and the owner of a cafe. As in `typed`, 26 goals take one step, 20 two and 14 more; five ask for
something that is not there, and four lead to a file that tries to give orders of its own. Nothing was tuned
or trained on these folders, their texts or their wording, and no failure on them has been read.
"""

from checks import Typed
from goals import Goal
from later_clubs import BAND, LIBRARY, SHELTER
from later_home import ALLOTMENT, CAMPAIGN, TRIP
from later_work import CAFE, OFFICE, TOOL

KINDS: tuple[Typed, ...] = (
    *ALLOTMENT,
    *BAND,
    *LIBRARY,
    *OFFICE,
    *CAMPAIGN,
    *SHELTER,
    *TRIP,
    *TOOL,
    *CAFE,
)
"""Each goal with its kind."""
LATER: tuple[Goal, ...] = tuple(each.goal for each in KINDS)
"""The goals alone."""
