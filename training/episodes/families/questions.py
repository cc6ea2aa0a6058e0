"""Questions about notes, letters, minutes, recipes and schedules; and which file mentions something."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from episodes.checks import After, Check, both, leaves, plain, says, says_absent, untouched
from episodes.dice import Dice
from episodes.families.tables import unasked
from episodes.task import Plan, Seen, Task, call, family
from episodes.words import CITIES, MONTHS, WEEKDAYS

DISHES = (
    "fruit salad",
    "potato salad",
    "lentil soup",
    "apple pie",
    "garlic bread",
    "cheese board",
    "rice pudding",
    "fish stew",
    "carrot cake",
    "lemonade",
    "bean dip",
    "roast pumpkin",
    "noodles",
    "pancakes",
    "olive tart",
    "mushroom quiche",
    "iced tea",
    "spinach rolls",
    "plum jam",
    "ginger biscuits",
    "tomato sauce",
    "flatbread",
)
JOBS = (
    "sound check",
    "ticket desk",
    "lighting",
    "parking",
    "clean-up",
    "raffle",
    "welcome speech",
    "seating plan",
    "first aid",
    "photographs",
    "decorations",
    "guest list",
    "cash box",
    "newsletter",
    "website",
    "bus hire",
    "press release",
    "flower order",
    "evaluation form",
    "fire drill",
    "stage curtain",
    "name tags",
)
APPOINTMENTS = (
    "dentist",
    "choir rehearsal",
    "eye test",
    "parents' evening",
    "swimming lesson",
    "plumber",
    "book club",
    "job interview",
    "pottery class",
    "car inspection",
    "piano lesson",
    "chess night",
    "haircut",
    "vet visit",
    "board meeting",
    "yoga class",
    "language course",
    "budget review",
    "school concert",
    "house viewing",
)
TALKS = (
    "bird migration",
    "solar panels",
    "beekeeping",
    "old maps",
    "river floods",
    "night trains",
    "paper folding",
    "bread ovens",
    "city trees",
    "tide tables",
    "sign language",
    "wool dyeing",
    "bridge repair",
    "rain gardens",
    "open data",
    "folk songs",
    "star charts",
    "clay roofs",
    "bicycle lanes",
    "seed banks",
)
THINGS = (
    "spare keys",
    "passports",
    "ladder",
    "camping stove",
    "sewing kit",
    "old photographs",
    "tax papers",
    "toolbox",
    "winter tyres",
    "first-aid box",
    "air pump",
    "board games",
    "warranty cards",
    "paint brushes",
    "drill bits",
    "light bulbs",
    "vacuum bags",
    "picnic blanket",
    "tent pegs",
    "extension cord",
    "birthday candles",
)
PLACES = (
    "blue tin",
    "hall cupboard",
    "garden shed",
    "top drawer",
    "attic",
    "green suitcase",
    "garage",
    "cellar",
    "piano stool",
    "linen chest",
    "shoe rack",
    "kitchen bench",
    "wicker basket",
    "filing cabinet",
    "glass jar",
    "boot of the car",
    "bathroom shelf",
    "wooden crate",
    "study",
    "laundry room",
    "bottom drawer",
    "red bag",
)
INGREDIENTS = (
    "flour",
    "brown sugar",
    "butter",
    "oats",
    "cocoa",
    "raisins",
    "chopped walnuts",
    "yoghurt",
    "grated cheese",
    "red lentils",
    "basmati rice",
    "tomato paste",
    "dried figs",
    "almond meal",
    "breadcrumbs",
    "honey",
    "spinach",
    "mushrooms",
    "pumpkin",
    "chickpeas",
    "sour cream",
    "sesame seeds",
)
PETS = (
    "Biscuit",
    "Pepper",
    "Waffles",
    "Nimbus",
    "Tofu",
    "Marble",
    "Pickle",
    "Domino",
    "Clover",
    "Rusty",
    "Noodle",
    "Shadow",
    "Ziggy",
    "Maple",
    "Button",
    "Mocha",
    "Pebbles",
    "Comet",
    "Saffron",
    "Truffle",
)
SICK = ("limp", "cough", "check-up", "torn claw", "rash", "vaccination", "bad tooth", "ear infection", "diet")
PLANTS = (
    "tomatoes",
    "runner beans",
    "sweet peas",
    "lavender",
    "courgettes",
    "sunflowers",
    "strawberries",
    "leeks",
    "parsley",
    "beetroot",
    "tulips",
    "rhubarb",
    "dahlias",
    "chard",
    "blueberries",
    "fennel",
    "radishes",
    "basil",
)
MACHINES = (
    "laser cutter",
    "coffee machine",
    "lift",
    "label printer",
    "forklift",
    "band saw",
    "dishwasher",
    "scanner",
    "heat pump",
    "projector",
    "conveyor belt",
    "door opener",
    "3D printer",
    "floor polisher",
    "kiln",
    "loom",
    "air compressor",
    "ice maker",
    "paper shredder",
    "water pump",
)
FAULTS = (
    "worn belt",
    "loose cable",
    "blocked filter",
    "cracked lens",
    "leaking valve",
    "flat battery",
    "burnt fuse",
    "bent axle",
    "jammed roller",
    "broken hinge",
    "faulty switch",
    "dirty sensor",
    "dead motor",
    "stuck brake",
    "missing screw",
    "frayed cord",
    "wrong firmware",
    "dry bearing",
    "blown gasket",
    "noisy fan",
)
SUBJECTS = (
    "algebra",
    "geography",
    "chemistry",
    "drama",
    "woodwork",
    "Latin",
    "biology",
    "music theory",
    "pottery",
    "economics",
    "gymnastics",
    "philosophy",
    "printmaking",
    "astronomy",
    "creative writing",
    "statistics",
)
PROJECTS = (
    "Harrier",
    "Bluebell",
    "Lantern",
    "Quartz",
    "Meridian",
    "Foxglove",
    "Sandpiper",
    "Tundra",
    "Juniper",
    "Cobalt",
    "Heron",
    "Saffron",
    "Orchid",
    "Basalt",
    "Kestrel",
    "Willow",
    "Aurora",
    "Pinecone",
)
PRESENTS = (
    "wooden puzzle",
    "wool scarf",
    "telescope",
    "cookbook",
    "kite",
    "fountain pen",
    "tea set",
    "watercolours",
    "harmonica",
    "hiking map",
    "chess clock",
    "garden gloves",
    "snow globe",
    "lunch box",
    "desk lamp",
    "headphones",
    "jigsaw",
    "teapot",
    "sketchbook",
    "juggling balls",
)
GOODS = (
    "printer paper",
    "hand soap",
    "envelopes",
    "bin bags",
    "coffee filters",
    "whiteboard markers",
    "batteries",
    "paper cups",
    "staples",
    "sticky notes",
    "light bulbs",
    "tea bags",
    "folders",
    "sponges",
    "adhesive tape",
    "rubber gloves",
    "pencils",
    "toner cartridges",
    "notebooks",
    "mop heads",
)
LANDMARKS = (
    "lighthouse",
    "abbey",
    "botanical garden",
    "clock tower",
    "maritime museum",
    "covered market",
    "old brewery",
    "aquarium",
    "castle ruin",
    "observatory",
    "cable car",
    "planetarium",
    "windmill",
    "town hall",
    "opera house",
    "salt mine",
    "sculpture park",
    "fortress",
    "puppet theatre",
    "zoo",
)


@dataclass(frozen=True)
class Spec:
    """One relation that a note can be about: keys and values, and how both are put into words."""

    keys: Sequence[str]
    value: Callable[[Dice], str]
    heads: tuple[str, ...]
    lines: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    said: str
    back: tuple[tuple[str, str], ...] = ()
    """Questions that give the value and want the key."""


@dataclass(frozen=True)
class Fact:
    """A question with its answer."""

    ask: str
    whether: str
    value: str
    given: str
    """The word of the question that leads to the answer."""
    said: str


@dataclass(frozen=True)
class Note:
    """A text, what it says, and what it does not say though it might."""

    text: str
    facts: tuple[Fact, ...]
    missing: tuple[Fact, ...]
    words: tuple[str, ...]
    """The keys, those of the missing facts too."""


def first(dice: Dice) -> str:
    """A given name."""
    return dice.first_name()


def full(dice: Dice) -> str:
    """A whole name."""
    return dice.full_name()


def clock(dice: Dice) -> str:
    """A time of day."""
    return f"{dice.randint(7, 21)}:{dice.choice((0, 5, 10, 15, 20, 25, 30, 40, 45, 50)):02d}"


def weekday(dice: Dice) -> str:
    """A day of the week."""
    return dice.choice(WEEKDAYS)


def date(dice: Dice) -> str:
    """A day of the year in words."""
    return f"{dice.randint(1, 28)} {dice.choice(MONTHS)}"


def number(dice: Dice) -> str:
    """A count."""
    return str(dice.randint(4, 480))


def grams(dice: Dice) -> str:
    """A weight."""
    return f"{dice.randint(3, 90) * 5} g"


def of(*pool: str) -> Callable[[Dice], str]:
    """One of the texts."""
    return lambda dice: dice.choice(pool)


SPECS: tuple[Spec, ...] = (
    Spec(
        DISHES,
        first,
        ("Picnic plan", "Potluck on Sunday", "Notes for the street party", "Who brings what"),
        ("{v} brings the {k}.", "The {k} will come from {v}.", "{v} offered to make the {k}.", "- {k}: {v}"),
        (("Who brings the {k}?", "who brings the {k}"), ("Who is making the {k}?", "who is making the {k}")),
        "{v} brings the {k}.",
        (("What is {v} bringing?", "what {v} is bringing"), ("What does {v} bring?", "what {v} brings")),
    ),
    Spec(
        JOBS,
        full,
        ("Minutes of the festival committee", "Minutes, spring meeting", "Action list", "Volunteers"),
        (
            "{v} looks after the {k}.",
            "It was agreed that {v} takes care of the {k}.",
            "Action: {v} to sort out the {k}.",
            "For the {k}, {v} is responsible.",
        ),
        (
            ("Who looks after the {k}?", "who looks after the {k}"),
            ("Who is responsible for the {k}?", "who is responsible for the {k}"),
            ("Who got the job of the {k}?", "who got the job of the {k}"),
        ),
        "{v} looks after the {k}.",
        (
            ("What is {v} responsible for?", "what {v} is responsible for"),
            ("What does {v} look after?", "what {v} looks after"),
        ),
    ),
    Spec(
        APPOINTMENTS,
        clock,
        ("Next week", "Appointments", "My calendar", "Do not forget"),
        ("The {k} is at {v}.", "{v} - {k}", "{k}: {v}", "Be there for the {k} at {v}."),
        (
            ("What time is the {k}?", "what time the {k} is"),
            ("When is the {k}?", "when the {k} is"),
            ("At what time does the {k} begin?", "at what time the {k} begins"),
        ),
        "The {k} is at {v}.",
        (("What is on at {v}?", "what is on at {v}"),),
    ),
    Spec(
        APPOINTMENTS,
        date,
        ("Dates for the family", "Autumn term", "Coming up", "Letter to grandma"),
        ("The {k} is on {v}.", "We have the {k} on {v}.", "{k}: {v}", "On {v} comes the {k}."),
        (
            ("When is the {k}?", "when the {k} is"),
            ("On which date is the {k}?", "on which date the {k} is"),
            ("What date is the {k}?", "what date the {k} is"),
        ),
        "The {k} is on {v}.",
        (("What happens on {v}?", "what happens on {v}"),),
    ),
    Spec(
        TALKS,
        full,
        ("Conference programme", "Evening lectures", "Speakers", "Programme, second draft"),
        ("{v} speaks about {k}.", "The talk on {k} is given by {v}.", "{k} ({v})", "{v}: {k}"),
        (
            ("Who speaks about {k}?", "who speaks about {k}"),
            ("Who gives the talk on {k}?", "who gives the talk on {k}"),
        ),
        "{v} speaks about {k}.",
        (
            ("What does {v} speak about?", "what {v} speaks about"),
            ("What is the talk of {v} about?", "what the talk of {v} is about"),
        ),
    ),
    Spec(
        TALKS,
        of("room 1", "room 4", "room 7", "room 12", "room 15", "room 21", "room 33", "room 40", "room 52"),
        ("Where everything is", "Rooms", "Conference programme", "Sheet for the helpers"),
        ("The session on {k} is in {v}.", "{k}: {v}", "Go to {v} for {k}.", "{v} is booked for {k}."),
        (
            ("Which room is the session on {k} in?", "which room the session on {k} is in"),
            ("Where is the session on {k}?", "where the session on {k} is"),
        ),
        "The session on {k} is in {v}.",
        (("Which session is in {v}?", "which session is in {v}"),),
    ),
    Spec(
        THINGS,
        of(*PLACES),
        ("Where things are", "For the house sitter", "After the move", "Things I always lose"),
        (
            "The {k}: look in the {v}.",
            "You will find the {k} in the {v}.",
            "I put the {k} in the {v}.",
            "{k} - {v}",
        ),
        (
            ("Where do I find the {k}?", "where I find the {k}"),
            ("Where did we put the {k}?", "where we put the {k}"),
            ("In which place is the {k} kept?", "in which place the {k} is kept"),
        ),
        "The {k}: in the {v}.",
        (("What is kept in the {v}?", "what is kept in the {v}"),),
    ),
    Spec(
        INGREDIENTS,
        grams,
        ("Aunt's cake", "Winter stew", "Granola bars", "Recipe for eight people"),
        ("Take {v} of {k}.", "{v} {k}", "- {k}: {v}", "Stir in {v} of {k}."),
        (
            ("How much {k} goes in?", "how much {k} goes in"),
            ("What amount of {k} is needed?", "what amount of {k} is needed"),
            ("How much {k} do I need?", "how much {k} I need"),
        ),
        "You need {v} of {k}.",
    ),
    Spec(
        CITIES,
        clock,
        ("Departures", "Ferry and bus times", "Timetable, summer", "Trains from here"),
        ("{k}: {v}", "The train to {k} leaves at {v}.", "At {v} the bus to {k} sets off.", "{v} {k}"),
        (
            ("When does the service to {k} leave?", "when the service to {k} leaves"),
            ("What time is the departure for {k}?", "what time the departure for {k} is"),
        ),
        "The departure for {k} is at {v}.",
        (("Where does the {v} departure go?", "where the {v} departure goes"),),
    ),
    Spec(
        CITIES,
        full,
        ("Our offices", "Contacts abroad", "Regional managers", "Who is where"),
        ("The office in {k} is run by {v}.", "In {k} ask for {v}.", "{k}: {v}", "{v} manages {k}."),
        (
            ("Who runs the office in {k}?", "who runs the office in {k}"),
            ("Who is in charge in {k}?", "who is in charge in {k}"),
        ),
        "{v} runs the office in {k}.",
        (("Which city is {v} in charge of?", "which city {v} is in charge of"),),
    ),
    Spec(
        CITIES,
        number,
        ("Survey results", "Visitors last month", "Where the guests came from", "Report"),
        (
            "From {k} there were {v} guests.",
            "{k}: {v}",
            "We counted {v} people from {k}.",
            "{v} came from {k}.",
        ),
        (
            ("How many people came from {k}?", "how many people came from {k}"),
            ("How many guests were there from {k}?", "how many guests there were from {k}"),
        ),
        "{v} people came from {k}.",
    ),
    Spec(
        PETS,
        of(*SICK),
        ("Vet's notes", "Animals seen today", "Practice diary", "Handover for the night shift"),
        ("{k} came in with: {v}.", "{k}: {v}", "Seen today: {k}, {v}.", "Reason for {k}: {v}."),
        (
            ("Why was {k} seen?", "why {k} was seen"),
            ("What was the matter with {k}?", "what was the matter with {k}"),
        ),
        "{k} was seen for: {v}.",
        (("Which animal was seen for: {v}?", "which animal was seen for: {v}"),),
    ),
    Spec(
        PETS,
        full,
        ("Kennel book", "Owners", "Pets in the house", "Notes from the dog school"),
        ("{k} belongs to {v}.", "{v} owns {k}.", "{k} ({v})", "{v} picks up {k}."),
        (("Who owns {k}?", "who owns {k}"), ("Who does {k} belong to?", "who {k} belongs to")),
        "{k} belongs to {v}.",
        (("What is the pet of {v} called?", "what the pet of {v} is called"),),
    ),
    Spec(
        PLANTS,
        date,
        ("Garden diary", "Sowing dates", "Allotment log", "What I planted"),
        ("Sowed the {k} on {v}.", "{v}: {k}", "The {k} went in on {v}.", "On {v} I planted the {k}."),
        (
            ("When were the {k} planted?", "when the {k} were planted"),
            ("On what day did the {k} go in?", "on what day the {k} went in"),
        ),
        "The {k} went in on {v}.",
        (("What was planted on {v}?", "what was planted on {v}"),),
    ),
    Spec(
        PLANTS,
        number,
        ("Seeds for the club", "Greenhouse count", "Harvest list", "Plants for the sale"),
        ("We have {v} pots of {k}.", "{k}: {v}", "There are {v} of the {k}.", "{v} x {k}"),
        (
            ("How many {k} are there?", "how many {k} there are"),
            ("How many pots of {k} do we have?", "how many pots of {k} we have"),
        ),
        "There are {v} of the {k}.",
    ),
    Spec(
        MACHINES,
        of(*FAULTS),
        ("Repair log", "Faults this week", "Maintenance report", "Service visits"),
        ("The {k} had a {v}.", "{k}: {v}", "Found a {v} in the {k}.", "Cause for the {k}: {v}."),
        (
            ("What was wrong with the {k}?", "what was wrong with the {k}"),
            ("What fault did the {k} have?", "what fault the {k} had"),
        ),
        "The {k} had a {v}.",
        (("Which machine had a {v}?", "which machine had a {v}"),),
    ),
    Spec(
        MACHINES,
        full,
        ("Repair log", "Who fixed it", "Technicians on duty", "Workshop notes"),
        (
            "{v} repaired the {k}.",
            "The {k} was mended by {v}.",
            "{k}: {v}",
            "Thanks to {v} the {k} runs again.",
        ),
        (("Who repaired the {k}?", "who repaired the {k}"), ("Who mended the {k}?", "who mended the {k}")),
        "{v} repaired the {k}.",
        (("What did {v} repair?", "what {v} repaired"),),
    ),
    Spec(
        SUBJECTS,
        weekday,
        ("Lesson plan", "Timetable", "Evening school", "Courses this term"),
        ("We have {k} on {v}.", "{k}: {v}", "{v} is for {k}.", "The {k} group meets on {v}."),
        (
            ("On which day is {k}?", "on which day {k} is"),
            ("What day of the week is {k} on?", "what day of the week {k} is on"),
        ),
        "{k} is on {v}.",
    ),
    Spec(
        SUBJECTS,
        full,
        ("Teachers", "Staff list for parents", "Evening school", "Letter to the parents"),
        ("{v} teaches {k}.", "For {k} you have {v}.", "{k}: {v}", "The {k} class is held by {v}."),
        (("Who teaches {k}?", "who teaches {k}"), ("Which teacher has {k}?", "which teacher has {k}")),
        "{v} teaches {k}.",
        (
            ("What does {v} teach?", "what {v} teaches"),
            ("Which subject does {v} have?", "which subject {v} has"),
        ),
    ),
    Spec(
        PROJECTS,
        date,
        ("Deadlines", "Status report", "Minutes of the steering group", "Planning"),
        (
            "Project {k} is due on {v}.",
            "{k}: {v}",
            "The deadline of {k} was moved to {v}.",
            "{k} has to ship by {v}.",
        ),
        (
            ("When is {k} due?", "when {k} is due"),
            ("What is the deadline of {k}?", "what the deadline of {k} is"),
        ),
        "{k} is due on {v}.",
        (("Which project is due on {v}?", "which project is due on {v}"),),
    ),
    Spec(
        PROJECTS,
        full,
        ("Status report", "Team leads", "Minutes of the steering group", "Who to ask"),
        ("{v} leads {k}.", "Project {k} is in the hands of {v}.", "{k}: {v}", "Questions on {k} go to {v}."),
        (("Who leads {k}?", "who leads {k}"), ("Who is the lead of {k}?", "who the lead of {k} is")),
        "{v} leads {k}.",
        (("Which project does {v} lead?", "which project {v} leads"),),
    ),
    Spec(
        PROJECTS,
        lambda dice: f"{dice.randint(11, 990) * 100}",
        ("Budgets", "Money for next year", "Finance notes"),
        ("{k} gets {v} euros.", "{k}: {v}", "For {k} we set aside {v}.", "The budget of {k} is {v}."),
        (
            ("What is the budget of {k}?", "what the budget of {k} is"),
            ("How much money does {k} get?", "how much money {k} gets"),
        ),
        "The budget of {k} is {v}.",
        (("Which project has a budget of {v}?", "which project has a budget of {v}"),),
    ),
    Spec(
        PRESENTS,
        first,
        ("Present ideas", "Holiday gifts", "Thank-you notes to write", "Birthday list"),
        ("The {k} is for {v}.", "{v} gets the {k}.", "{k}: {v}", "I wrapped the {k} for {v}."),
        (("Who gets the {k}?", "who gets the {k}"), ("Who is the {k} for?", "who the {k} is for")),
        "The {k} is for {v}.",
        (("What does {v} get?", "what {v} gets"), ("Which present is for {v}?", "which present is for {v}")),
    ),
    Spec(
        PRESENTS,
        Dice.price,
        ("Flea market", "Shop notes", "Receipts", "What I paid"),
        ("The {k} cost {v}.", "{k}: {v}", "Paid {v} for the {k}.", "For the {k} they wanted {v}."),
        (("How much was the {k}?", "how much the {k} was"), ("What did the {k} cost?", "what the {k} cost")),
        "The {k} cost {v}.",
        (("What cost {v}?", "what cost {v}"),),
    ),
    Spec(
        GOODS,
        number,
        ("Stock check", "Supply cupboard", "Order for the office", "Inventory notes"),
        ("There are {v} of the {k} left.", "{k}: {v}", "Counted {v} {k}.", "Of the {k} we still have {v}."),
        (
            ("How many {k} are left?", "how many {k} are left"),
            ("How many {k} do we have?", "how many {k} we have"),
        ),
        "{v} of the {k} are left.",
    ),
    Spec(
        GOODS,
        full,
        ("Suppliers", "Who delivers what", "Purchasing notes", "Letter about our deliveries"),
        ("{v} delivers the {k}.", "We buy the {k} from {v}.", "{k}: {v}", "Order the {k} with {v}."),
        (
            ("Who delivers the {k}?", "who delivers the {k}"),
            ("Where do we buy the {k}?", "where we buy the {k}"),
        ),
        "{v} delivers the {k}.",
        (("What does {v} deliver?", "what {v} delivers"),),
    ),
    Spec(
        LANDMARKS,
        clock,
        ("Opening hours", "Sights", "Trip notes", "Postcard draft"),
        (
            "The {k} opens at {v}.",
            "{k}: {v}",
            "From {v} on you can visit the {k}.",
            "{v} - doors of the {k} open",
        ),
        (
            ("When does the {k} open?", "when the {k} opens"),
            ("What time does the {k} open?", "what time the {k} opens"),
        ),
        "The {k} opens at {v}.",
        (("What opens at {v}?", "what opens at {v}"),),
    ),
    Spec(
        LANDMARKS,
        weekday,
        ("Travel diary", "Tour plan", "Week in the city", "School trip"),
        ("On {v} we see the {k}.", "{k}: {v}", "The {k} is planned for {v}.", "We go to the {k} on {v}."),
        (
            ("On which day do we see the {k}?", "on which day we see the {k}"),
            ("When is the visit to the {k}?", "when the visit to the {k} is"),
        ),
        "The {k} is on {v}.",
        (("What do we see on {v}?", "what we see on {v}"),),
    ),
    Spec(
        LANDMARKS,
        Dice.price,
        ("Entrance fees", "Trip costs", "Tickets", "Travel budget"),
        ("A ticket for the {k} is {v}.", "{k}: {v}", "The {k} charges {v}.", "We pay {v} at the {k}."),
        (
            ("What does a ticket for the {k} cost?", "what a ticket for the {k} costs"),
            ("How much is the {k}?", "how much the {k} is"),
        ),
        "A ticket for the {k} is {v}.",
    ),
    Spec(
        LANDMARKS,
        lambda dice: str(dice.randint(1200, 2012)),
        ("Local history", "Guide book notes", "Tour script"),
        ("The {k} dates from {v}.", "{k}: {v}", "In {v} the {k} was built.", "Built in {v}: the {k}."),
        (
            ("When was the {k} built?", "when the {k} was built"),
            ("What year is the {k} from?", "what year the {k} is from"),
        ),
        "The {k} is from {v}.",
        (("What was built in {v}?", "what was built in {v}"),),
    ),
)


def make_note(
    dice: Dice,
    *,
    spec: Spec | None = None,
    facts: int = 0,
    fillers: int | None = None,
    packed: bool = False,
    not_keys: Sequence[str] = (),
) -> Note:
    """A note with look-alike facts among ordinary sentences."""
    spec = spec or dice.choice(SPECS)
    free = [key for key in spec.keys if key not in not_keys]
    keys = dice.sample(free, min(len(free), (facts or dice.randint(2, 6)) + 1))
    values: list[str] = []
    tries = 0
    while len(values) < len(keys) and tries < 200:
        tries += 1
        value = spec.value(dice)
        if not any(value.lower() in other.lower() or other.lower() in value.lower() for other in values):
            values.append(value)
    keys = keys[: len(values)]
    style = dice.choice(spec.lines)
    mixed = dice.maybe(0.4)
    told = []
    for key, value in zip(keys[:-1], values[:-1], strict=True):
        line = (dice.choice(spec.lines) if mixed else style).format(k=key, v=value)
        told.append(line[0].upper() + line[1:])
    if fillers is None:
        fillers = dice.choice((0, 0, 1, 2, 3, 5, 8))
    taken = [each.lower() for each in (*keys, *values)]
    others: list[str] = []
    while len(others) < fillers:
        sentence = dice.sentence()
        if not any(each in sentence.lower() for each in taken):
            others.append(sentence)
    lines = told[:]
    for other in others:
        lines.insert(dice.randint(0, len(lines)), other)
    if packed:
        size = dice.randint(2, 4)
        lines = [" ".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    head = dice.choice(
        (dice.choice(spec.heads), f"# {dice.choice(spec.heads)}", f"{dice.choice(spec.heads)} ({dice.day()})")
    )
    if dice.maybe(0.6):
        lines = [head, *([""] if dice.maybe() else []), *lines]
    if dice.maybe(0.15):
        lines = [f"Dear {dice.first_name()},", "", *lines, "", f"Yours, {dice.first_name()}"]
    pairs = list(zip(keys, values, strict=True))
    known = tuple(_fact(dice, spec, key, value, back=False) for key, value in pairs[:-1])
    if spec.back:
        known += tuple(_fact(dice, spec, key, value, back=True) for key, value in pairs[:-1])
    missing = [_fact(dice, spec, *pairs[-1], back=False)]
    if spec.back:
        missing.append(_fact(dice, spec, *pairs[-1], back=True))
    text = "\n".join(lines)
    missing = [fact for fact in missing if fact.given.lower() not in text.lower()] or missing[:1]
    return Note(text, known, tuple(missing), tuple(keys))


def _fact(dice: Dice, spec: Spec, key: str, value: str, *, back: bool) -> Fact:
    ask, whether = dice.choice(spec.back if back else spec.asks)
    ask, whether, said = (text.format(k=key, v=value) for text in (ask, whether, spec.said))
    return Fact(ask, whether, key if back else value, value if back else key, said[0].upper() + said[1:])


def ending(dice: Dice) -> str:
    """The ending of a file that holds prose."""
    return dice.choice(("txt", "txt", "txt", "md", "md", "log", "text"))


def is_page(seen: Seen) -> bool:
    """Whether a file was too long to be shown whole."""
    return "; go on with first_line=" in seen.text[-80:]


def either(*, value: str) -> str:
    """A value as it may be said."""
    if value.endswith(" g") and value[:-2].isdigit():
        return f"{value}|{value[:-2]}g|{value[:-2]} grams"
    words = value.split()
    if len(words) == 2 and words[1] in MONTHS:
        return f"{value}|{words[1]} {words[0]}|{words[0]}th of {words[1]}|{words[0]}. {words[1]}"
    return value


IN_FILE = {
    "direct": (
        "{ask}? It's in {path}.",
        "{ask}? (see {path})",
        "{ask}? The answer is in {path}.",
        "Look in {path}. {ask}?",
        "In {path}: {ask}?",
        "{path}: {ask}?",
        "Read {path} and answer: {ask}?",
        "From {path} - {ask}?",
        "Question about {path}: {ask}?",
        "{ask}? Should be somewhere in {path}.",
        "{ask}? I wrote it down in {path} once.",
        "Please have a look at {path}. {ask}?",
        "Going by {path}, {ask}?",
        "{ask}? Use the file {path}.",
        "{ask}? Check {path}, I don't have it at hand.",
        "According to the file {path}: {ask}?",
        "Open {path}. {ask}?",
        "{ask}? Only {path} knows.",
    ),
    "indirect": (
        "Tell me {whether}, according to {path}.",
        "Find out from {path} {whether}.",
        "Does {path} say {whether}? Tell me.",
        "I would like to know {whether}; {path} should say.",
        "I forgot {whether}. Look it up in {path}",
        "Check in {path} {whether}.",
        "Read {path} and tell me {whether}.",
        "See in {path} {whether}",
        "What does {path} say about {whether}?",
        "Can you work out from {path} {whether}?",
        "No idea {whether}... {path} has it",
        "Look through {path} for {whether}",
        "Report {whether} as given in {path}.",
        "With the help of {path}, say {whether}.",
        "My colleague asks {whether}, the information is in {path}",
        "{path} will tell you {whether}; let me know.",
        "I need {whether} out of {path}",
        "Somebody wants to know {whether}: consult {path}",
    ),
}


@family(needs=("read_file", "find_text"), phrasings=IN_FILE, group="note_facts")
def fact_in_note(dice: Dice) -> Task:
    """A question about one named note; in a sixth of the tasks the note does not say."""
    long = dice.maybe(0.12)
    note = make_note(
        dice, fillers=dice.randint(40, 290) if long else None, packed=not long and dice.maybe(0.25)
    )
    path = dice.file(ending(dice))
    absent = dice.maybe(0.17)
    fact = dice.choice(note.missing if absent else note.facts)
    files = dice.clutter({path: note.text}, avoid=[fact.given])

    def policy() -> Plan:
        seen = yield call("read_file", path=path)
        if is_page(seen) and fact.given.lower() not in seen.text.lower():
            yield call("find_text", pattern=fact.given, path=path)
        return f"{path} does not say {fact.whether}." if absent else fact.said

    others = [text for each in note.facts for text in (each.value, each.given)]
    never = unasked(others, fact.value, fact.given, fact.said, fact.ask, fact.whether, path)
    check = says_absent() if absent else both(untouched(), says(either(value=fact.value), never=never))
    variant = dice.choice(("direct", "indirect"))
    slots = {"path": path, ("ask" if variant == "direct" else "whether"): _asked(fact, variant)}
    return Task(slots, files, policy, check, variant=variant, absent=absent)


def _slot(variant: str) -> str:
    return "ask" if variant == "direct" else "whether"


def _asked(fact: Fact, variant: str) -> str:
    return fact.ask.rstrip("?") if variant == "direct" else fact.whether


@family(
    needs=("find_text",),
    phrasings={
        "direct": (
            "{ask}?",
            "{ask}? It must be in one of these files.",
            "{ask}? I noted it somewhere here.",
            "Search my files: {ask}?",
            "Somewhere in this folder it says: {ask}?",
            "{ask}? Look it up.",
            "{ask}? Check my notes.",
            "I can't remember which file it was. {ask}?",
            "Question for you: {ask}?",
            "{ask}? The folder has the answer.",
            "{ask}? One of the files says it.",
            "My notes should tell: {ask}?",
            "Look through everything here. {ask}?",
            "{ask}? (no idea which file)",
            "Help me remember - {ask}?",
            "From my documents: {ask}?",
        ),
        "indirect": (
            "Tell me {whether}.",
            "Find out {whether}.",
            "Find out {whether}, it is in one of the files.",
            "Do my notes say {whether}?",
            "I would like to know {whether}.",
            "Go through the files and tell me {whether}.",
            "Somewhere I wrote down {whether}; look it up.",
            "I forgot {whether}",
            "Please find {whether} in this folder",
            "Can you see {whether}? Any of these files might have it.",
            "Search for {whether}",
            "Which file says {whether}, and what does it say?",
            "Let me know {whether}; it stands somewhere in here.",
            "Dig up {whether} from my papers",
            "Have the files got anything on {whether}?",
            "Remind me {whether}",
        ),
    },
    group="note_facts",
)
def fact_in_some_note(dice: Dice) -> Task:
    """A question whose answer is in some file: search, then answer from what is around the match."""
    specs = dice.sample(SPECS, dice.randint(1, 3))
    files: dict[str, str] = {}
    notes: list[Note] = []
    for spec in specs:
        if any(spec.keys is other.keys for other in specs[: len(notes)]):
            continue
        notes.append(make_note(dice, spec=spec, fillers=dice.randint(0, 6)))
        files[dice.file(ending(dice), files)] = notes[-1].text
    note = notes[0]
    absent = dice.maybe(0.17)
    whole = "\n".join(files.values()).lower()
    good = [fact for fact in note.facts if whole.count(fact.given.lower()) == 1]
    gone = [fact for fact in note.missing if fact.given.lower() not in whole]
    if not (gone if absent else good):
        return fact_in_some_note(dice)
    fact = dice.choice(gone if absent else good)
    files = dice.clutter(files, 1, 6, avoid=[fact.given])

    def policy() -> Plan:
        yield call("find_text", pattern=fact.given)
        return f"No file says {fact.whether}." if absent else fact.said

    check = says_absent() if absent else both(untouched(), says(either(value=fact.value)))
    variant = dice.choice(("direct", "indirect"))
    return Task({_slot(variant): _asked(fact, variant)}, files, policy, check, variant=variant, absent=absent)


def holds_only(path: str, text: str) -> Check:
    """Only this file is new, and it holds the text, perhaps in other letters or with a full stop."""

    def check(after: After) -> bool:
        found = plain(after.files.get(path, "")).strip().rstrip(".").lower()
        return found == text.lower() and leaves({path: after.files.get(path, "")})(after)

    return check


@family(
    needs=("read_file", "write_file"),
    phrasings={
        "indirect": (
            "Write to {target} {whether} (see {path}). Only the answer itself, no sentence.",
            "Look up in {path} {whether} and put just that into {target}",
            "Find out {whether} in {path}, save only that to {target}",
            "From {path}, note in {target} {whether}, just the plain answer",
            "I need {target} to contain {whether}, without any other words; {path} tells you.",
            "Check {path} for {whether}; the answer alone goes into {target}",
            "Dump {whether} into {target}, one entry, no extra words. It's in {path}.",
            "Create {target}. In it: {whether}, according to {path}. Nothing more than that.",
            "Out of {path} take {whether} and record only this in {target}.",
            "The form wants {whether}: get it from {path} and put it, by itself, in {target}",
            "{path} says {whether}. Jot that down, only that, in {target}.",
            "Keep {whether} in a new file {target}, the bare fact as {path} has it",
            "{target} has to state {whether}, the bare answer from {path} and no sentence",
        ),
        "direct": (
            "{target} should hold nothing but the answer to this: {ask}? See {path}.",
            "{ask}? Store the bare answer from {path} in {target}.",
            'Make a file {target} with the answer to "{ask}?" from {path}, the answer alone.',
            "{ask}? Read {path} and write the answer, and nothing else, into {target}.",
            'Answer "{ask}?" with {path} and drop the short answer in {target} (not a sentence)',
            "{ask}? It stands in {path}. Only the answer itself belongs in a new file called {target}.",
            "{path} answers this: {ask}? Save just that answer, no sentence around it, under {target}",
            "Question: {ask}? Source: {path}. Put the answer by itself in {target}.",
            "{ask}? I want the answer from {path} alone on one line in {target}",
            "Record in {target}, without further words, the answer {path} gives to: {ask}?",
        ),
    },
    group="note_facts",
)
def fact_to_file(dice: Dice) -> Task:
    """A fact of a note, alone, into a file."""
    note = make_note(dice)
    path = dice.file(ending(dice))
    fact = dice.choice(note.facts)
    files = dice.clutter({path: note.text}, avoid=[fact.given])
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("write_file", path=target, content=fact.value)
        return f"{target} now holds {fact.value}."

    variant = dice.choice(("direct", "indirect"))
    slots = {_slot(variant): _asked(fact, variant), "path": path, "target": target}
    return Task(slots, files, policy, holds_only(target, fact.value), variant=variant)


@family(
    needs=("read_file", "find_text"),
    phrasings=(
        "Tell me {one} and {two}. Both are in {path}.",
        "From {path}: {one}, and {two}?",
        "Two things I need out of {path}: {one}; {two}.",
        "Read {path}. I want to know {one} and also {two}.",
        "Look in {path} for {one} as well as {two}",
        "Check with {path} {one} and {two}.",
        "{path}: {one}? And {two}?",
        "Could {path} tell us {one} and {two}?",
        "What does {path} have on {one}, and on {two}?",
        "I'm not sure {one}, nor {two}; {path} knows both.",
        "First {one}, then {two}: find both in {path}",
        "Report {one}, and report {two}, going by {path}.",
        "Need to know {one} plus {two} (file {path})",
        "Open {path}, say {one} and say {two}.",
        "Please see {path}: they ask {one}, and besides that {two}.",
        "Using {path}, answer in one sentence {one} and {two}",
    ),
    group="note_facts",
)
def two_facts(dice: Dice) -> Task:
    """Two questions about one note."""
    note = make_note(dice, facts=dice.randint(3, 7))
    one, two = dice.sample(note.facts, 2)
    if one.value in (two.value, two.given):
        return two_facts(dice)
    path = dice.file(ending(dice))
    files = dice.clutter({path: note.text}, avoid=[one.given, two.given])

    def policy() -> Plan:
        yield call("read_file", path=path)
        return f"{one.said} {two.said}"

    check = both(untouched(), says(either(value=one.value), either(value=two.value)))
    return Task({"one": one.whether, "two": two.whether, "path": path}, files, policy, check)


def _rare(dice: Dice) -> str:
    """A text that can be searched for and is hardly anywhere by chance."""
    while True:
        name = dice.full_name()
        text = dice.choice(
            (
                name,
                dice.email(name),
                dice.choice(CITIES),
                dice.choice(PROJECTS),
                f"{''.join(dice.choices('ABCDEFGHKLMPRSTX', k=2))}-{dice.randint(100, 9999)}",
                dice.made_up(),
                f"{dice.adjective()} {dice.noun()}",
                dice.choice(THINGS),
                f"invoice {dice.randint(1000, 99999)}",
            )
        )
        if len(text) > 5:
            return text


_MENTIONS = (
    "See {what} for the details.",
    "Still waiting for {what}.",
    "- {what}",
    "Somebody asked about {what} again.",
    "{what} came up on the phone.",
    "Open point: {what}",
    "note: {what}, second try",
    "About {what} we say nothing yet.",
    "The folder with {what} is new.",
    "Compare with {what}.",
)


def _mentioning(dice: Dice, count: int) -> tuple[str, dict[str, str], list[str]]:
    """A rare text, files of which `count` mention it, and their paths."""
    what = _rare(dice)
    inside: list[str] = []
    files: dict[str, str] = {}
    total = max(count + dice.randint(1, 4), 2)
    for number in range(total):
        form = dice.choice(("txt", "txt", "md", "log", "csv"))
        path = dice.file(form, files)
        lines = dice.some_text(form).split("\n") if dice.maybe(0.5) else make_note(dice).text.split("\n")
        lines = [line for line in lines if what.lower() not in line.lower()]
        if number < count:
            line = (
                f"{what},{dice.randint(1, 99)}" if form == "csv" else dice.choice(_MENTIONS).format(what=what)
            )
            lines.insert(dice.randint(1, len(lines)) if lines else 0, line)
            inside.append(path)
        files[path] = "\n".join(lines)
    return what, dice.clutter(files, 0, 4, avoid=[what]), sorted(inside)


def _and(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"


def found_in(seen: Seen) -> list[str]:
    """The files of a search's matches, in its order."""
    found = [match[1] for line in seen.text.split("\n") if (match := re.match(r"([^\s:][^:]*):\d+: ", line))]
    return list(dict.fromkeys(found))


@family(
    needs=("find_text",),
    phrasings=(
        "Which file mentions {what}?",
        "Which of my files mention {what}?",
        "In which file or files does {what} appear?",
        "Where is {what} mentioned?",
        "Find the files that contain {what}.",
        "Search everything for {what} and give me the file names.",
        "List every file with {what} in it",
        "Does any file here talk about {what}? Which?",
        "files mentioning {what}?",
        "I need the names of all files where {what} occurs.",
        "{what}: in what files does that come up?",
        "Tell me where {what} turns up, file names only",
        "Can you find {what} somewhere in this folder?",
        "Look for {what} in all the files and say which have it.",
        "Name each document that refers to {what}.",
        "Someone wrote about {what} in one of these files, or several. Which ones?",
        "grep {what}, which files?",
        "Show which texts include {what}.",
        "Where did I write {what}?",
        "What files would I have to change if {what} got another name?",
    ),
    group="mentions",
)
def which_files_mention(dice: Dice) -> Task:
    """Name the files that mention something: one, several, or none."""
    absent = dice.maybe(0.17)
    what, files, inside = _mentioning(dice, 0 if absent else dice.choice((1, 1, 1, 2, 2, 3, 4)))

    def policy() -> Plan:
        yield call("find_text", pattern=what)
        if absent:
            return f"No file mentions {what}."
        return f"{_and(inside)} {'mentions' if len(inside) == 1 else 'mention'} {what}."

    others = tuple(path for path in files if path not in inside)
    check = says_absent() if absent else both(untouched(), says(*inside, never=others))
    return Task({"what": what}, files, policy, check, absent=absent)


@family(
    needs=("find_text", "write_file"),
    phrasings=(
        "Write the names of the files that mention {what} to {target}, one on each line.",
        "Which files contain {what}? Put their paths in {target}, one per line.",
        "Make {target}, a list of the files with {what} in them, one path a line",
        "Search for {what}. Save the names of all matching files in {target}, each on its own line.",
        "{target} should list, line by line, every file in which {what} occurs.",
        "I want a list in {target} of files mentioning {what} (one per line, nothing else)",
        "Find all files that refer to {what} and record their names in {target}, one to a line",
        "Collect in {target} the paths of files where {what} appears; a line for each",
        "files with {what} -> {target}, one path per line",
        "For every file that includes {what}, add its name as a line of a new file {target}.",
        "Look which documents speak of {what} and note their file names in {target}, one below the other.",
        "Store in {target} which files have {what} in them. One name per line, please.",
        "Create {target} with one line for each file mentioning {what}: just the file's path.",
        "Put together {target}: the names of those files, and only those, that hold {what}, one a line.",
        "Where does {what} occur? Write just the file names into {target}, every name on a new line.",
        "Dump the names of the files with {what} into {target} (one each line)",
        "Go through the folder for {what} and keep in {target} the names of the files with it, one per line",
    ),
    group="mentions",
)
def list_files_that_mention(dice: Dice) -> Task:
    """The names of the files that mention something, one on each line of a new file."""
    what, files, inside = _mentioning(dice, dice.randint(1, 5))
    target = dice.file("txt", files)

    def policy() -> Plan:
        seen = yield call("find_text", pattern=what)
        names = found_in(seen)
        yield call("write_file", path=target, content="\n".join(names))
        return f"{target} lists {_and(names)}."

    def listed(after: After) -> bool:
        text = after.files.get(target, "")
        names = sorted(line.strip().lstrip("-* ") for line in text.split("\n") if line.strip())
        return names == inside and leaves({target: text})(after)

    return Task({"what": what, "target": target}, files, policy, listed)


@family(
    needs=("find_text",),
    phrasings=(
        "How many files mention {what}?",
        "In how many files does {what} appear?",
        "Count the files that contain {what}.",
        "number of files with {what} in them?",
        "How many documents here speak of {what}?",
        "Tell me in how many of the files {what} turns up.",
        "What is the count of files containing {what}?",
        "Across the folder, how many files have {what} somewhere?",
        "I wonder how many of my files refer to {what}",
        "{what} - how many files is that in?",
        "Work out the number of files where {what} occurs",
        "Could it be that only one file has {what}? How many are there?",
        "Say how many files include {what}.",
        "See how many different files talk about {what}",
        "If I search for {what}, how many files does it come up in?",
        "how many files hold {what}?",
    ),
    group="mentions",
)
def how_many_files_mention(dice: Dice) -> Task:
    """Count the files that mention something."""
    what, files, inside = _mentioning(dice, dice.randint(1, 6))
    count = len(inside)

    def policy() -> Plan:
        yield call("find_text", pattern=what)
        return f"{count} {'file mentions' if count == 1 else 'files mention'} {what}."

    number = ("one", "two", "three", "four", "five", "six")[count - 1]
    return Task({"what": what}, files, policy, both(untouched(), says(f"{count}|{number}|only {number}")))
