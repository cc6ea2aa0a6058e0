"""Tools that change something outside the folder; none of them is held out."""

# What is done is seen in the record of the calls, so many of these do nothing with their arguments.
# ruff: noqa: ARG001

from typing import Any, Literal

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.tool import tool
from episodes import words
from episodes.dice import Dice
from episodes.user_tools.shape import Use, UserTool, items, made_up_names, number, titles, user_tool

DONE = ("done", "ok", '{"ok": true}', "success")
ROOMS = (
    "kitchen",
    "bedroom",
    "bathroom",
    "hallway",
    "attic",
    "cellar",
    "study",
    "garage",
    "living room",
    "office",
)


def at(text: str) -> str:
    """A time of day as the tools want it.

    Raises:
        ToolFault: it is not written as it has to be.
    """
    hours, _, minutes = text.partition(":")
    if len(hours) != 2 or len(minutes) != 2 or not (hours + minutes).isdigit():
        raise ToolFault(f'a time must be written HH:MM with 24 hours, such as 07:30 or 19:00; found "{text}"')
    return text


def other_time(text: str) -> str:
    """The time in a manner that people have."""
    hours, minutes = map(int, text.split(":"))
    half = "am" if hours < 12 else "pm"
    shown = hours % 12 or 12
    return f"{shown}{half}" if minutes == 0 else f"{shown}:{minutes:02d} {half}"


def some_time(dice: Dice) -> str:
    """A time of day at a quarter."""
    return f"{dice.randint(6, 22):02d}:{dice.choice((0, 0, 15, 30, 45)):02d}"


@user_tool(
    "home",
    asks="""
    Turn {device} {state}
    Switch {device} {state}
    Please have {device} turned {state}
    I want {device} to be {state}
    Make sure that {device} is switched {state}
    Set {device} to {state}
    Put {device} {state}
    Get {device} switched {state}
    Could you switch {device} {state}?
    {device} {state}, please
    Change {device} to {state}
    It is time to turn {device} {state}
    Would you mind turning {device} {state}
    """,
    kind="device",
    takes="item",
    does=True,
)
def switch_device(dice: Dice, given: str | None) -> Use:
    """Switch something on or off."""
    say = dice.choice((*DONE, "{device} is now {state}"))

    @tool(effect=Effect.WRITES, idempotent=True)
    def switch_device(device: str, state: Literal["on", "off"]) -> str:
        """Switch a device of the house on or off.

        Args:
            device: Its name.
            state: What it should be.
        """
        return say.replace("{device}", device).replace("{state}", state)

    device, state = (
        given
        or dice.choice(
            ("lamp", "heater", "fan", "radio", "kettle", "sprinkler", "oven", "coffee machine", "pump")
        ),
        dice.choice(("on", "off")),
    )
    return Use(
        switch_device, {"device": device, "state": state}, {"device": f"the {device}", "state": state},
        f"The {device} is {state}.", key="device", slot="device", shown="the {}",
    )  # fmt: skip


@user_tool(
    "home",
    asks="""
    Heat {room} to {degrees} degrees
    Set {room} to {degrees} degrees
    Make it {degrees} degrees in {room}
    I want {degrees} degrees in {room}
    Bring {room} to {degrees} degrees
    Change the heating in {room} to {degrees} degrees
    Let {room} have {degrees} degrees
    Have the thermostat of {room} at {degrees} degrees
    {room} at {degrees} degrees, please
    Could {room} be {degrees} degrees?
    It ought to be {degrees} degrees in {room}
    Adjust {room} to {degrees} degrees
    Warm or cool {room} to {degrees} degrees
    """,
    kind="room",
    does=True,
)
def set_thermostat(dice: Dice, given: str | None) -> Use:
    """How warm a room should be."""

    @tool(effect=Effect.WRITES, idempotent=True)
    def set_thermostat(room: str, degrees: float) -> dict[str, Any]:
        """Set how warm a room should be.

        Args:
            room: The room.
            degrees: Celsius, from 5 to 30.
        """
        if not 5 <= degrees <= 30:
            raise ToolFault(f"{degrees} degrees cannot be set; from 5 to 30 can")
        return {"room": room, "target": degrees}

    room, degrees = given or dice.choice(ROOMS), dice.randint(10, 50) / 2
    return Use(
        set_thermostat, {"room": room, "degrees": degrees},
        {"room": f"the {room}", "degrees": number(degrees)},
        f"The {room} is set to {number(degrees)} degrees.", key="room", slot="room", shown="the {}",
    )  # fmt: skip


@user_tool(
    "home",
    asks="""
    Lock {door}
    Please lock up {door}
    Bolt {door}
    I want {door} locked
    See to it that {door} is locked
    Nobody should get in by {door}, so lock it
    Shut and lock {door}
    Have {door} locked for the night
    Could you lock {door}?
    Turn the key in {door}
    Make {door} secure
    Secure {door}, I am going to bed
    Is {door} locked? If not, do it
    """,
    kind="door",
    does=True,
)
def lock_door(dice: Dice, given: str | None) -> Use:
    """Lock a door."""
    say = dice.choice((*DONE, "locked"))

    @tool(effect=Effect.WRITES, idempotent=True)
    def lock_door(door: str) -> str:
        """Lock a door of the house.

        Args:
            door: Which door.
        """
        return say

    door = (
        given
        or f"{dice.choice(('front', 'back', 'cellar', 'garage', 'garden', 'side', 'balcony', 'stable'))} door"
    )
    return Use(
        lock_door,
        {"door": door},
        {"door": f"the {door}"},
        f"The {door} is locked.",
        key="door",
        slot="door",
        shown="the {}",
    )


@user_tool(
    "shop",
    asks={
        "plain": """
        Put {item} into the cart
        Add {item} to my basket
        I'll take {item}, into the cart with it
        Get {item} into my shopping cart
        {item} should go into the cart
        Place {item} in the cart
        I want to buy {item}, add it to the cart
        Drop {item} in the shopping basket
        Could you put {item} in my cart?
        {item} into the basket, please
        Let me have {item} in the cart
        Throw {item} in the cart
        My cart still lacks {item}
        """,
        "many": """
        Put {quantity} pieces of {item} into the cart
        Add {quantity} of {item} to my basket
        I'll take {quantity} of {item}, into the cart with them
        Get {quantity} times {item} into my shopping cart
        {quantity} pieces of {item} should go into the cart
        Place {quantity} of {item} in the cart
        I want to buy {quantity} of {item}, add them to the cart
        Drop {quantity} of {item} in the shopping basket
        Could you put {quantity} of {item} in my cart?
        {quantity} times {item} into the basket, please
        Let me have {quantity} of {item} in the cart
        Throw {quantity} pieces of {item} in the cart
        My cart still lacks {item}, I need {quantity}
        """,
    },
    kind="product",
    takes="item",
    does=True,
)
def add_to_cart(dice: Dice, given: str | None) -> Use:
    """Put something into the cart."""

    @tool(effect=Effect.WRITES)
    def add_to_cart(item: str, quantity: int = 1) -> str:
        """Put a product into the shopping cart.

        Args:
            item: The product.
            quantity: How many pieces.
        """
        return f"cart: {quantity} x {item}"

    item, many = given or items(dice, 1)[0], dice.maybe(0.6)
    quantity = dice.randint(2, 30)
    more = {"quantity": quantity} if many else {}
    return Use(
        add_to_cart, {"item": item, **more}, {"item": f"the {item}", **{k: str(v) for k, v in more.items()}},
        f"{quantity if many else 1} x {item} is in the cart.", way="many" if many else "plain",
        key="item", slot="item", shown="the {}",
    )  # fmt: skip


@user_tool(
    "shop",
    asks="""
    Cancel order {order}
    Call off order {order}
    The customer does not want order {order} any more, cancel it
    Stop order {order}
    Please annul order {order}
    Withdraw order {order}
    Order {order} is to be cancelled
    Take back order {order}
    Could you cancel order {order}?
    Order {order}: please cancel
    I changed my mind about order {order}, cancel that
    Drop order {order}
    We no longer need order {order}, have it cancelled
    """,
    does=True,
    strict=True,
)
def cancel_order(dice: Dice, given: str | None) -> Use:
    """Cancel an order."""
    form = dice.choice(("ORD-{}", "B{}", "SO/{}", "EX-{}-A"))
    digits = str(dice.randint(1000, 99999))
    order = given or form.format(digits)
    say = dice.choice((*DONE, "cancelled"))

    @tool(effect=Effect.WRITES, idempotent=True)
    def cancel_order(order: str) -> str:
        """Cancel an order of a customer.

        Args:
            order: Its number.
        """
        start, end = form.split("{}")
        if not (order.startswith(start) and order.endswith(end)):
            raise ToolFault(f'order numbers look like {form.format("1234")}; found "{order}"')
        return say

    return Use(
        cancel_order,
        {"order": order},
        {"order": order},
        f"Order {order} is cancelled.",
        wrong={"order": digits},
    )


@user_tool(
    "calendar",
    asks="""
    Put {title} into the calendar for {day} at {time}
    Plan {title} on {day} at {time}
    Schedule {title}: {day}, {time}
    Enter {title} on {day}, starting at {time}
    {title} is on {day} at {time}, note it in my calendar
    Make a calendar entry called {title} for {day} at {time}
    On {day} at {time} I have {title}; put it down in the calendar
    Create an event {title} on {day} at {time}
    Could you add {title} to my calendar, {day} at {time}?
    Block {day} at {time} for {title}
    Calendar: {title}, {day}, {time}
    Pencil in {title} for {day} at {time}
    New appointment {title}, {day} {time}
    """,
    does=True,
    strict=True,
)
def create_event(dice: Dice, given: str | None) -> Use:
    """Put something into the calendar."""

    @tool(effect=Effect.WRITES)
    def create_event(title: str, day: str, time: str) -> str:
        """Put something into the calendar.

        Args:
            title: What it is called.
            day: The day of the week.
            time: As HH:MM.
        """
        return f"event created: {title}, {day} {at(time)}"

    title = given or dice.choice(
        (
            "dentist",
            "team lunch",
            "piano lesson",
            "tax meeting",
            "yoga",
            "book club",
            "haircut",
            "parents' evening",
        )
    )
    day, time = dice.choice(words.WEEKDAYS), some_time(dice)
    return Use(
        create_event, {"title": title, "day": day, "time": time}, {"title": title, "day": day, "time": time},
        f"{title} is in the calendar for {day} at {time}.", wrong={"time": other_time(time)},
    )  # fmt: skip


@user_tool(
    "calendar",
    asks="""
    Remind me at {time} to {what}
    At {time} I have to {what}; give me a reminder
    Set a reminder to {what} at {time}
    Don't let me forget to {what} at {time}
    Ring me at {time} so that I {what}
    I must {what} at {time}, remind me
    Reminder for {time}: {what}
    Make a reminder: {what}, {time}
    Could you remind me to {what} at {time}?
    {time}: {what}. Remind me, please
    I'd like to be reminded at {time} to {what}
    Give me a nudge at {time} to {what}
    Add a reminder for {time} to {what}
    """,
    does=True,
    strict=True,
)
def remind_me(dice: Dice, given: str | None) -> Use:
    """Remind of something."""
    say = dice.choice((*DONE, "reminder set"))

    @tool(effect=Effect.WRITES)
    def remind_me(what: str, time: str) -> str:
        """Set a reminder.

        Args:
            what: What to do.
            time: As HH:MM.
        """
        at(time)
        return say

    what, time = given or dice.to_do(), some_time(dice)
    return Use(
        remind_me, {"what": what, "time": time}, {"what": what, "time": time},
        f"A reminder to {what} is set for {time}.", wrong={"time": other_time(time)},
    )  # fmt: skip


@user_tool(
    "hotel",
    asks={
        "plain": """
        Book a room for {guest} for {nights} nights
        {guest} stays {nights} nights, book a room
        I need a room for {guest}, {nights} nights
        Make a booking: {guest}, {nights} nights
        Take a reservation of {nights} nights for {guest}
        Reserve a room for {nights} nights in the name of {guest}
        {guest} wants to sleep here for {nights} nights, so reserve a room
        Enter a stay of {nights} nights for {guest}
        Could you book {nights} nights for {guest}?
        {nights} nights for {guest}, please
        Check {guest} in for {nights} nights
        We are expecting {guest} for {nights} nights; book a room
        Room wanted: {guest}, {nights} nights
        """,
        "breakfast": """
        Book a room with breakfast for {guest} for {nights} nights
        {guest} stays {nights} nights and wants breakfast, book a room
        I need a room for {guest}, {nights} nights, including breakfast
        Make a booking: {guest}, {nights} nights, with breakfast
        Take a reservation of {nights} nights for {guest}, breakfast included
        Reserve a room with breakfast for {nights} nights in the name of {guest}
        {guest} wants to sleep here and have breakfast for {nights} nights, so reserve a room
        Enter a stay of {nights} nights with breakfast for {guest}
        Could you book {nights} nights with breakfast for {guest}?
        {nights} nights and breakfast for {guest}, please
        Check {guest} in for {nights} nights with breakfast
        We are expecting {guest} for {nights} nights with breakfast; book a room
        Room with breakfast wanted: {guest}, {nights} nights
        """,
    },
    things={"plain": "the booking number", "breakfast": "the booking number"},
    kind="guest",
    takes="person",
    does=True,
)
def book_room(dice: Dice, given: str | None) -> Use:
    """Book a room for a guest."""
    booking = dice.code().replace("#", "")

    @tool(effect=Effect.WRITES)
    def book_room(guest: str, nights: int, breakfast: bool = False) -> str:
        """Book a hotel room for a guest.

        Args:
            guest: The guest's name.
            nights: How many nights.
            breakfast: Whether they want breakfast.
        """
        return f"booked {nights} nights for {guest}; booking number {booking}"

    guest, nights, breakfast = given or dice.full_name(), dice.randint(2, 21), dice.maybe(0.4)
    return Use(
        book_room,
        {"guest": guest, "nights": nights} | ({"breakfast": True} if breakfast else {}),
        {"guest": guest, "nights": str(nights)},
        f"A room is booked for {guest}, booking number {booking}.", booking,
        "breakfast" if breakfast else "plain", "guest", "guest",
    )  # fmt: skip


@user_tool(
    "hotel",
    asks="""
    Wake room {room} at {time}
    Room {room} wants a wake-up call at {time}
    Arrange a wake-up call for {time} in room {room}
    Ring room {room} at {time} tomorrow
    The guest in room {room} asks to be woken at {time}, enter it
    Put down a wake-up call: room {room}, {time}
    Get room {room} out of bed at {time}
    Wake-up call, room {room}, {time}
    Could room {room} be woken at {time}?
    Register a call to wake room {room}, {time}
    {time} wake-up for room {room}, please
    Please schedule room {room} for a wake-up call at {time}
    They want to get up at {time} in room {room}, give them a call
    """,
    does=True,
    strict=True,
)
def wake_up_call(dice: Dice, given: str | None) -> Use:
    """Have a guest woken."""

    @tool(effect=Effect.WRITES)
    def wake_up_call(room: int, time: str) -> str:
        """Have a guest woken by telephone.

        Args:
            room: The room's number.
            time: As HH:MM.
        """
        return f"room {room} will be woken at {at(time)}"

    room, time = dice.randint(101, 699), f"0{dice.randint(4, 9)}:{dice.choice((0, 15, 30, 45)):02d}"
    return Use(
        wake_up_call, {"room": room, "time": time}, {"room": str(room), "time": time},
        f"Room {room} will be woken at {time}.", wrong={"time": other_time(time)},
    )  # fmt: skip


@user_tool(
    "staff",
    asks="""
    Send {person} this message: {text}
    Write to {person}: "{text}"
    Tell {person} the following: {text}
    Let {person} know this: {text}
    Message {person} with these words: {text}
    {person} should get a message that reads "{text}"
    Pass this on to {person}: {text}
    Drop {person} a line saying "{text}"
    Could you text {person} this: {text}
    Send word to {person}: "{text}"
    New message to {person}: {text}
    Please forward these words to {person}: {text}
    I want {person} to read this: "{text}"
    """,
    kind="person",
    takes="person",
    does=True,
)
def send_message(dice: Dice, given: str | None) -> Use:
    """Send somebody a message."""
    say = dice.choice((*DONE, "sent"))

    @tool(effect=Effect.WRITES)
    def send_message(person: str, text: str) -> str:
        """Send a message to a colleague.

        Args:
            person: Who gets it.
            text: What it says.
        """
        return say

    person, text = given or dice.full_name(), dice.sentence().rstrip(".")
    return Use(
        send_message, {"person": person, "text": text}, {"person": person, "text": text},
        f"The message was sent to {person}.", key="person", slot="person",
    )  # fmt: skip


@user_tool(
    "staff",
    asks="""
    Enter leave for {employee} from {start} to {end}
    {employee} takes leave from {start} until {end}, put that in
    Request time off for {employee}, {start} to {end}
    File a leave request: {employee}, {start} to {end}
    {employee} wants to be away from {start} to {end}; request the leave
    Ask for holidays for {employee} between {start} and {end}
    Hand in leave for {employee}: {start} till {end}
    From {start} to {end} leave is wanted by {employee}, request it
    Could you put in leave for {employee}, {start} until {end}?
    Leave for {employee}: first day {start}, last day {end}
    Book {employee} off from {start} to {end}
    {employee} will be on holiday from {start} to {end}, hand in the request
    Apply for time off, {employee}, from {start} till {end}
    """,
    things="the request number",
    kind="employee",
    takes="person",
    does=True,
)
def request_leave(dice: Dice, given: str | None) -> Use:
    """Ask for days off."""
    request = f"L{dice.randint(100, 9999)}"

    @tool(effect=Effect.WRITES)
    def request_leave(employee: str, start: str, end: str) -> dict[str, str]:
        """Request days off for an employee.

        Args:
            employee: Who wants them.
            start: As YYYY-MM-DD.
            end: As YYYY-MM-DD.
        """
        if end < start:
            raise ToolFault(f"leave cannot end on {end}, before it starts on {start}")
        return {"request": request, "state": "waiting"}

    employee = given or dice.full_name()
    start, end = sorted((dice.day(), dice.day()))
    return Use(
        request_leave, {"employee": employee, "start": start, "end": end},
        {"employee": employee, "start": start, "end": end},
        f"Leave for {employee} is requested as {request}.", request, key="employee", slot="employee",
    )  # fmt: skip


@user_tool(
    "library",
    asks="""
    Reserve {title} for {member}
    Put {title} aside for {member}
    {member} would like to borrow {title}, reserve it
    Hold {title} for {member}
    Keep {title} back, {member} wants it
    Make a reservation of {title} for {member}
    Set {title} aside in the name of {member}
    Mark {title} as reserved by {member}
    Could you reserve {title} for {member}?
    Reservation, please: {title}, for {member}
    {member} has asked for {title}; put it on hold
    Save {title} for {member}
    Let {member} have {title} next, reserve it
    """,
    kind="book",
    takes="book",
    does=True,
)
def reserve_book(dice: Dice, given: str | None) -> Use:
    """Keep a book back for somebody."""
    say = dice.choice((*DONE, "reserved"))

    @tool(effect=Effect.WRITES, idempotent=True)
    def reserve_book(title: str, member: str) -> str:
        """Keep a book back for a member of the library.

        Args:
            title: The book.
            member: Who wants it.
        """
        return say

    title, member = given or titles(dice, 1)[0], dice.full_name()
    return Use(
        reserve_book, {"title": title, "member": member}, {"title": title, "member": member},
        f"{title} is reserved for {member}.", key="title", slot="title",
    )  # fmt: skip


@user_tool(
    "sport",
    asks="""
    Note a run of {km} km in {minutes} minutes in my training log
    I ran {km} km, it took {minutes} minutes; add it to my training
    Log {km} km in {minutes} minutes as a run
    Record today's run: {km} km, {minutes} minutes
    My run was {km} km long and took {minutes} minutes, keep that in the training log
    Track a run, {km} km, {minutes} min
    Put {km} km run in {minutes} minutes into my training diary
    Training: {km} km, {minutes} minutes of running, please record
    Could you log my run? {km} km, {minutes} minutes
    Just back from {km} km in {minutes} minutes, write that down as a run
    Add a run to the log: distance {km} km, time {minutes} minutes
    New run: {km} km in {minutes} minutes
    It took me {minutes} minutes to run {km} km, please track it
    """,
    does=True,
)
def log_run(dice: Dice, given: str | None) -> Use:
    """Keep a run in the training log."""

    @tool(effect=Effect.WRITES)
    def log_run(km: float, minutes: int) -> str:
        """Keep a run in the training log.

        Args:
            km: How far.
            minutes: How long.
        """
        return f"logged {number(km)} km"

    km = dice.randint(4, 80) / 2
    minutes = round(km * dice.randint(45, 75) / 10)
    return Use(
        log_run, {"km": km, "minutes": minutes}, {"km": number(km), "minutes": str(minutes)},
        f"The run of {number(km)} km is in the training log.",
    )  # fmt: skip


@user_tool(
    "music",
    asks="""
    Play {song}
    Put on {song}
    I want to hear {song}
    Let me listen to {song}
    Start the song {song}
    Have the speakers play {song}
    Can we hear {song} now?
    Make some music: {song}
    Could you play {song}?
    {song}, please, on the speakers
    I'm in the mood for {song}, play it
    Next song: {song}
    Get {song} playing
    """,
    kind="song",
    takes="song",
    does=True,
)
def play_song(dice: Dice, given: str | None) -> Use:
    """Play a song."""
    say = dice.choice((*DONE, "playing {song}"))

    @tool(effect=Effect.WRITES, idempotent=True)
    def play_song(song: str) -> str:
        """Play a song on the speakers.

        Args:
            song: Its title.
        """
        return say.replace("{song}", song)

    song = given or titles(dice, 1)[0]
    return Use(play_song, {"song": song}, {"song": song}, f"{song} is playing.", key="song", slot="song")


@user_tool(
    "music",
    asks="""
    Set the volume of the {speaker} speaker to {level}
    Make the {speaker} speaker play at volume {level}
    Volume {level} on the {speaker} speaker
    Turn the {speaker} speaker to {level}
    The {speaker} speaker should be at volume {level}
    I'd like volume {level} for the {speaker} speaker
    Bring the {speaker} speaker to a volume of {level}
    Change how loud the {speaker} speaker is: {level}
    Could the {speaker} speaker play at {level}?
    {speaker} speaker, volume {level}, please
    Adjust the volume of the {speaker} speaker to {level}
    Let the {speaker} speaker be as loud as {level}
    Change the {speaker} speaker's volume to {level}
    """,
    does=True,
)
def set_volume(dice: Dice, given: str | None) -> Use:
    """How loud a speaker plays."""

    @tool(effect=Effect.WRITES, idempotent=True)
    def set_volume(speaker: Literal["left", "right", "kitchen", "garden"], level: int) -> str:
        """Set how loud a speaker plays.

        Args:
            speaker: Which one.
            level: From 0 to 100.
        """
        if not 0 <= level <= 100:
            raise ToolFault(f"the level goes from 0 to 100; found {level}")
        return f"{speaker}: {level}"

    speaker, level = dice.choice(("left", "right", "kitchen", "garden")), dice.randint(0, 100)
    return Use(
        set_volume, {"speaker": speaker, "level": level}, {"speaker": speaker, "level": str(level)},
        f"The {speaker} speaker is at volume {level}.",
    )  # fmt: skip


@user_tool(
    "bank",
    asks="""
    Pay {amount} to {payee}
    Transfer {amount} to {payee}
    Send {payee} {amount} from my account
    I owe {payee} {amount}, pay it
    {payee} gets {amount} from me, make the transfer
    Wire {amount} over to {payee}
    Move {amount} to the account of {payee}
    Let {payee} have {amount} from my account
    Could you pay {payee} {amount}?
    {amount} to {payee}, please
    Settle what I owe {payee}: {amount}
    Make a payment of {amount} to {payee}
    Payment for {payee}, {amount}, take care of it
    """,
    things="the receipt number",
    kind="payee",
    takes="person",
    does=True,
)
def pay_person(dice: Dice, given: str | None) -> Use:
    """Pay somebody."""
    receipt = f"T{dice.randint(10000, 999999)}"

    @tool(effect=Effect.WRITES)
    def pay_person(payee: str, amount: float) -> str:
        """Transfer money to somebody.

        Args:
            payee: Who gets it.
            amount: How much.
        """
        return f"paid {amount:.2f} to {payee}, receipt {receipt}"

    payee, amount = given or dice.full_name(), dice.price()
    return Use(
        pay_person, {"payee": payee, "amount": float(amount)}, {"payee": payee, "amount": amount},
        f"{amount} was paid to {payee}, receipt {receipt}.", receipt, key="payee", slot="payee",
    )  # fmt: skip


@user_tool(
    "garden",
    asks="""
    Water {bed} for {minutes} minutes
    Give {bed} {minutes} minutes of water
    Let the sprinkler run on {bed} for {minutes} minutes
    {bed} needs water: {minutes} minutes
    Sprinkle {bed}, {minutes} minutes
    Run the water for {minutes} minutes on {bed}
    Irrigate {bed} for {minutes} minutes
    Have {bed} watered, {minutes} minutes are enough
    Could you water {bed} for {minutes} minutes?
    {minutes} minutes of water for {bed}, please
    Turn the sprinkler on at {bed}, {minutes} minutes long
    It is dry out there, give {bed} water for {minutes} minutes
    Start watering {bed} and stop after {minutes} minutes
    """,
    kind="bed",
    takes="plant",
    does=True,
)
def water_bed(dice: Dice, given: str | None) -> Use:
    """Let the sprinkler run."""
    say = dice.choice((*DONE, "watering"))

    @tool(effect=Effect.WRITES)
    def water_bed(bed: str, minutes: int) -> str:
        """Let the sprinkler of a bed run.

        Args:
            bed: What grows there.
            minutes: How long.
        """
        return say

    bed = given or dice.choice(
        ("tomatoes", "roses", "herbs", "beans", "tulips", "strawberries", "lettuce", "carrots")
    )
    minutes = dice.randint(2, 60)
    return Use(
        water_bed, {"bed": bed, "minutes": minutes}, {"bed": f"the {bed}", "minutes": str(minutes)},
        f"The {bed} get {minutes} minutes of water.", key="bed", slot="bed", shown="the {}",
    )  # fmt: skip


@user_tool(
    "transport",
    asks="""
    Order a taxi to {place} for {time}
    Get me a cab to {place} at {time}
    I need a taxi at {time}, going to {place}
    A taxi should take me to {place} at {time}, order one
    Call a cab for {time}, destination {place}
    Book a ride to {place} at {time}
    Have a taxi pick me up at {time} and bring me to {place}
    Taxi, {time}, to {place}
    Could you get a taxi to {place} for {time}?
    {time}, cab to {place}, please
    I have to be picked up at {time} to go to {place}; a taxi, please
    Arrange for a taxi at {time} that goes to {place}
    We want to ride to {place} at {time}, call a taxi
    """,
    things="the number of the taxi",
    kind="destination",
    takes="city",
    does=True,
    strict=True,
)
def order_taxi(dice: Dice, given: str | None) -> Use:
    """Order a taxi."""
    car = str(dice.randint(10, 9999))

    @tool(effect=Effect.WRITES)
    def order_taxi(place: str, time: str) -> str:
        """Order a taxi.

        Args:
            place: Where it goes.
            time: As HH:MM.
        """
        return f"taxi {car} comes at {at(time)}"

    place, time = given or dice.city(), some_time(dice)
    return Use(
        order_taxi, {"place": place, "time": time}, {"place": place, "time": time},
        f"Taxi {car} comes at {time} and goes to {place}.", car, key="place", slot="place",
        wrong={"time": other_time(time)},
    )  # fmt: skip


@user_tool(
    "transport",
    asks="""
    Book seat {seat} on train {train}
    I'd like seat {seat} in train {train}, reserve it
    Reserve seat {seat} on the train {train}
    Train {train}, seat {seat}: take it for me
    Keep seat {seat} in {train} free for me
    Get me seat {seat} on train {train}
    Secure me seat {seat} in train {train}
    Seat {seat} in train {train} should be mine, book it
    Could you book me seat {seat} on {train}?
    Seat {seat}, train {train}, please
    Put me in seat {seat} of train {train}
    I travel by train {train} and want seat {seat}, book that
    A reservation for {train}: seat {seat}
    """,
    things="the ticket number",
    does=True,
)
def reserve_seat(dice: Dice, given: str | None) -> Use:
    """Reserve a seat in a train."""
    ticket = f"{dice.randint(100, 999)}-{dice.randint(100, 999)}"

    @tool(effect=Effect.WRITES)
    def reserve_seat(train: str, seat: int) -> dict[str, Any]:
        """Reserve a seat in a train.

        Args:
            train: The train's name.
            seat: The seat's number.
        """
        return {"train": train, "seat": seat, "ticket": ticket}

    train, seat = f"{dice.choice(('IC', 'RE', 'EX'))}{dice.randint(10, 999)}", dice.randint(1, 120)
    return Use(
        reserve_seat, {"train": train, "seat": seat}, {"train": train, "seat": str(seat)},
        f"Seat {seat} in train {train} is reserved with ticket {ticket}.", ticket,
    )  # fmt: skip


@user_tool(
    "games",
    asks="""
    Give {player} {points} points
    Add {points} points for {player}
    {player} won {points} points, enter them
    {points} points go to {player}
    Write down {points} points for {player} on the score board
    Credit {player} with {points} points
    {player} scored, that is {points} points more
    Increase the score of {player} by {points}
    Could you add {points} points to {player}?
    {points} more for {player}, please
    Another {points} points for {player}
    Score: {player} plus {points}
    Put {points} points on {player}'s account
    """,
    kind="player",
    takes="player",
    does=True,
)
def add_points(dice: Dice, given: str | None) -> Use:
    """Give a player points."""
    before = dice.randint(0, 500)

    @tool(effect=Effect.WRITES)
    def add_points(player: str, points: int) -> str:
        """Add points to a player's score.

        Args:
            player: Who gets them.
            points: How many.
        """
        return f"{player} now has {before + points} points"

    player, points = given or made_up_names(dice, 1)[0], dice.randint(1, 250)
    return Use(
        add_points, {"player": player, "points": points}, {"player": player, "points": str(points)},
        f"{player} now has {before + points} points.", key="player", slot="player",
    )  # fmt: skip


@user_tool(
    "hospital",
    asks="""
    Note that {patient} got {dose} mg of {drug}
    {patient} was given {dose} mg of {drug}, write that into the chart
    Enter {dose} mg {drug} for {patient}
    Record in the chart: {patient}, {drug}, {dose} mg
    Chart {dose} mg of {drug} for {patient}
    I gave {patient} {dose} mg of {drug}, please enter it
    Put {drug}, {dose} mg, on the medication list of {patient}
    For {patient}: {dose} mg {drug} given, document it
    Could you chart {drug} {dose} mg for {patient}?
    {patient}: {drug} {dose} mg, given just now, put it in the chart
    Add to the chart that {patient} received {dose} mg {drug}
    Medication entry: {dose} mg of {drug}, {patient}
    Write down {drug} for {patient}, {dose} mg
    """,
    kind="patient",
    takes="person",
    does=True,
)
def chart_medicine(dice: Dice, given: str | None) -> Use:
    """Write a dose into a patient's chart."""
    say = dice.choice((*DONE, "entered"))

    @tool(effect=Effect.WRITES)
    def chart_medicine(patient: str, drug: str, dose: int) -> str:
        """Write into a patient's chart what they were given.

        Args:
            patient: Who got it.
            drug: What it was.
            dose: In mg.
        """
        return say

    patient, drug = (
        given or dice.full_name(),
        dice.choice(("ibuprofen", "paracetamol", "aspirin", "insulin", "morphine", "penicillin")),
    )
    dose = dice.choice((5, 10, 20, 50, 100, 200, 250, 400, 500, 800))
    return Use(
        chart_medicine, {"patient": patient, "drug": drug, "dose": dose},
        {"patient": patient, "drug": drug, "dose": str(dose)},
        f"{dose} mg of {drug} are in the chart of {patient}.", key="patient", slot="patient",
    )  # fmt: skip


@user_tool(
    "kitchen timer",
    asks={
        "plain": """
        Start a timer of {minutes} minutes
        Ring in {minutes} minutes
        Set the timer to {minutes} minutes
        Timer, {minutes} minutes
        Count down {minutes} minutes
        Let me know when {minutes} minutes are over, start a timer
        I need a {minutes} minute timer
        Have the clock ring after {minutes} minutes
        Could you time {minutes} minutes?
        {minutes} minutes on the timer, please
        Tell me once {minutes} minutes have gone by, use a timer
        Set me a timer for {minutes} minutes
        Run a {minutes} minute timer
        """,
        "label": """
        Start a timer of {minutes} minutes called {label}
        Set the timer to {minutes} minutes and name it {label}
        Timer, {minutes} minutes, label {label}
        Count down {minutes} minutes under the name {label}
        I need a {minutes} minute timer labelled {label}
        Ring in {minutes} minutes; call the timer {label}
        A timer named {label} should run for {minutes} minutes
        Let a timer with the label {label} run {minutes} minutes
        Could you time {minutes} minutes for {label}?
        {minutes} minutes on a timer called {label}, please
        Set me a timer for {minutes} minutes, label it {label}
        Run a {minutes} minute timer under the label {label}
        Timer {label}: {minutes} minutes
        """,
    },
    does=True,
)
def start_timer(dice: Dice, given: str | None) -> Use:
    """Start a timer."""

    @tool(effect=Effect.WRITES)
    def start_timer(minutes: int, label: str = "timer") -> str:
        """Start a timer.

        Args:
            minutes: When it rings.
            label: What it is called.
        """
        return f"{label}: {minutes}:00"

    minutes, labelled, label = (
        dice.randint(1, 120),
        dice.maybe(),
        given or dice.choice(("pasta", "eggs", "cake", "tea", "rice", "laundry")),
    )
    more = {"label": label} if labelled else {}
    return Use(
        start_timer, {"minutes": minutes, **more}, {"minutes": str(minutes), **more},
        f"A timer runs for {minutes} minutes.", way="label" if labelled else "plain",
    )  # fmt: skip


DEEDS: tuple[UserTool, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, UserTool)
)
