"""Tools that look something up; none of them is held out."""

from episodes import words
from episodes.user_tools.shape import (
    Names,
    UserTool,
    cities,
    city,
    clock,
    codes,
    day,
    decimal,
    items,
    lookup,
    made_up_names,
    of,
    one_of,
    people,
    person,
    phone,
    price,
    titles,
    whole,
)

ROOMS = of(
    "kitchen", "bedroom", "bathroom", "hallway", "attic", "cellar", "study", "nursery", "garage",
    "living room",    "guest room", "pantry", "loft", "porch", "laundry room", "dining room",
)  # fmt: skip
PLANTS = of(
    "basil", "tomato", "rose", "lavender", "pumpkin", "fern", "tulip", "mint", "cucumber", "ivy", "orchid",
    "leek",    "radish", "sage", "beetroot", "spinach", "dahlia", "parsley", "kale", "pea",
)  # fmt: skip
WARDS = of("A1", "A2", "A3", "B1", "B2", "B4", "C1", "C3", "D2", "D5", "E1", "E6", "F2", "F3", "G1")
CURRENCIES = of(
    "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "PLN", "CZK", "CAD", "AUD", "INR", "BRL", "ZAR", "TRY"
)


def teams(*names: str) -> Names:
    """Clubs of different cities."""
    return lambda dice, count: [f"{each} {dice.choice(names)}" for each in cities(dice, count)]


LOOKUPS: tuple[UserTool, ...] = (
    lookup(
        "product_price", "shop", "item", "Look up what a product costs.",
        kind="product", label="price", names=items, value=price, shown="the {}", takes="item", finds="price",
        answer="{x} costs {value}.",
        asks="""
        How much is {x}?
        What does {x} cost?
        What do we charge for {x}?
        What would a customer pay for {x}?
        price of {x}?
        How expensive is {x}
        What is {x} sold for?
        What's on the price tag of {x}?
        Tell me how much {x} goes for
        I want to buy {x}. What will I be asked for?
        Which amount goes on the bill for {x}?
        """,
        things="""
        the price of {x}
        the cost of {x}
        """,
    ),
    lookup(
        "units_in_stock", "shop", "product", "How many pieces of a product are in the store room.",
        kind="product", label="stock", names=items, value=whole(0, 400), shown="the {}", takes="item",
        finds="number", answer="{value} pieces of {x} are in stock.",
        asks="""
        How many pieces of {x} do we have?
        How much of {x} is left in the store room?
        Count our stock of {x}
        How many units of {x} are still there?
        stock of {x}?
        What quantity of {x} is on hand?
        How many of {x} could we sell today?
        Tell me how many pieces of {x} remain.
        Are we running out of {x}? The count, please.
        If I go to the store room for {x}, how many will I see?
        """,
        things="""
        the stock of {x}
        the number of pieces we have of {x}
        """,
    ),
    lookup(
        "order_status", "shop", "order_id", "Where an order of a customer stands.",
        kind="order", label="status", names=codes("ORD-{}", 1000, 9999),
        value=one_of("packed", "shipped", "delivered", "waiting for payment", "cancelled", "on hold",
                     "returned"),
        answer="{x} is {value}.",
        asks="""
        What has become of {x}?
        How far along is {x}?
        Has anything happened with {x}? Give me its status.
        Where does {x} stand?
        A customer asks about {x}: what is its status?
        Is {x} shipped, packed or what?
        status {x}
        What state is {x} in?
        Somebody is waiting for {x}. What can I tell them about its status?
        Did {x} move on? I'd like its present status.
        """,
        things="""
        the status of {x}
        the current state of {x}
        """,
    ),
    lookup(
        "supplier_of", "shop", "product", "Which company or person delivers a product to us.",
        kind="product", label="supplier", names=items, value=person, shown="the {}", takes="item",
        finds="person", answer="{x} is supplied by {value}.",
        asks="""
        Who supplies {x}?
        Who delivers {x} to us?
        From whom do we buy {x}?
        Who do we get {x} from?
        supplier for {x}?
        Whom would I call to reorder {x}? Name the supplier.
        Which supplier brings {x}?
        Who is it that sells us {x}?
        We're out of {x}. Who would bring us more?
        {x} comes to our shop from whom?
        """,
        things="""
        the supplier of {x}
        the name of the supplier of {x}
        """,
    ),
    lookup(
        "room_temperature", "home", "room", "Read the thermometer of a room.",
        kind="room", label="temperature", names=ROOMS, value=decimal(12, 27, "{} C"), shown="the {}",
        finds="", answer="It is {value} in {x}.",
        asks="""
        How warm is it in {x}?
        How cold is {x} right now?
        What does the thermometer say in {x}?
        temperature {x}?
        Is it warm in {x}? Give me the degrees.
        How many degrees does {x} have?
        Read the temperature of {x}
        What's the heat like in {x}, in degrees?
        I feel cold in {x}. What temperature do we have there?
        Should I heat {x}? Say how many degrees it has.
        """,
        things="""
        the temperature of {x}
        the temperature in {x}
        """,
    ),
    lookup(
        "battery_level", "home", "sensor", "How full the battery of a sensor is.",
        kind="sensor", label="battery", names=codes("S-{}", 10, 99), value=whole(1, 100, "{} %"),
        answer="The battery of {x} is at {value}.",
        asks="""
        How full is the battery of {x}?
        How much charge does {x} have left?
        What percentage is {x} at?
        battery of {x}?
        Does {x} need charging? Say how full it is.
        How charged is {x}
        Check how much power is left in {x}
        Will {x} last? I want its battery percentage.
        When I go round with new batteries, does {x} need one? Say its percentage.
        {x} has been running for weeks; what charge is left?
        """,
        things="""
        the battery level of {x}
        the charge of {x}
        """,
    ),
    lookup(
        "next_meeting", "calendar", "person", "When somebody has their next meeting.",
        kind="person", label="time", names=people, value=clock, takes="person", finds="time",
        answer="The next meeting of {x} is at {value}.",
        asks="""
        When does {x} meet somebody next?
        At what time is the next meeting of {x}?
        When is {x} busy next?
        next meeting of {x}?
        What time does {x} have to be in a meeting?
        When is the next appointment {x} has?
        Until when can I talk to {x} before the next meeting begins?
        When will {x} be in a meeting?
        I'd like to catch {x} before the next meeting. When does that start?
        {x} has to be somewhere soon. At what time is that meeting?
        """,
        things="""
        the time of the next meeting of {x}
        the start of the next meeting of {x}
        """,
    ),
    lookup(
        "birthday_of", "calendar", "name", "The date on which somebody was born.",
        kind="person", label="birthday", names=people, value=day, takes="person", finds="day",
        answer="{x} was born on {value}.",
        asks="""
        When was {x} born?
        On which date is {x} born
        When is the birthday of {x}?
        birthday of {x}?
        Which day should I congratulate {x}? Give the date of birth.
        What date of birth do we have for {x}?
        When did {x} come into the world?
        Tell me when {x} was born
        I need to fill in a form for {x}: date of birth?
        Since what date has {x} been alive?
        """,
        things="""
        the birthday of {x}
        the date of birth of {x}
        """,
    ),
    lookup(
        "guest_room", "hotel", "guest", "The room that a guest stays in.",
        kind="guest", label="room", names=people, value=whole(101, 640), takes="person", finds="number",
        answer="{x} stays in room {value}.",
        asks="""
        Which room is {x} in?
        Where does {x} sleep? I need the room.
        In what room do we have {x}?
        room of {x}?
        What room did we give {x}?
        Where is {x} staying, which number?
        Flowers for {x}: to which room?
        Where can I find {x} in the hotel?
        There's a parcel for {x}. Which room do I take it to?
        The key that {x} holds opens which room?
        """,
        things="""
        the room of {x}
        the room number of {x}
        """,
    ),
    lookup(
        "room_rate", "hotel", "room_type", "What a night in a kind of room costs.",
        kind="room type", label="rate",
        names=of("single", "double", "twin", "suite", "family room", "penthouse", "studio", "balcony room",
                 "sea view", "dormitory", "cabin", "honeymoon suite", "garden room", "economy"),
        value=whole(40, 600, "{} EUR"), shown="the {}", answer="A night in {x} costs {value}.",
        asks="""
        How much is a night in {x}?
        What does one night in {x} cost?
        What do guests pay per night for {x}?
        nightly rate for {x}?
        If I stay in {x} for a night, what is it?
        What are we asking for {x} per night?
        How dear is {x} for one night?
        Quote me a night in {x}
        Somebody wants to book {x} for one night. What do I charge?
        What will be on the bill after one night in {x}?
        """,
        things="""
        the nightly rate of {x}
        the price of a night in {x}
        """,
    ),
    lookup(
        "ward_of", "hospital", "patient", "The ward where a patient lies.",
        kind="patient", label="ward", names=people,
        value=one_of("A1", "A2", "A3", "B1", "B2", "B4", "C1", "C3", "D2", "D5"),
        takes="person", finds="ward", answer="{x} is in ward {value}.",
        asks="""
        On which ward is {x}?
        Where does {x} lie, which ward?
        Which ward was {x} taken to?
        ward of {x}?
        Visitors ask for {x}; which ward?
        What ward should I go to for {x}?
        Where have they put {x}? I need the ward.
        To what ward does {x} belong
        I've come to see {x}. Which ward is that?
        The porter is fetching {x}; from what ward?
        """,
        things="""
        the ward of {x}
        the ward where {x} lies
        """,
    ),
    lookup(
        "doctor_on_duty", "hospital", "ward", "Which doctor is on duty in a ward.",
        kind="ward", label="doctor", names=WARDS, value=person, takes="ward", finds="person",
        answer="{value} is on duty in {x}.",
        asks="""
        Who is on duty in {x}?
        Which doctor looks after {x} today?
        Who should the nurses call in {x}?
        doctor for {x}?
        Whose shift is it in {x}?
        Which doctor is working in {x} now?
        Name the doctor who is responsible for {x}
        Who has the duty for {x}
        There is an emergency in {x}. Which doctor do I page?
        Somebody in {x} needs a doctor. Who is there now?
        """,
        things="""
        the doctor on duty in {x}
        the name of the doctor in {x}
        """,
    ),
    lookup(
        "blood_group", "hospital", "patient_name", "A patient's blood group.",
        kind="patient", label="blood group", names=people,
        value=one_of("A+", "A-", "B+", "B-", "AB+", "AB-", "0+", "0-"), takes="person",
        answer="{x} has blood group {value}.",
        asks="""
        Which blood group does {x} have?
        What type of blood has {x}?
        What blood would {x} need?
        blood group of {x}?
        Before the operation: which blood group is {x}?
        What is written as blood group for {x}?
        What kind of blood do we give {x}?
        Which blood type is {x}
        {x} may need a transfusion. Of which group?
        The lab wants to know about {x}: A, B, AB or 0, and plus or minus?
        """,
        things="""
        the blood group of {x}
        the blood type of {x}
        """,
    ),
    lookup(
        "author_of", "library", "title", "Who wrote a book.",
        kind="book", label="author", names=titles, value=person, takes="book", finds="person",
        answer="{x} was written by {value}.",
        asks="""
        Who wrote {x}?
        Who is the author of {x}?
        By whom is {x}?
        author of {x}?
        Whose book is {x}?
        Which writer do we owe {x} to?
        From whose pen is {x}
        Name the person who wrote {x}
        I've just finished {x}. Who came up with it?
        Whose name is on the cover of {x}?
        """,
        things="""
        the author of {x}
        the writer of {x}
        """,
    ),
    lookup(
        "due_date", "library", "book", "The date on which a lent book has to come back.",
        kind="book", label="due", names=titles, value=day, takes="book", finds="day",
        answer="{x} is due on {value}.",
        asks="""
        When is {x} due back?
        By what date must {x} be returned?
        When do I have to bring {x} back?
        due date for {x}?
        Until when may I keep {x}?
        When does the loan of {x} end?
        On which day should {x} be back on our shelves?
        How long can {x} stay with me? Give the date.
        I'm still reading {x}. What's the last day to hand it in?
        If I don't want to pay a fine for {x}, when must it be here?
        """,
        things="""
        the due date of {x}
        the day on which {x} is due
        """,
    ),
    lookup(
        "shelf_of", "library", "title", "The shelf on which a book stands.",
        kind="book", label="shelf", names=titles, value=whole(1, 99, "R{}"), takes="book",
        answer="{x} stands on shelf {value}.",
        asks="""
        Where does {x} stand?
        On which shelf do I find {x}?
        Which shelf holds {x}?
        shelf of {x}?
        Where in the library is {x}? I need the shelf.
        Where should I put {x} back?
        What shelf was {x} sorted into?
        I can't find {x}, on what shelf is it?
        A reader wants {x}. Which shelf do I send them to?
        Along the shelves, where would I come across {x}?
        """,
        things="""
        the shelf of {x}
        the place of {x} on our shelves
        """,
    ),
    lookup(
        "high_score", "games", "player", "The best score that a player ever had.",
        kind="player", label="score", names=made_up_names, value=whole(100, 99999), takes="player",
        finds="number", answer="The best score of {x} is {value}.",
        asks="""
        What is the most points {x} ever made?
        How many points did {x} reach at best?
        What's the record of {x}?
        high score of {x}?
        How good is {x}? Tell me the best score.
        What score do I need to beat {x}? Tell me theirs.
        How high has {x} scored
        Best result of {x} so far?
        In the best game {x} has ever played, how many points were there?
        I bet I'm better than {x}. What is the most they have scored?
        """,
        things="""
        the best score of {x}
        the high score of {x}
        """,
    ),
    lookup(
        "player_level", "games", "nickname", "The level that a player has reached.",
        kind="player", label="level", names=made_up_names, value=whole(1, 80), takes="player", finds="number",
        answer="{x} is at level {value}.",
        asks="""
        Which level has {x} reached?
        What level is {x} on?
        How far did {x} get, which level?
        level of {x}?
        On what level does {x} play?
        How many levels did {x} climb so far?
        At which level will I meet {x}?
        What is {x} up to, level-wise?
        Is {x} a beginner? Tell me the level.
        Next to the name of {x}, which level is shown?
        """,
        things="""
        the level of {x}
        the level that {x} has reached
        """,
    ),
    lookup(
        "temperature_in", "weather", "city", "The temperature that is measured in a city right now.",
        kind="city", label="temperature", names=cities, value=whole(-15, 39, "{} C"), takes="city",
        answer="It is {value} in {x}.",
        asks="""
        How warm is it in {x}?
        How cold is it in {x} at the moment?
        Do I need a coat in {x}? Tell me the degrees.
        temperature in {x}?
        What does the thermometer show in {x}
        How many degrees are there in {x} now?
        Is it hot in {x}? I want the number.
        Weather check: degrees in {x}?
        I'm packing for {x}. What temperature is it there?
        Are they freezing or sweating over in {x}? In degrees, please.
        """,
        things="""
        the temperature in {x}
        the current temperature in {x}
        """,
    ),
    lookup(
        "sunrise_in", "weather", "place", "When the sun comes up tomorrow at a place.",
        kind="city", label="sunrise", names=cities,
        value=lambda dice: f"0{dice.randint(4, 8)}:{dice.randint(0, 59):02d}",
        takes="city", finds="time", answer="The sun rises at {value} in {x}.",
        asks="""
        When does the sun rise in {x}?
        What time is sunrise in {x}?
        When will it get light in {x} tomorrow?
        sunrise {x}?
        At what time does the sun come up in {x}?
        How early is sunrise in {x}?
        When does the day begin in {x}, sun-wise?
        I want to see the sun come up in {x}; at what time?
        My alarm in {x} should ring when the sun comes up. What time do I set?
        Until when is it dark in {x}?
        """,
        things="""
        the time of sunrise in {x}
        the sunrise in {x}
        """,
    ),
    lookup(
        "wind_speed", "weather", "city", "How fast the wind blows in a city.",
        kind="city", label="wind", names=cities, value=whole(0, 110, "{} km/h"), takes="city",
        answer="The wind blows at {value} in {x}.",
        asks="""
        How windy is it in {x}?
        How fast does the wind blow in {x}?
        Is there a storm in {x}? Tell me how fast the wind is.
        wind in {x}?
        Could I sail in {x} today? Give the wind.
        How hard is it blowing in {x}
        What wind do they measure in {x}?
        How strong is the wind over in {x}?
        Will my hat stay on in {x}? Tell me the speed of the wind.
        I'm flying a kite in {x}; what wind can I count on?
        """,
        things="""
        the wind speed in {x}
        the speed of the wind in {x}
        """,
    ),
    lookup(
        "next_train", "transport", "destination", "When the next train leaves for a city.",
        kind="city", label="departure", names=cities, value=clock, takes="city", finds="time",
        answer="The next train to {x} leaves at {value}.",
        asks="""
        When does the next train to {x} leave?
        When can I take a train to {x}?
        What time is the next train for {x}?
        next train to {x}?
        When do trains go to {x}? Just the next one.
        I have to get to {x} by rail, when is the next departure?
        How soon can I leave for {x} by train? Name the time.
        At what time should I be on the platform for {x}?
        I'm at the station and want to go to {x}. When do I get away?
        {x} by train: what departure is coming up?
        """,
        things="""
        the departure of the next train to {x}
        the time of the next train to {x}
        """,
    ),
    lookup(
        "fare_to", "transport", "city", "What a ticket to a city costs.",
        kind="city", label="fare", names=cities, value=price, takes="city", finds="price",
        answer="A ticket to {x} costs {value}.",
        asks="""
        How much is a ticket to {x}?
        What does it cost to ride to {x}?
        What do I pay to get to {x}?
        fare to {x}?
        How much will the trip to {x} set me back?
        What do they charge for going to {x}?
        Can I afford a ticket to {x}? How much is it?
        Ticket to {x}: how much?
        I'm at the counter and want to go to {x}. How much money do I need?
        What is the price if I travel to {x}?
        """,
        things="""
        the fare to {x}
        the price of a ticket to {x}
        """,
    ),
    lookup(
        "gate_of_flight", "transport", "flight", "The gate from which a flight leaves.",
        kind="flight", label="gate", names=codes("KX{}", 100, 999), value=whole(1, 70, "G{}"),
        answer="Flight {x} leaves from gate {value}.",
        asks="""
        From which gate does {x} leave?
        Where do I board {x}?
        At which gate is {x}?
        gate of {x}?
        Which gate should the passengers of {x} go to?
        I fly with {x}, what is my gate?
        To what gate do I have to run for {x}?
        Where is {x} boarding? Gate only.
        My boarding pass says {x} but no gate. Which one is it?
        Somebody is late for {x}. Where do we send them, to which gate?
        """,
        things="""
        the gate of {x}
        the departure gate of {x}
        """,
    ),
    lookup(
        "phone_of", "staff", "employee", "The telephone number of somebody who works here.",
        kind="employee", label="phone", names=people, value=phone, takes="person",
        answer="The number of {x} is {value}.",
        asks="""
        How can I call {x}?
        What number do I dial for {x}?
        Under which number can I reach {x}?
        phone {x}?
        I must ring {x}, what number?
        Which extension or number has {x}?
        Give me a number where I can reach {x}
        I want to telephone {x}. What do I dial?
        I have a question only {x} can answer. What is the phone number?
        When I pick up the phone to talk to {x}, which digits do I press?
        """,
        things="""
        the phone number of {x}
        the telephone number of {x}
        """,
    ),
    lookup(
        "manager_of", "staff", "person", "Whom somebody reports to.",
        kind="person", label="manager", names=people, value=person, takes="person", finds="person",
        answer="{x} reports to {value}.",
        asks="""
        Who is the boss of {x}?
        To whom does {x} report?
        Who leads {x}?
        manager of {x}?
        Who is above {x} in the company?
        Whom should I ask about {x}? I mean the manager.
        Who has to sign for {x} as manager?
        Under whom does {x} work?
        I want to praise {x} to the person in charge of them. Who is that?
        If {x} asks for a rise, who decides as their manager?
        """,
        things="""
        the manager of {x}
        the boss of {x}
        """,
    ),
    lookup(
        "leave_days_left", "staff", "employee", "How many days of leave somebody still has this year.",
        kind="employee", label="days", names=people, value=whole(0, 34), takes="person", finds="number",
        answer="{x} has {value} days of leave left.",
        asks="""
        How many days off does {x} still have?
        How much leave is left for {x}?
        How many holidays can {x} still take?
        leave left for {x}?
        Does {x} have any vacation left? How many days?
        How many free days remain for {x} this year?
        Count the leave days that {x} has not used
        What leave balance has {x}, in days?
        {x} would like to go on a long trip. How many days of leave are there to use?
        This year, what remains of the leave of {x}? In days.
        """,
        things="""
        the number of leave days that {x} has left
        the remaining leave of {x} in days
        """,
    ),
    lookup(
        "office_of", "staff", "colleague", "The city where a colleague has their desk.",
        kind="colleague", label="office", names=people, value=city, takes="person", finds="city",
        answer="{x} works in {value}.",
        asks="""
        In which city does {x} work?
        Where is the desk of {x}? City only.
        At which of our offices is {x}?
        office of {x}?
        To what city do I travel to meet {x}?
        Where is {x} based?
        Which site does {x} belong to?
        In what town would I visit {x} at work?
        I'm sending a parcel to {x} at work. Which city do I write on it?
        {x} goes to the office every morning. In what city is that?
        """,
        things="""
        the office of {x}
        the city where {x} works
        """,
    ),
    lookup(
        "singer_of", "music", "song", "Who sings a song.",
        kind="song", label="singer", names=titles, value=person, takes="song", finds="person",
        answer="{x} is sung by {value}.",
        asks="""
        Who sings {x}?
        Whose song is {x}?
        By which singer is {x}?
        singer of {x}?
        Whose voice do I hear in {x}?
        Who performed {x}?
        Which artist recorded {x}?
        I love {x}, who is singing it?
        {x} is on the radio. Whom am I listening to?
        If I like {x}, which singer should I look out for?
        """,
        things="""
        the singer of {x}
        the name of the singer of {x}
        """,
    ),
    lookup(
        "song_length", "music", "title", "How long a song is.",
        kind="song", label="length", names=titles,
        value=lambda dice: f"{dice.randint(1, 8)}:{dice.randint(0, 59):02d}",
        takes="song", answer="{x} is {value} long.",
        asks="""
        How long is {x}?
        How long does {x} play?
        How many minutes does {x} last?
        length of {x}?
        If I put on {x}, how long until it is over?
        For how long does {x} run?
        What running time does {x} have?
        Is {x} a short song? Tell me its length.
        I have a short break. How much time does {x} take?
        From the first note of {x} to the last, how long is that?
        """,
        things="""
        the length of {x}
        the playing time of {x}
        """,
    ),
    lookup(
        "sowing_month", "garden", "plant", "The month in which a plant is sown.",
        kind="plant", label="month", names=PLANTS, value=one_of(*words.MONTHS), takes="plant",
        answer="{x} is sown in {value}.",
        asks="""
        When do I sow {x}?
        In which month is {x} sown?
        What is the right month to sow {x}?
        sowing time of {x}?
        When should the seeds of {x} go into the soil? Month please.
        Which month is best for putting out {x} seeds?
        By what month should I have sown {x}?
        When does sowing begin for {x}?
        I've bought seeds of {x}. What month do I have to wait for?
        On my garden calendar, where do I enter the sowing of {x}? The month.
        """,
        things="""
        the month for sowing {x}
        the sowing month of {x}
        """,
    ),
    lookup(
        "water_need", "garden", "plant_name", "How much water a plant wants in a week.",
        kind="plant", label="water", names=PLANTS, value=whole(1, 30, "{} litres"), takes="plant",
        answer="{x} needs {value} a week.",
        asks="""
        How much water does {x} need?
        How much should I water {x} each week?
        What amount of water wants {x} per week?
        water for {x}?
        How thirsty is {x}? Weekly amount.
        How many litres a week go to {x}?
        I am going to water {x}; how much a week is right?
        Weekly water for {x}, how much?
        My neighbour looks after {x} for a week. How much water should they give?
        If I don't want {x} to dry out, how much water is it per week?
        """,
        things="""
        the water need of {x}
        the weekly amount of water for {x}
        """,
    ),
    lookup(
        "account_balance", "bank", "account", "How much money is on an account.",
        kind="account", label="balance", names=codes("AC{}", 10000, 99999), value=price, finds="price",
        answer="{value} is on {x}.",
        asks="""
        How much money is on {x}?
        What is left on {x}?
        How much do I have on {x}?
        balance of {x}?
        How much could be paid from {x}?
        What sum is on {x} right now?
        Is there money on {x}? How much?
        How rich is {x}, so to say? Amount please.
        I'd like to spend something from {x}. How much is there?
        After all the bookings, what does {x} hold?
        """,
        things="""
        the balance of {x}
        the amount of money on {x}
        """,
    ),
    lookup(
        "exchange_rate", "bank", "currency", "What one euro is worth in another currency.",
        kind="currency", label="rate", names=CURRENCIES, value=decimal(1, 30), finds="",
        answer="One euro is {value} {x}.",
        asks="""
        How much {x} do I get for a euro?
        What is one euro worth in {x}?
        How many {x} is one euro?
        euro to {x} rate?
        At what rate do you change euros into {x}?
        If I change a single euro into {x}, what do I get?
        One euro in {x}, how much?
        What rate applies for {x}?
        I'm changing money for a trip. What does a euro bring in {x}?
        For every euro, how much would I be given in {x}?
        """,
        things="""
        the exchange rate of {x}
        the rate from euro to {x}
        """,
    ),
    lookup(
        "team_points", "sport", "team", "How many points a team has in the league.",
        kind="team", label="points", names=teams("Rovers", "Stars", "United", "Wolves"),
        value=whole(0, 90), takes="team", finds="number", answer="{x} has {value} points.",
        asks="""
        How many points does {x} have?
        What is {x} standing at, in points?
        How many points did {x} collect this season?
        points of {x}?
        How well is {x} doing in the league? Points please.
        What's the tally of {x}?
        Where are {x} with their points?
        How many league points are on the account of {x}
        In the table, what number of points is next to {x}?
        Could {x} still win the league? Tell me how many points they've got.
        """,
        things="""
        the points of {x}
        the number of points of {x}
        """,
    ),
    lookup(
        "coach_of", "sport", "team", "Who trains a team.",
        kind="team", label="coach", names=teams("Lions", "Bears", "City", "Hawks"),
        value=person, takes="team", finds="person", answer="{value} coaches {x}.",
        asks="""
        Who trains {x}?
        Who is the coach of {x}?
        Under whom does {x} train?
        coach of {x}?
        Who stands at the side line for {x}?
        Who picks the players of {x}? The coach, I mean.
        Which coach leads {x}?
        Who has been training {x}
        {x} lost again. Who has to explain it as the coach?
        When {x} meets for training, who tells them what to do?
        """,
        things="""
        the coach of {x}
        the trainer of {x}
        """,
    ),
    lookup(
        "shirt_number", "sport", "player", "The number on a player's shirt.",
        kind="player", label="number", names=people, value=whole(1, 99), takes="person", finds="number",
        answer="{x} plays with number {value}.",
        asks="""
        Which number does {x} wear?
        What is on the shirt of {x}?
        With what number does {x} play?
        shirt number of {x}?
        How do I recognise {x} on the pitch? I need the number.
        What number did they give {x}?
        Which shirt belongs to {x}, what number?
        Number on the back of {x}?
        I'm buying a shirt like the one of {x}. What number goes on it?
        The referee notes down {x}. Under which number?
        """,
        things="""
        the shirt number of {x}
        the number that {x} wears
        """,
    ),
)  # fmt: skip
