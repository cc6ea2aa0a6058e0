"""Probes of plain answers: whether they come, how, and whether they heed what is asked of them."""

from typing import Any

import msgspec

from agentkit.core.diagnosis import Diagnosis, State
from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    ModelError,
    ProviderDown,
    StreamCut,
)
from agentkit.core.protocols import ModelRequest
from agentkit.models.endpoint.contract import Heard, Learnt, heard, question
from agentkit.models.openai_api import OPENED, OpenAIModel
from agentkit.models.thoughts import CLOSE, OPEN

COUNT = "Count from 1 to 10, the numbers only, with a space between."
REPEAT = "Say these four words and nothing else: alpha beta gamma delta"
UNSAID = ("gamma", "Gamma", "GAMMA")
"""The third of these words, as models write it."""
DRAW = "Think of a number between 1 and a million, by chance. Say the number and nothing else."
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "rivers": {"type": "integer"}},
    "required": ["city", "rivers"],
    "additionalProperties": False,
}


async def plain(model: OpenAIModel) -> tuple[Learnt, Heard | None]:
    """Whether it answers at all; without that nothing else can be looked at."""
    try:
        answer = await heard(model, question(COUNT))
    except AuthenticationFailed as error:
        return _fails("answer", error, "put the server's key into OPENAI_API_KEY"), None
    except ProviderDown as error:
        return _fails("answer", error, "start the server, or look at the address and --seconds"), None
    except StreamCut as error:
        mend = "look at the time limits of the server, and of a proxy before it, and at the server's log"
        return _fails("answer", error, mend), None
    except ModelError as error:
        return _fails(
            "answer", error, "look at the model's name, at --endpoint, and at the server's log"
        ), None
    if not (answer.text or answer.answer.message.reasoning):
        words = "the answer is empty"
        return Learnt(Diagnosis("answer", State.FAILS, words, "look at the server's chat template")), None
    said = answer.text.rpartition(CLOSE)[2].strip()
    return Learnt(Diagnosis("answer", State.OK, repr(said[:40]))), answer


def thoughts(answer: Heard) -> Learnt | None:
    """Whether the answer begins with thoughts, and how they stand in it; `None` when it has none."""
    if answer.answer.message.reasoning:
        return Learnt(Diagnosis("thoughts", State.OK, "told apart from the answer"))
    if CLOSE in answer.text:
        found = f"they stand at the head of the text, without {OPEN} before them"
        return Learnt(Diagnosis("thoughts", State.OK, found), {"thoughts": OPENED})
    return None


async def streaming(model: OpenAIModel, answer: Heard) -> Learnt:
    """Whether the answer came while it was made.

    One that seems to have been held back is asked for again: the first also waits for a connection,
    and for a model that is being loaded.
    """
    if answer.held_back:
        try:
            answer = await heard(model, question(COUNT))
        except ModelError as error:
            return _unknown("streaming", error)
    if answer.pieces <= 1:
        return Learnt(Diagnosis("streaming", State.LACKS, "the answer came in one piece"))
    if answer.held_back:
        found = f"{answer.pieces} pieces, all at once after {answer.waited:.1f} s: they were held back"
        mend = "let the proxy before the server pass on what comes (nginx: proxy_buffering off)"
        return Learnt(Diagnosis("streaming", State.LACKS, found, mend))
    return Learnt(Diagnosis("streaming", State.OK, f"{answer.pieces} pieces"))


def usage(answer: Heard) -> Learnt:
    """Whether the server counts tokens."""
    told = answer.answer.usage
    if told.estimated or not told.total:
        found = "no usage is reported: budgets count an upper estimate"
        return Learnt(Diagnosis("usage", State.LACKS, found))
    return Learnt(Diagnosis("usage", State.OK, f"{told.input_tokens} in, {told.output_tokens} out"))


async def stop(model: OpenAIModel) -> Learnt:
    """Whether an answer ends before a text it must not hold, in whichever of its spellings it is written."""
    try:
        said = (await heard(model, question(REPEAT, stop=UNSAID))).text
    except BadRequest as error:
        return Learnt(Diagnosis("stop", State.LACKS, f"refused: {error}"))
    except ModelError as error:
        return _unknown("stop", error)
    if any(word in said for word in UNSAID):
        return Learnt(Diagnosis("stop", State.LACKS, f"ignored: {said[:60]!r}"))
    if "alpha" not in said.lower():
        return Learnt(Diagnosis("stop", State.UNKNOWN, f"the words were not repeated: {said[:60]!r}"))
    return Learnt(Diagnosis("stop", State.OK, "the answer ended before it"))


async def seed(model: OpenAIModel) -> Learnt:
    """Whether the same seed draws the same answer."""
    request = question(DRAW, temperature=1.0, seed=7)
    try:
        first, second = (await heard(model, request)).text, (await heard(model, request)).text
    except ModelError as error:
        return _unknown("seed", error)
    if "seed" in model.refused:
        return Learnt(Diagnosis("seed", State.LACKS, "the server takes none"))
    if first != second:
        found = f"the same seed drew {first[:20]!r} and {second[:20]!r}"
        return Learnt(Diagnosis("seed", State.LACKS, found))
    return Learnt(Diagnosis("seed", State.OK, f"the same seed drew {first[:20]!r} twice"))


async def structured(model: OpenAIModel) -> Learnt:
    """Whether an answer is held to a schema that is not in the words of the question."""
    try:
        said = (await heard(model, question("Tell me about Paris.", answer_schema=CITY))).text
    except BadRequest as error:
        return Learnt(Diagnosis("structured output", State.LACKS, f"refused: {error}"))
    except ModelError as error:
        return _unknown("structured output", error)
    try:
        value: Any = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        value = None
    match value:
        case {"city": str(), "rivers": int()} if len(value) == 2:
            return Learnt(Diagnosis("structured output", State.OK, said[:60]))
        case _:
            return Learnt(Diagnosis("structured output", State.LACKS, f"ignored: {said[:60]!r}"))


async def bad_request(model: OpenAIModel) -> Learnt:
    """Whether a request that is wrong is answered as one, and not as a server that fails."""
    try:
        said = (await heard(model, ModelRequest((), max_tokens=16))).text
    except ContextOverflow as error:
        return Learnt(Diagnosis("error form", State.FAILS, f"an empty conversation is too long: {error}"))
    except BadRequest as error:
        return Learnt(Diagnosis("error form", State.OK, f"a wrong request is refused: {error}"))
    except ModelError as error:
        found = f"a wrong request looks like {type(error).__name__}, and would be tried again: {error}"
        return Learnt(Diagnosis("error form", State.LACKS, found))
    return Learnt(Diagnosis("error form", State.UNKNOWN, f"an empty conversation is answered: {said[:40]!r}"))


async def unknown_model(model: OpenAIModel) -> Learnt:
    """Whether a model that the server does not have is refused, and not answered by another.

    Args:
        model: one by a name that nobody gives a model.
    """
    about = "unknown model"
    try:
        await heard(model, question(REPEAT))
    except (BadRequest, AuthenticationFailed) as error:
        return Learnt(Diagnosis(about, State.OK, f"a name that is none is refused: {error}"))
    except ModelError as error:
        found = f"a name that is none looks like {type(error).__name__}, and would be tried again: {error}"
        return Learnt(Diagnosis(about, State.LACKS, found))
    found = "a name that is none is answered: a mistyped one is not noticed"
    return Learnt(Diagnosis(about, State.LACKS, found))


def _fails(about: str, error: ModelError, mend: str) -> Learnt:
    return Learnt(Diagnosis(about, State.FAILS, f"{type(error).__name__}: {error}", mend))


def _unknown(about: str, error: ModelError) -> Learnt:
    return Learnt(Diagnosis(about, State.UNKNOWN, f"{type(error).__name__}: {error}"))
