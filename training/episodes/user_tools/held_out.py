"""Tools that are never trained with: their domains, verbs and words differ from all the others."""

# What is done is seen in the record of the calls, so some of these do nothing with their arguments.
# ruff: noqa: ARG001

from typing import Any, Literal

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.tool import tool
from episodes.dice import Dice
from episodes.user_tools.shape import (
    Use,
    UserTool,
    city,
    clock,
    codes,
    decimal,
    lookup,
    made_up_names,
    number,
    of,
    one_of,
    people,
    person,
    titles,
    user_tool,
    whole,
)

ANIMALS = of(
    *("zebra", "otter", "lynx", "penguin", "tapir", "gorilla", "heron", "ibex", "giraffe", "walrus"),
    *("meerkat", "wombat", "flamingo", "panda", "badger", "camel", "iguana", "ostrich", "koala", "bison"),
)
DISHES = of(
    *("lasagne", "goulash", "ramen", "paella", "risotto", "ratatouille", "moussaka", "pho", "tagine"),
    *("gnocchi", "borscht", "ceviche", "falafel", "pierogi", "schnitzel", "gazpacho", "biryani"),
)

LOOKUPS: tuple[UserTool, ...] = (
    lookup(
        "painter_of", "museum", "painting", "The artist who painted a picture of the collection.",
        kind="painting", label="painter", names=titles, value=person, takes="title", finds="person",
        answer="{x} was painted by {value}.",
        asks="""
        Who painted {x}?
        Whose brush made {x}?
        Which artist is {x} by?
        painter of {x}?
        To which painter do we owe {x}?
        The label of {x} is gone; who painted it?
        Who put {x} on canvas?
        Name the painter behind {x}
        """,
        things="""
        the painter of {x}
        the artist behind {x}
        """,
    ),
    lookup(
        "exhibit_hall", "museum", "exhibit", "The hall where something is on show.",
        kind="exhibit", label="hall", names=titles, value=whole(1, 60, "hall {}"), takes="title",
        answer="{x} hangs in {value}.",
        asks="""
        In which hall do visitors see {x}?
        Where does {x} hang?
        Where is {x} on display?
        hall of {x}?
        Which hall should I walk to for {x}?
        A visitor looks for {x}; where is it exhibited?
        Where in the museum has {x} been put up?
        Into what hall did {x} move?
        """,
        things="""
        the hall of {x}
        the hall where {x} is on show
        """,
    ),
    lookup(
        "keeper_of", "zoo", "animal", "Who looks after an animal of the zoo.",
        kind="animal", label="keeper", names=ANIMALS, value=person, shown="the {}", takes="animal",
        finds="person", answer="{value} looks after {x}.",
        asks="""
        Who looks after {x}?
        Who cares for {x}?
        Which keeper is in charge of {x}?
        keeper of {x}?
        Whom does {x} see every morning? Its keeper's name, please.
        Which of the keepers has {x}?
        {x} seems ill, who is the keeper?
        Who is responsible for feeding {x}
        """,
        things="""
        the keeper of {x}
        the name of the keeper of {x}
        """,
    ),
    lookup(
        "enclosure_of", "zoo", "species", "The enclosure where an animal lives.",
        kind="animal", label="enclosure", names=ANIMALS, value=whole(1, 48, "E{}"), shown="the {}",
        takes="animal",
        answer="{x} lives in enclosure {value}.",
        asks="""
        Where does {x} live?
        In which enclosure is {x}?
        Behind which fence do I find {x}? I want the enclosure.
        enclosure of {x}?
        Which enclosure houses {x}?
        The children want to see {x}, to which enclosure do we go?
        Where do they keep {x}?
        What enclosure has been given to {x}
        """,
        things="""
        the enclosure of {x}
        the home of {x} in the zoo
        """,
    ),
    lookup(
        "resident_of",
        "zoo",
        "enclosure",
        "The animal that lives in an enclosure.",
        kind="enclosure",
        label="animal",
        names=codes("E{}", 1, 60),
        value=lambda dice: ANIMALS(dice, 1)[0],
        finds="animal",
        answer="The {value} lives in {x}.",
        asks="""
        Which animal lives in {x}?
        What creature will I see in {x}?
        Who is the resident of {x}? I mean the animal.
        animal in {x}?
        What kind of beast do they keep in {x}?
        Which species has been housed in {x}?
        If I stop in front of {x}, which animal do I see?
        What is roaming about in {x}?
        """,
        things="""
        the animal in {x}
        the animal that lives in {x}
        """,
    ),
    lookup(
        "calories_of", "restaurant kitchen", "dish", "The calories of one portion of a dish.",
        kind="dish", label="kcal", names=DISHES, value=whole(120, 1400, "{} kcal"), takes="dish",
        answer="A portion of {x} has {value}.",
        asks="""
        How many calories does a plate of {x} have?
        How fattening is {x}? Calories please.
        How much energy is in {x}?
        calories {x}?
        A guest counts calories: what about {x}?
        What does a portion of {x} bring in calories?
        Is {x} a light meal? How many kcal?
        Calorie count for {x}
        """,
        things="""
        the calories of {x}
        the calorie count of {x}
        """,
    ),
    lookup(
        "cook_of", "restaurant kitchen", "dish", "The cook who prepares a dish tonight.",
        kind="dish", label="cook", names=DISHES, value=person, takes="dish", finds="person",
        answer="{value} prepares {x} tonight.",
        asks="""
        Who prepares {x} tonight?
        Who is cooking {x}?
        Which cook makes {x}?
        cook for {x}?
        A guest praises {x}, who made it?
        Who stands at the stove for {x}?
        Into whose hands did we give {x} tonight?
        Which of the cooks does {x} this evening?
        """,
        things="""
        the cook of {x}
        the name of the cook who prepares {x}
        """,
    ),
    lookup(
        "moons_of", "astronomy", "planet", "How many moons circle a planet.",
        kind="planet", label="moons", names=made_up_names, value=whole(0, 90), takes="planet", finds="count",
        answer="{x} has {value} moons.",
        asks="""
        How many moons has {x}?
        How many moons circle {x}?
        moons of {x}?
        Does {x} have moons, and how many?
        How many satellites go round {x}?
        Looking up from {x}, how many moons are there?
        By how many moons is {x} orbited?
        Number of moons around {x}?
        """,
        things="""
        the number of moons of {x}
        the number of moons around {x}
        """,
    ),
    lookup(
        "light_years_to", "astronomy", "star", "How far away a star is.",
        kind="star", label="distance", names=made_up_names, value=decimal(4, 900, "{} light years"),
        takes="star",
        answer="{x} is {value} away.",
        asks="""
        How far away is {x}?
        How far is it to {x}?
        distance to {x}?
        How long would light travel to {x}?
        How many light years off is {x}?
        How remote is the star {x}?
        If I flew to {x}, what distance would lie ahead?
        How distant is {x}
        """,
        things="""
        the distance to {x}
        the distance of the star {x}
        """,
    ),
    lookup(
        "tyre_pressure", "car workshop", "model", "The right tyre pressure of a car.",
        kind="car", label="pressure", names=made_up_names, value=decimal(2, 4, "{} bar"), takes="car",
        shown="the {}", answer="The tyres of {x} take {value}.",
        asks="""
        How hard should the tyres of {x} be pumped?
        How many bar do the tyres of {x} take?
        What pressure goes into the tyres of {x}?
        tyre pressure {x}?
        I'm inflating the wheels of {x}, up to what pressure?
        How much air do the wheels of {x} want?
        To how many bar do I inflate the tyres of {x}?
        Tyres of {x}: what pressure?
        """,
        things="""
        the tyre pressure of {x}
        the right pressure for the tyres of {x}
        """,
    ),
    lookup(
        "mechanic_for", "car workshop", "plate", "The mechanic who repairs a car.",
        kind="number plate", label="mechanic", names=codes("QX {}", 100, 999), value=person, finds="person",
        answer="{value} repairs {x}.",
        asks="""
        Who repairs {x}?
        Who is working on the car {x}?
        Which mechanic has {x} on the lift?
        mechanic of {x}?
        Who can tell me what is broken on {x}? The mechanic's name.
        Who is fixing the car with plate {x}?
        Under whose hands is {x} right now?
        To which mechanic was {x} handed over?
        """,
        things="""
        the mechanic of {x}
        the mechanic who repairs {x}
        """,
    ),
    lookup(
        "screen_for", "cinema", "film", "The screen on which a film runs tonight.",
        kind="film", label="screen", names=titles, value=whole(1, 14, "screen {}"), takes="film",
        answer="{x} runs on {value}.",
        asks="""
        On which screen does {x} run?
        Where is {x} shown tonight?
        Which screen shows {x}?
        screen for {x}?
        I have a seat for {x}, which screen is it?
        Where do I go in to see {x}?
        On what screen are they projecting {x}?
        What screen did we give {x}?
        """,
        things="""
        the screen for {x}
        the screen that shows {x}
        """,
    ),
    lookup(
        "high_tide_at", "sailing", "port", "When the water is highest in a port.",
        kind="port", label="high tide", names=made_up_names, value=clock, takes="port",
        answer="High tide at {x} is at {value}.",
        asks="""
        When is the water highest at {x}?
        When does the tide peak in {x}?
        high tide {x}?
        At what hour can we enter {x} on high water?
        When is high water in {x}?
        Our keel is deep; when is the tide in at {x}?
        When does the flood end in {x}, with the water at its top?
        When must we be off {x} to catch high tide?
        """,
        things="""
        the time of high tide at {x}
        the high tide of {x}
        """,
    ),
    lookup(
        "skipper_of", "sailing", "boat", "Who steers a boat.",
        kind="boat", label="skipper", names=made_up_names, value=person, takes="boat", finds="person",
        answer="{value} steers {x}.",
        asks="""
        Who steers {x}?
        Who is at the helm of {x}?
        Who sails {x}?
        skipper of {x}?
        Who gives the orders aboard {x}?
        Under whom does {x} put to sea?
        Who is in command on {x}?
        Which skipper took {x} out?
        """,
        things="""
        the skipper of {x}
        the name of the skipper of {x}
        """,
    ),
    lookup(
        "vintage_of", "wine cellar", "bottle", "The year of a wine in the cellar.",
        kind="bottle", label="year", names=codes("W{}", 100, 999), value=whole(1950, 2023), finds="count",
        answer="{x} is from {value}.",
        asks="""
        How old is the wine {x}? The year, please.
        Which year is {x} from?
        In what year was {x} harvested?
        vintage of {x}?
        What year stands on {x}?
        From which year do we have {x}?
        {x} is what vintage?
        When did the grapes of {x} grow? Year only.
        """,
        things="""
        the vintage of {x}
        the year of the wine {x}
        """,
    ),
    lookup(
        "judge_in", "court", "case", "The judge who hears a case.",
        kind="case", label="judge", names=codes("{}/24", 10, 999), value=person, finds="person",
        answer="{value} hears {x}.",
        asks="""
        Who hears {x}?
        Before which judge is {x}?
        Who presides over {x}?
        judge in {x}?
        Who will rule on {x}?
        Which judge was {x} assigned to?
        Who decides {x}?
        On whose bench did {x} land?
        """,
        things="""
        the judge in {x}
        the name of the judge who hears {x}
        """,
        shown="case {}",
    ),
    lookup(
        "grade_of", "school", "pupil", "The grade that a pupil got in the last exam.",
        kind="pupil", label="grade", names=people,
        value=one_of("A", "A-", "B+", "B", "B-", "C+", "C", "D", "F"),
        takes="person", answer="{x} got grade {value}.",
        asks="""
        What grade did {x} get?
        How did {x} do in the exam?
        Which mark did {x} receive?
        grade of {x}?
        The parents of {x} want the exam grade.
        How was {x} graded?
        What did the teacher give {x} in the exam?
        Did {x} pass? Tell me the grade.
        """,
        things="""
        the grade of {x}
        the exam grade of {x}
        """,
    ),
    lookup(
        "parcel_whereabouts", "post", "tracking", "The city where a parcel was last seen.",
        kind="parcel", label="last seen", names=codes("PK{}", 1000, 9999), value=city, finds="town",
        answer="{x} was last seen in {value}.",
        asks="""
        Where is {x} now?
        Where was {x} scanned last?
        In which city is {x}?
        track {x}
        How far has {x} travelled? Tell me the city.
        I'm waiting for {x}, where has it got to?
        What's the last town that {x} came through?
        Where are you keeping {x}?
        """,
        things="""
        the whereabouts of {x}
        the city where {x} was last seen
        """,
        shown="parcel {}",
    ),
)  # fmt: skip


@user_tool(
    "farm",
    asks="""
    How many sacks do {hectares} hectares of {crop} yield?
    What do I harvest from {hectares} hectares of {crop}, in sacks?
    {crop} on {hectares} hectares: how many sacks?
    If we sow {crop} on {hectares} hectares, how many sacks come in?
    Estimate the harvest of {hectares} hectares of {crop} in sacks
    How much {crop} grows on {hectares} hectares? Sacks, please.
    sacks of {crop} from {hectares} hectares?
    With {hectares} hectares under {crop}, how many sacks will there be?
    """,
    things="""
    the number of sacks from {hectares} hectares of {crop}
    the harvest of {hectares} hectares of {crop} in sacks
    """,
    finds="count",
)
def harvest_estimate(dice: Dice, given: str | None) -> Use:
    """What a field yields."""
    per_hectare = {each: dice.randint(20, 160) for each in ("wheat", "barley", "rye", "oats")}

    @tool(effect=Effect.READS)
    def harvest_estimate(crop: Literal["wheat", "barley", "rye", "oats"], hectares: int) -> int:
        """How many sacks a field will yield.

        Args:
            crop: What grows there.
            hectares: How large it is.
        """
        return per_hectare[crop] * hectares

    crop, hectares = dice.choice(list(per_hectare)), dice.randint(2, 60)
    value = str(per_hectare[crop] * hectares)
    return Use(
        harvest_estimate, {"crop": crop, "hectares": hectares}, {"crop": crop, "hectares": str(hectares)},
        f"{hectares} hectares of {crop} yield {value} sacks.", value,
    )  # fmt: skip


@user_tool(
    "chemistry",
    asks="""
    What is the molar mass of {formula}?
    How heavy is a mole of {formula}?
    molar mass {formula}?
    How many grams does one mole of {formula} weigh?
    I weigh out a mole of {formula}: how many grams?
    Grams per mole of {formula}?
    Work out what a mole of {formula} weighs
    For {formula}, which molar mass do I use?
    """,
    things="""
    the molar mass of {formula}
    the weight of a mole of {formula}
    """,
    kind="formula",
    takes="formula",
    strict=True,
)
def molar_mass(dice: Dice, given: str | None) -> Use:
    """What a mole weighs."""
    weights = {"H": 1.0, "C": 12.0, "N": 14.0, "O": 16.0, "S": 32.1, "K": 39.1, "P": 31.0, "F": 19.0}

    @tool(effect=Effect.PURE)
    def molar_mass(formula: str) -> str:
        """What a mole of a substance weighs, in grams.

        Args:
            formula: Such as C2H6O.
        """
        total, at = 0.0, 0
        while at < len(formula):
            letter, at = formula[at], at + 1
            digits = ""
            while at < len(formula) and formula[at].isdigit():
                digits, at = digits + formula[at], at + 1
            if letter not in weights:
                raise ToolFault(
                    f"{letter} is no element here; write elements as capitals: {', '.join(weights)}"
                )
            total += weights[letter] * int(digits or 1)
        return number(total)

    formula = given or "".join(
        f"{each}{dice.choice(('', '2', '3', '4', '6', '8'))}" for each in dice.sample(list(weights), 3)
    )
    value = molar_mass(formula)
    return Use(
        molar_mass, {"formula": formula}, {"formula": formula},
        f"A mole of {formula} weighs {value} g.", value,
        key="formula", slot="formula", wrong={"formula": formula.lower()},
    )  # fmt: skip


@user_tool(
    "post",
    asks={
        "plain": """
        What stamp goes on a letter of {grams} g?
        Which postage does a {grams} gram letter need?
        My letter weighs {grams} g, how much do I stick on?
        stamps for {grams} g?
        Letter, {grams} grams: what is the postage?
        How much do I frank a letter of {grams} g with?
        Postage on {grams} grams of letter?
        I post {grams} g of letter, what does the stamp cost?
        """,
        "abroad": """
        What stamp goes on a letter of {grams} g that leaves the country?
        Which postage does a {grams} gram letter to a foreign country need?
        My letter weighs {grams} g and goes abroad, how much do I stick on?
        stamps for {grams} g abroad?
        Letter abroad, {grams} grams: what is the postage?
        How much do I frank a letter of {grams} g with if it travels abroad?
        Postage on {grams} grams of letter going abroad?
        I post {grams} g of letter to another country, what does the stamp cost?
        """,
    },
    things={
        "plain": """
        the postage of a letter of {grams} g
        the postage for {grams} grams
        """,
        "abroad": """
        the postage of a letter of {grams} g that goes abroad
        the foreign postage for {grams} grams
        """,
    },
)
def stamp_value(dice: Dice, given: str | None) -> Use:
    """What a letter is franked with."""
    step = dice.randint(30, 120) / 100

    @tool(effect=Effect.READS)
    def stamp_value(grams: int, abroad: bool = False) -> str:
        """What a letter has to be franked with.

        Args:
            grams: What it weighs.
            abroad: Whether it leaves the country.
        """
        return f"{(1 + grams // 20) * step * (3 if abroad else 1):.2f}"

    grams, abroad = dice.randint(5, 500), dice.maybe()
    arguments = {"grams": grams} | ({"abroad": True} if abroad else {})
    value = stamp_value(**arguments)
    return Use(
        stamp_value,
        arguments,
        {"grams": str(grams)},
        f"The postage is {value}.",
        value,
        "abroad" if abroad else "plain",
    )


@user_tool(
    "restaurant kitchen",
    asks="""
    A recipe for {portions} takes {grams} g of flour; how much for {guests} guests?
    {grams} g serve {portions}. Scale that to {guests} guests
    From {portions} portions to {guests} guests: what becomes of {grams} g?
    We cook for {guests} guests instead of {portions}. How many grams replace {grams} g?
    Rescale {grams} g from {portions} to {guests} plates
    If {portions} eat {grams} g, what do {guests} guests eat?
    The book says {grams} g for {portions}, we are {guests}. How many grams?
    Stretch {grams} g meant for {portions} so that {guests} have enough, in grams
    """,
    things="""
    the grams for {guests} guests when {grams} g serve {portions}
    the amount for {guests} when the recipe takes {grams} g for {portions}
    """,
    finds="count",
)
def rescale_recipe(dice: Dice, given: str | None) -> Use:
    """What more guests eat."""

    @tool(effect=Effect.PURE)
    def rescale_recipe(grams: int, portions: int, guests: int) -> str:
        """How many grams of an ingredient another number of guests needs.

        Args:
            grams: What the recipe says.
            portions: For how many it is meant.
            guests: For how many we cook.
        """
        return number(grams * guests / portions)

    portions = dice.choice((2, 4, 5, 8))
    grams, guests = dice.randint(5, 60) * 10, dice.randint(9, 60)
    value = rescale_recipe(grams, portions, guests)
    return Use(
        rescale_recipe, {"grams": grams, "portions": portions, "guests": guests},
        {"grams": str(grams), "portions": str(portions), "guests": str(guests)},
        f"{guests} guests need {value} g.", value,
    )  # fmt: skip


@user_tool(
    "zoo",
    asks="""
    Feed {animal} {kilos} kg of {food}
    {animal} is hungry: {kilos} kg of {food}
    Give {kilos} kg of {food} to {animal}
    Let {animal} have {kilos} kg of {food} for dinner
    Serve {animal} {kilos} kg of {food}
    {kilos} kg of {food} are for {animal}, hand them over
    Toss {kilos} kg of {food} to {animal}
    Bring {animal} its {kilos} kg of {food}
    """,
    kind="animal",
    takes="animal",
    does=True,
)
def feed_animal(dice: Dice, given: str | None) -> Use:
    """Feed an animal."""

    @tool(effect=Effect.WRITES)
    def feed_animal(animal: str, food: Literal["hay", "fish", "fruit", "meat"], kilos: int) -> str:
        """Feed an animal of the zoo.

        Args:
            animal: Which one.
            food: What it gets.
            kilos: How much.
        """
        return f"{animal} was fed"

    animal, food, kilos = (
        given or ANIMALS(dice, 1)[0],
        dice.choice(("hay", "fish", "fruit", "meat")),
        dice.randint(1, 40),
    )
    return Use(
        feed_animal, {"animal": animal, "food": food, "kilos": kilos},
        {"animal": f"the {animal}", "food": food, "kilos": str(kilos)},
        f"The {animal} got {kilos} kg of {food}.", key="animal", slot="animal", shown="the {}",
    )  # fmt: skip


@user_tool(
    "factory",
    asks="""
    Open valve {valve} to {percent} percent
    Valve {valve} should stand {percent} percent open
    Adjust valve {valve}: {percent} percent
    Let {percent} percent through valve {valve}
    Bring valve {valve} to {percent} % open
    I need valve {valve} at {percent} percent
    Crank valve {valve} to {percent} percent
    Have valve {valve} opened {percent} percent
    """,
    does=True,
    strict=True,
)
def adjust_valve(dice: Dice, given: str | None) -> Use:
    """Open a valve."""
    line = dice.choice("KLMNPQ")
    digits = str(dice.randint(1, 60))
    valve = f"{line}{digits}"

    @tool(effect=Effect.WRITES, idempotent=True)
    def adjust_valve(valve: str, percent: int) -> str:
        """Open or close a valve of the plant.

        Args:
            valve: Its code.
            percent: How far it is open.
        """
        if not valve.startswith(line):
            raise ToolFault(f'no valve "{valve}"; every valve here begins with {line}, such as {line}77')
        return "adjusted"

    percent = dice.randint(0, 100)
    return Use(
        adjust_valve, {"valve": valve, "percent": percent}, {"valve": valve, "percent": str(percent)},
        f"Valve {valve} is {percent} percent open.", wrong={"valve": digits},
    )  # fmt: skip


@user_tool(
    "school",
    asks="""
    Enrol {pupil} in {course}
    Sign {pupil} up for {course}
    {pupil} joins {course}, enrol them
    Register {pupil} with the course {course}
    {pupil} wants to learn {course}; sign them up
    Inscribe {pupil} for {course}
    Let {pupil} take part in {course}
    Add {pupil} as a participant of {course}
    """,
    things="the seat number",
    kind="pupil",
    takes="person",
    does=True,
)
def enrol_pupil(dice: Dice, given: str | None) -> Use:
    """Sign a pupil up for a course."""
    seat = str(dice.randint(100, 999))

    @tool(effect=Effect.WRITES, idempotent=True)
    def enrol_pupil(pupil: str, course: str) -> dict[str, Any]:
        """Sign a pupil up for a course.

        Args:
            pupil: Who.
            course: What they will learn.
        """
        return {"enrolled": pupil, "seat number": seat}

    pupil, course = (
        given or dice.full_name(),
        dice.choice(("Latin", "pottery", "chess", "robotics", "choir", "fencing", "geometry")),
    )
    return Use(
        enrol_pupil, {"pupil": pupil, "course": course}, {"pupil": pupil, "course": course},
        f"{pupil} is enrolled in {course} with seat number {seat}.", seat, key="pupil", slot="pupil",
    )  # fmt: skip


@user_tool(
    "theatre",
    asks="""
    Cast {actor} as {role}
    {actor} plays {role}, enter it
    Give the role of {role} to {actor}
    The part of {role} goes to {actor}
    Let {actor} act {role}
    Fill the role {role} with {actor}
    For {role} we take {actor}
    Make {actor} our {role}
    """,
    kind="actor",
    takes="person",
    does=True,
)
def cast_role(dice: Dice, given: str | None) -> Use:
    """Give a role to an actor."""

    @tool(effect=Effect.WRITES, idempotent=True)
    def cast_role(role: str, actor: str) -> str:
        """Give a role of the play to an actor.

        Args:
            role: Which role.
            actor: Who plays it.
        """
        return "the cast list was updated"

    actor, role = (
        given or dice.full_name(),
        dice.choice(("Hamlet", "Ophelia", "the Ghost", "the Queen", "the Fool", "Macbeth", "Juliet")),
    )
    return Use(
        cast_role, {"role": role, "actor": actor}, {"role": role, "actor": actor},
        f"{actor} plays {role}.", key="actor", slot="actor",
    )  # fmt: skip


@user_tool(
    "car workshop",
    asks="""
    Tow the car {plate} to {yard}
    Have {plate} towed to {yard}
    {plate} broke down, tow it to {yard}
    Drag {plate} off to {yard}
    The tow truck should take {plate} to {yard}
    Haul the car with plate {plate} to {yard}
    Dispatch the tow truck for {plate}, destination {yard}
    Get {plate} hauled to {yard}
    """,
    things="the towing job's number",
    does=True,
)
def tow_car(dice: Dice, given: str | None) -> Use:
    """Have a car towed."""
    job = f"J{dice.randint(100, 9999)}"

    @tool(effect=Effect.WRITES)
    def tow_car(plate: str, yard: str) -> str:
        """Have a car towed.

        Args:
            plate: Its number plate.
            yard: Where it goes.
        """
        return f"job {job}: tow truck is on its way to {plate}"

    plate, yard = (
        f"QX {dice.randint(100, 999)}",
        given or f"{dice.choice(('north', 'south', 'east', 'west'))} yard",
    )
    return Use(
        tow_car, {"plate": plate, "yard": yard}, {"plate": plate, "yard": f"the {yard}"},
        f"{plate} is being towed to the {yard}, job {job}.", job,
    )  # fmt: skip


@user_tool(
    "farm",
    asks="""
    Move the herd of {herd} to {pasture}
    Drive the {herd} onto {pasture}
    The {herd} should graze on {pasture} now
    Let the {herd} out on {pasture}
    Herd the {herd} over to {pasture}
    Graze the {herd} on {pasture}
    {pasture} is for the {herd} from now on, drive them there
    Lead the {herd} to {pasture}
    """,
    does=True,
)
def graze_herd(dice: Dice, given: str | None) -> Use:
    """Drive animals to a pasture."""

    @tool(effect=Effect.WRITES, idempotent=True)
    def graze_herd(herd: Literal["cows", "sheep", "goats", "horses"], pasture: str) -> str:
        """Drive a herd to a pasture.

        Args:
            herd: Which animals.
            pasture: Where they graze.
        """
        return f"the {herd} are on the way"

    herd, pasture = (
        dice.choice(("cows", "sheep", "goats", "horses")),
        given or f"{dice.adjective()} {dice.choice(('meadow', 'hill', 'field', 'slope'))}",
    )
    return Use(
        graze_herd, {"herd": herd, "pasture": pasture}, {"herd": herd, "pasture": f"the {pasture}"},
        f"The {herd} graze on the {pasture}.",
    )  # fmt: skip


HELD_OUT: tuple[UserTool, ...] = (
    *LOOKUPS,
    *(value for value in list(globals().values()) if isinstance(value, UserTool)),
)
