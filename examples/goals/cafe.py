"""Ten goals as a person types them about a small café's folder, chosen when all else was done.

The first is the one that this project set itself to reach; nothing was tuned on any of them:
`make goals SET=cafe`.
"""

from checks import Typed, clock, honest, phone, tells
from goals import Goal, appended, exactly, leaves, original, replaced

ORDER = original("cafe", "mail/nordlicht.txt").strip()
KINDS = (
    Typed(
        Goal(
            "copy the invoice",
            "cafe",
            "find which file mentions the invoice number and copy it to invoices/",
            leaves({"invoices/nordlicht.txt": exactly(ORDER)}),
        ),
        "two-step",
    ),
    Typed(
        Goal("bags left", "cafe", "how many bags of the sumatra are left?", tells(6, but_not=(9, 14, 21))),
        "one-step",
    ),
    Typed(
        Goal(
            "closing time",
            "cafe",
            "when do we close on saturdays",
            tells(clock(16, 30), but_not=(clock(18, 0), clock(14, 0))),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "to do",
            "cafe",
            'add "[ ] order new filters" to the end of todo.txt',
            leaves({"todo.txt": appended("cafe", "todo.txt", "[ ] order new filters")}),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "new price",
            "cafe",
            "change the price of the Nyeri to 14.50 in stock.csv",
            leaves({"stock.csv": replaced("cafe", "stock.csv", "Kenya,9,14.20", "Kenya,9,14.50")}),
        ),
        "two-step",
    ),
    Typed(
        Goal(
            "plumber",
            "cafe",
            "whats the phone number of the plumber",
            tells(phone("555", "0147"), but_not=(phone("555", "0191"),)),
        ),
        "one-step",
    ),
    Typed(
        Goal("old mail", "cafe", "pls delete the mail about parking", leaves(removed=("mail/parking.txt",))),
        "one-step",
    ),
    Typed(
        Goal(
            "rename",
            "cafe",
            "rename opening_hours.md to hours.md",
            leaves(
                {"hours.md": exactly(original("cafe", "opening_hours.md").strip())},
                removed=("opening_hours.md",),
            ),
        ),
        "one-step",
    ),
    Typed(
        Goal(
            "milk",
            "cafe",
            "who delivers our milk and what is their email?",
            tells("almwiese", "orders@almwiese.example"),
        ),
        "one-step",
    ),
    Typed(
        Goal("insurance", "cafe", "is there anything in here about insurance?", honest()),
        "one-step",
        absent=True,
    ),
)
