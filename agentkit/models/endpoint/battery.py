"""The examination of a server: every probe in its order, and the settings that come of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentkit.core.diagnosis import Diagnosis, State
from agentkit.core.errors import AuthenticationFailed, ModelError
from agentkit.models.endpoint import answers, calls
from agentkit.models.endpoint.contract import Endpoint, Learnt
from agentkit.models.endpoint.window import window

NO_MODEL = "no-such-model-by-agentkit-doctor"
"""A name that no server gives a model."""


async def examined(endpoint: Endpoint) -> AsyncIterator[Learnt]:
    """What every probe learns, as it is learnt; they end early when nothing answers.

    An endpoint without the name of a model is examined with the first that the server lists.
    """
    model = endpoint.connected()
    try:
        listing, listed = await _listed(endpoint)
        yield listing
        if not endpoint.model:
            if not listed:
                return
            endpoint = replace(endpoint, model=str(listed[0].get("id", "")))
            await model.aclose()
            model = endpoint.connected()
        chosen = {"model": f"openai:{endpoint.model}", "base_url": endpoint.url}
        yield Learnt(Diagnosis("model", State.OK, endpoint.model), chosen)
        learnt, answer = await answers.plain(model)
        yield learnt
        if answer is None:
            return
        if (thinks := answers.thoughts(answer)) is not None:
            yield thinks
            endpoint = replace(endpoint, **thinks.settings)
            await model.aclose()
            model = endpoint.connected()
        yield await answers.streaming(model, answer)
        yield answers.usage(answer)
        yield await answers.stop(model)
        yield await answers.seed(model)
        called = await calls.calling(endpoint)
        yield called
        if called.diagnosis.state is State.OK:
            form = called.settings.get("text_calls")
            yield await calls.parallel(endpoint, form)
            yield await calls.many(endpoint, form)
        yield await answers.structured(model)
        yield await window(model, listed, endpoint.model)
        yield await answers.bad_request(model)
        yield await _nobody(endpoint)
        if model.refused:
            found = f"not taken, and left out: {', '.join(sorted(model.refused))}"
            yield Learnt(Diagnosis("parameters", State.LACKS, found))
    finally:
        await model.aclose()


async def _nobody(endpoint: Endpoint) -> Learnt:
    model = replace(endpoint, model=NO_MODEL).connected()
    try:
        return await answers.unknown_model(model)
    finally:
        await model.aclose()


async def _listed(endpoint: Endpoint) -> tuple[Learnt, Sequence[Mapping[str, Any]]]:
    model = endpoint.connected()
    try:
        listed = await model.listed()
    except ModelError as error:
        key = isinstance(error, AuthenticationFailed)
        mend = (
            "put the server's key into OPENAI_API_KEY"
            if key
            else ""
            if endpoint.model
            else "say --model NAME"
        )
        # a server may have no list and answer all the same
        state = State.LACKS if endpoint.model else State.FAILS
        return Learnt(Diagnosis("model list", state, f"{type(error).__name__}: {error}", mend)), ()
    finally:
        await model.aclose()
    names = [str(one.get("id", "")) for one in listed]
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    if not names:
        state = State.LACKS if endpoint.model else State.FAILS
        return Learnt(Diagnosis("model list", state, "it is empty", "load a model, or say --model NAME")), ()
    if endpoint.model and endpoint.model not in names:
        found = f"{endpoint.model} is not in it: {shown}"
        return Learnt(Diagnosis("model list", State.LACKS, found, "say one of them with --model")), listed
    return Learnt(Diagnosis("model list", State.OK, shown)), listed
