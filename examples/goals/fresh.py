"""Twelve goals on the same folders that were written after the prompt was settled.

Nothing was tuned on them, so they say more about other goals than the twenty-four do:
`make goals SET=fresh`.
"""

from goals import Goal, appended, exactly, leaves, lines, original, replaced, says

FRESH = (
    Goal("when is it open", "handbook", "When does the workshop open on weekdays?", says("7:30|07:30")),
    Goal("who has the key", "handbook", "Who has the key to the paint cupboard?", says("yuki")),
    Goal(
        "days of Pavel",
        "handbook",
        "On which days is Pavel on the rota?",
        says("tuesday", "thursday", but_not=("monday", "wednesday", "friday")),
    ),
    Goal("stock of ropes", "shop", "How many ropes are in stock?", says("56")),
    Goal("reason of a return", "shop", "Why was order 1011 returned?", says("wrong", "colour")),
    Goal("timeout", "server", "What is the timeout in settings.json, in seconds?", says("30")),
    Goal("constant", "code", "What is the value of LIMIT in app.py?", says("25")),
    Goal(
        "copy a phone number",
        "notes",
        "Write the phone number of Amara Okafor to amara.txt",
        leaves({"amara.txt": exactly("555-0193")}),
    ),
    Goal(
        "present people",
        "notes",
        "Write the names of the people present at the meeting to people.txt, one on each line",
        leaves({"people.txt": lines("Ines", "Tomas", "Wei", "Amara")}),
    ),
    Goal(
        "change a level",
        "server",
        "Set the log level in config.ini to debug",
        leaves({"config.ini": replaced("server", "config.ini", "level = info", "level = debug")}),
    ),
    Goal(
        "add an idea",
        "notes",
        "Add '- plant a pear tree' at the end of ideas.md",
        leaves({"ideas.md": appended("notes", "ideas.md", "- plant a pear tree")}),
    ),
    Goal(
        "move a file",
        "notes",
        "Move ideas.md into the folder archive",
        leaves({"archive/ideas.md": exactly(original("notes", "ideas.md").strip())}, removed=("ideas.md",)),
    ),
)
