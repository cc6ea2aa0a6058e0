"""Probes of tool calls: made by the server, or written as text, and in which form."""

from agentkit.core.diagnosis import Diagnosis, State
from agentkit.core.errors import BadRequest, ModelError
from agentkit.core.tools import ToolSpec
from agentkit.models.endpoint.contract import Endpoint, Learnt, heard, question
from agentkit.models.text_calls import FORMS

WEATHER = ToolSpec(
    "get_weather",
    "Get the weather of a city at this moment.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Name of the city."}},
        "required": ["city"],
    },
)
ONE = "What is the weather in Paris at this moment? Call the tool."
TWO = "What is the weather in Paris and in Rome at this moment? Call the tool once for each, both at once."

MANY = (6, 12, 24, 48)
"""How many tools are offered at once to see whether the right one is still found."""


async def calling(endpoint: Endpoint) -> Learnt:
    """How tools are called: by the server's own calls, or in a form of text that can be declared."""
    model = endpoint.connected()
    try:
        said = ""
        for must_call in (False, True):
            answer = (await heard(model, question(ONE, (WEATHER,), must_call=must_call))).answer.message
            if answer.calls:
                how = " when told to" if must_call else ""
                return Learnt(Diagnosis("tool calls", State.OK, f"the server makes them{how}"))
            if answer.malformed:
                found = f"a call cannot be read: {answer.malformed[0].error}"
                return Learnt(Diagnosis("tool calls", State.LACKS, found))
            if form := written_form(answer.text):
                return _in_text(form, "the server leaves them in the text")
            said = said or answer.text
    except BadRequest as error:
        return await _told_in_words(endpoint, str(error))
    except ModelError as error:
        return Learnt(Diagnosis("tool calls", State.UNKNOWN, f"{type(error).__name__}: {error}"))
    finally:
        await model.aclose()
    found = f"the tool was not called: {said[:60]!r}"
    return Learnt(Diagnosis("tool calls", State.FAILS, found, "take a model that was trained to call tools"))


def written_form(text: str) -> str | None:
    """The form in which a text holds a call of the tool, or `None`."""
    for name, form in FORMS.items():
        _, calls = form.read(text, (WEATHER.name,))
        if any(call.name == WEATHER.name and not call.error for call in calls):
            return name
    return None


async def _told_in_words(endpoint: Endpoint, refusal: str) -> Learnt:
    """The first form in which a model, told of its tools in words, calls one."""
    for name in FORMS:
        model = endpoint.connected(name)
        try:
            answer = (await heard(model, question(ONE, (WEATHER,)))).answer.message
        except ModelError:
            break
        finally:
            await model.aclose()
        if any(call.name == WEATHER.name for call in answer.calls):
            return _in_text(name, f"the server takes no tools ({refusal}), and the model is told in words")
    mend = "start the server with tool calls, or take a model that was trained to call tools"
    return Learnt(Diagnosis("tool calls", State.FAILS, f"the server takes no tools: {refusal}", mend))


def _in_text(form: str, why: str) -> Learnt:
    return Learnt(Diagnosis("tool calls", State.OK, f"{why}, in the form {form}"), {"text_calls": form})


async def many(endpoint: Endpoint, form: str | None) -> Learnt:
    """Among how many tools the right one is still called."""
    model = endpoint.connected(form)
    held = 1
    try:
        for count in MANY:
            others = [_other(number) for number in range(1, count)]
            # it stands in the middle, where it is missed first
            tools = [*others[: count // 2], WEATHER, *others[count // 2 :]]
            try:
                calls = (await heard(model, question(ONE, tools))).answer.message.calls
                wrong = f"it called {calls[0].name}" if calls else "it called none"
            except BadRequest as error:
                calls, wrong = (), f"they are refused: {error}"
            if not calls or calls[0].name != WEATHER.name:
                found = f"of {held} tools the right one is called; of {count}, {wrong}"
                return Learnt(Diagnosis("many tools", State.LACKS, found), {"most_tools": held})
            held = count
    except ModelError as error:
        return Learnt(Diagnosis("many tools", State.UNKNOWN, f"{type(error).__name__}: {error}"))
    finally:
        await model.aclose()
    return Learnt(Diagnosis("many tools", State.OK, f"the right one of {held} is called"))


def _other(number: int) -> ToolSpec:
    """A tool that has nothing to do with the weather."""
    schema = {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "A file of the shelf."}},
        "required": ["path"],
    }
    return ToolSpec(f"sort_shelf_{number}", f"Sort the books of shelf {number} by their titles.", schema)


async def parallel(endpoint: Endpoint, form: str | None) -> Learnt:
    """Whether one answer holds two calls."""
    model = endpoint.connected(form)
    try:
        calls = (await heard(model, question(TWO, (WEATHER,)))).answer.message.calls
    except ModelError as error:
        return Learnt(Diagnosis("parallel calls", State.UNKNOWN, f"{type(error).__name__}: {error}"))
    finally:
        await model.aclose()
    if len({str(call.arguments) for call in calls}) > 1:
        return Learnt(Diagnosis("parallel calls", State.OK, f"{len(calls)} in one answer"))
    return Learnt(
        Diagnosis("parallel calls", State.LACKS, f"{len(calls)} in one answer where two were asked for")
    )
