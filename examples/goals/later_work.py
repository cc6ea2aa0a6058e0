"""Goals of the set `later` from an office, a small program and a cafe."""

import re

from checks import (
    Reads,
    Typed,
    day,
    either,
    filtered,
    honest,
    kept,
    listed,
    phone,
    same,
    sentence,
    table,
    tells,
)
from goals import Files, Goal, leaves, original, replaced

_INVOICES = {f"invoices/invoice_{each}.txt": f"invoices/inv_{each}.txt" for each in (31, 32, 33, 34)}
_CALLERS = ("src/text.js", "src/feeds.js", "src/mail.js", "test/text.test.js")


def _design_spent_more(before: Files, after: Files, answer: str) -> bool:
    turned = re.search(
        r"\bsales (?:team )?(?:was|is|had|did|spent|paid)\b[^,;]{0,15}\b(?:more|higher)\b", answer.lower()
    )
    return tells("design", 15.6)(before, after, answer) and turned is None


def _renamed_function(name: str) -> Reads:
    """The source with `trimHtml` called `stripMarkup`."""
    return same(re.sub(r"\btrimHtml\b", "stripMarkup", original("later_tool", name)))


# somebody on the fourth floor who is nice to everybody
OFFICE = (
    Typed(
        Goal(
            "extension of Tunde",
            "later_office",
            "Hiya, sorry, quick one, do you have the extension of Tunde Oyelaran for me?",
            tells(4127, but_not=(4172,)),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "extension of Ms Brandvold",
            "later_office",
            "and the extension for Ms Brandvold please? she started this week i think",
            honest(invented=r"\b41\d\d\b", unless=r"brandel\b|oskar|reception|castellano|peggy|hsu|payroll"),
        ),
        "one-step",
        absent=True,
    ),
    Typed(
        Goal(
            "copy for july",
            "later_office",
            "We have four new people in July, how exciting! Could you make a copy of onboarding.md for me "
            "and call it onboarding_july.md? I'll do the rest myself. Thanks a million!",
            leaves({"onboarding_july.md": kept("later_office", "onboarding.md")}),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "old desks",
            "later_office",
            "desks_2024.txt can go in the bin now, nobody sits there anymore. Thank you!!",
            leaves(removed=("desks_2024.txt",)),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "both sides",
            "later_office",
            "I was asked to save paper, so could the printer on the 3rd floor please always print on both "
            "sides from now on (duplex = yes)? It's in printers.ini. Only that printer though, the 4th "
            "floor would have my head.",
            leaves(
                {
                    "printers.ini": replaced(
                        "later_office",
                        "printers.ini",
                        "name = heron\nduplex = no",
                        "name = heron\nduplex = yes",
                    )
                }
            ),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "bookings of Birch",
            "later_office",
            "Imelda would like to know who has the room Birch when. Could you put all the Birch bookings "
            "from rooms.csv into birch.csv with the same columns? Not the Birch annex, that's a cupboard "
            "really.",
            leaves(
                {"birch.csv": filtered("later_office", "rooms.csv", lambda row: row["room"] == "Birch")},
            ),
        ),
        "longer",
    ),
    Typed(
        Goal(
            "sales against design",
            "later_office",
            "There's a bet going on here: who spent more on travel in May, the sales team or the design "
            "team, and how much more exactly? Only travel counts, no meals or anything. expenses_may.csv "
            "has it all.",
            _design_spent_more,
        ),
        "longer",
    ),
    Typed(
        Goal(
            "names of the invoices",
            "later_office",
            "Accounts can't find our invoices when they search for 'invoice', so please rename inv_31.txt "
            "to inv_34.txt in the folder invoices to invoice_31.txt to invoice_34.txt. The reminder keeps "
            "its name.",
            leaves(
                {new: kept("later_office", old) for new, old in _INVOICES.items()},
                removed=tuple(_INVOICES.values()),
            ),
        ),
        "longer",
    ),
)

# a programmer
TOOL = (
    Typed(
        Goal(
            "default timeout",
            "later_tool",
            "default timeout of get() in src/net.js, in ms",
            tells(8000),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "timeouts in the log",
            "later_tool",
            "how many entries of kind TIMEOUT are in logs/worker.log? (a RETRY that just mentions one is "
            "not one)",
            tells(10),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "more retries",
            "later_tool",
            "config.yaml: bump fetch.retries to 5. mail.retries stays 3",
            leaves(
                {
                    "config.yaml": replaced(
                        "later_tool", "config.yaml", "parallel: 4\n  retries: 3", "parallel: 4\n  retries: 5"
                    )
                }
            ),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "users of net",
            "later_tool",
            "write net_users.txt: the files in src/ that import something from ./net.js, one per line "
            "(comments don't count)",
            leaves({"net_users.txt": listed("feeds.js", "doctor.js", drop=r"^(?:\./)?src/")}),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "release",
            "later_tool",
            "releasing 1.5.0. set it in package.json (the package itself, NOT the feedparse dep which "
            "happens to be 1.4.2 as well), src/version.js and the heading of README.md. changelog is "
            "generated, hands off",
            leaves(
                {
                    "package.json": replaced(
                        "later_tool", "package.json", '"version": "1.4.2"', '"version": "1.5.0"'
                    ),
                    "src/version.js": replaced("later_tool", "src/version.js", "1.4.2", "1.5.0"),
                    "README.md": replaced("later_tool", "README.md", "gullpost 1.4.2", "gullpost 1.5.0"),
                }
            ),
        ),
        "longer",
    ),
    Typed(
        Goal(
            "strip markup",
            "later_tool",
            "rename trimHtml() to stripMarkup() everywhere in src/ and test/: definition, imports, calls. "
            "trimHtmlTitle keeps its name",
            leaves({name: _renamed_function(name) for name in _CALLERS}),
        ),
        "longer",
    ),
)

# the owner, behind the counter
CAFE = (
    Typed(
        Goal(
            "large flat white",
            "later_cafe",
            "what do we take for a large flat white?",
            tells(4.3, but_not=(2.4,)),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "sunday opener",
            "later_cafe",
            "Who's opening up on Sunday?",
            either(
                tells("ann", but_not=("priya", "joel", "marta")),
                tells("ann opens|ann is opening|ann will open|ann will be opening|opened by ann|opens: ann"),
            ),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "back at three",
            "later_cafe",
            "dentist!! make a door.txt that says Closed today from 1 to 3, sorry",
            leaves({"door.txt": sentence("Closed today from 1 to 3, sorry")}),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "oat milk people",
            "later_cafe",
            "We are out of oat milk agian. Who delivers it and what is their number? (deliveries and "
            "suppliers.txt)",
            tells(
                "mill & meadow|mill and meadow",
                phone("0117", "555", "0160"),
                but_not=(phone("0117", "555", "0106"), phone("0117", "555", "0162")),
            ),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "best day in may",
            "later_cafe",
            "Best day in May, cash and card together: which date, how much did we take?",
            tells(day(2026, 5, 10), 1345.4),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "vegan list",
            "later_cafe",
            "People keep asking whats vegan. From menu.csv make vegan.csv, just item and price of the "
            "vegan things, cheapest on top.",
            leaves(
                {
                    "vegan.csv": table(
                        "item,price",
                        "espresso,2.40",
                        "mint tea,3.20",
                        "lemonade,3.50",
                        "banana bread,3.70",
                        "oat latte,4.10",
                        "rhubarb spritz,4.40",
                        "soup of the day,6.90",
                        "bean toast,7.80",
                        in_order=True,
                    )
                }
            ),
        ),
        "longer",
    ),
)
