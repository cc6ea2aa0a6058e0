"""Memories of chains, under LangChain's names: what each shows, and what is kept."""

from collections.abc import AsyncIterator, Sequence

import pytest

from agentkit.core.documents import Chunk, Facts, Hit
from agentkit.core.errors import ProviderDown, UsageError
from agentkit.core.messages import Asked, Message, SystemMessage, UserMessage
from agentkit.core.runnable import Lambda
from agentkit.memory import (
    CombinedMemory,
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationEntityMemory,
    ConversationMemory,
    ConversationSummaryBufferMemory,
    ConversationSummaryMemory,
    ConversationTokenBufferMemory,
    EntityMemory,
    Scope,
    Shape,
    VectorStoreRetrieverMemory,
    summarised_by,
    with_history,
    with_memory,
)
from agentkit.memory.view import RETOLD, estimated
from agentkit.memory.words import FOUND
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.chat import ChatPromptTemplate, Placeholder


async def shown(memory: ConversationMemory | CombinedMemory, question: str = "") -> list[str]:
    return [one.text for one in await memory.messages(question)]


def filled(memory: ConversationMemory, exchanges: int = 4) -> ConversationMemory:
    for number in range(exchanges):
        memory.save(f"question {number}", f"answer {number}")
    return memory


def telling(*summaries: str) -> tuple[ScriptedModel, object]:
    model = ScriptedModel([*summaries])
    return model, summarised_by(as_runnable(model))


async def test_a_buffer_shows_all_and_a_window_the_last(ann: Scope) -> None:
    talk = ann.conversation("a")
    assert len(await shown(filled(ConversationBufferMemory(talk)))) == 8
    assert await shown(ConversationBufferWindowMemory(talk, k=1)) == ["question 3", "answer 3"]
    assert await shown(ConversationBufferWindowMemory(talk, k=0)) == []


async def test_a_token_buffer_keeps_its_limit(ann: Scope) -> None:
    memory = filled(ConversationTokenBufferMemory(ann.conversation("a"), max_token_limit=60))
    messages = await memory.messages()
    assert estimated(messages) <= 60
    assert [one.text for one in messages][-2:] == ["question 3", "answer 3"]


async def test_a_summary_stands_for_all_and_goes_on(ann: Scope) -> None:
    model, tell = telling("four exchanges", "five exchanges")
    memory = filled(ConversationSummaryMemory(ann.conversation("a"), tell))  # type: ignore[arg-type]
    assert await shown(memory) == [f"{RETOLD}\nfour exchanges"]
    memory.save("question 4", "answer 4")
    assert await shown(memory) == [f"{RETOLD}\nfive exchanges"]
    asked = model.requests[1].messages[-1].text
    assert ("four exchanges" in asked, "Person: question 4" in asked, "question 0" in asked) == (
        True,
        True,
        False,
    )


async def test_a_summary_buffer_keeps_the_newest_and_survives_a_failed_summary(ann: Scope) -> None:
    model = ScriptedModel([ProviderDown("no"), "older ones"])
    memory = ConversationSummaryBufferMemory(
        ann.conversation("a"), summarised_by(as_runnable(model)), max_token_limit=80
    )
    filled(memory, 8)
    failed = await shown(memory)
    assert failed[-1] == "answer 7"
    assert not failed[0].startswith(RETOLD)
    assert memory.last is not None
    assert memory.last.fault == "no"
    mended = await shown(memory)
    assert mended[0] == f"{RETOLD}\nolder ones"
    assert mended[-1] == "answer 7"


async def test_a_long_stretch_is_summed_up_part_after_part() -> None:
    model = ScriptedModel([f"summary {number}" for number in range(20)])
    tell = summarised_by(as_runnable(model), room=60)
    last = await tell("", [UserMessage("word " * 100 + ".")])
    count = len(model.requests)
    assert (count > 2, last) == (True, f"summary {count - 1}")
    told = [request.messages[-1].text for request in model.requests]
    assert all(f"The summary so far: summary {place}" in one for place, one in enumerate(told[1:]))
    assert sum(one.count("word") for one in told) == 100
    with pytest.raises(UsageError, match="room = 0"):
        summarised_by(as_runnable(model), room=0)


async def test_those_who_are_named_come_with_what_is_known_of_them(ann: Scope) -> None:
    earlier = ann.conversation("monday")
    (said,) = earlier.add(UserMessage("Ingrid Solberg runs the bakery"))
    ann.facts.write("Ingrid", "phone", "555", message=said, quote="Ingrid")
    memory = filled(EntityMemory(ann, ann.conversation("tuesday"), k=1), 2)
    assert EntityMemory is ConversationEntityMemory
    first, *rest = await shown(memory, "Is Ingrid in?")
    assert first.startswith(FOUND)
    assert "Ingrid: phone: 555" in first
    assert "- Ingrid Solberg runs the bakery" in first
    assert rest == ["question 1", "answer 1"]
    assert await shown(memory, "anybody?") == rest


async def test_what_bears_on_the_question_is_found_in_any_conversation(ann: Scope) -> None:
    ann.conversation("monday").add(UserMessage("the ferry leaves at noon"))
    memory = VectorStoreRetrieverMemory(ann, ann.conversation("tuesday"), k=1)
    (found,) = await shown(memory, "when is the ferry?")
    assert "the ferry leaves at noon" in found
    assert await shown(memory, "") == []


async def test_another_retriever_may_find(ann: Scope) -> None:
    class Library:
        async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
            return [Hit(Chunk("d", 0, 4, f"{query}: yes"), 1.0)][:limit]

    memory = VectorStoreRetrieverMemory(ann, ann.conversation("a"), retriever=Library())
    assert await shown(memory, "tea?") == [f"{FOUND}\n- tea?: yes"]


async def test_memories_combined_show_in_order_and_keep_once(ann: Scope) -> None:
    talk = ann.conversation("tuesday")
    ann.conversation("monday").add(UserMessage("the ferry leaves at noon"))
    memory = CombinedMemory(
        VectorStoreRetrieverMemory(ann, talk),
        ConversationBufferWindowMemory(ann.conversation("tuesday"), k=2),
    )
    memory.save("hello", "hi")
    assert [one.text for one in talk.messages()] == ["hello", "hi"]
    found, *rest = await shown(memory, "ferry")
    assert "noon" in found
    assert rest == ["hello", "hi"]
    assert memory.clear().messages == 2
    assert talk.messages() == ()


# --- in chains


async def test_a_model_with_a_memory_is_shown_what_was_said(ann: Scope) -> None:
    model = ScriptedModel(["Hello Ann.", "Ann."])
    chain = with_memory(as_runnable(model), ConversationBufferMemory(ann.conversation("a")))
    assert await chain.ainvoke("I am Ann") == "Hello Ann."
    assert await chain.ainvoke("Who am I?") == "Ann."
    assert [one.text for one in model.requests[1].messages] == ["I am Ann", "Hello Ann.", "Who am I?"]


async def test_a_prompt_takes_the_history_as_a_value(ann: Scope) -> None:
    model = ScriptedModel(["Hello Ann.", "Ann."])
    prompt = ChatPromptTemplate(("system", "Be {how}"), Placeholder("history"), ("user", "{question}"))
    memory = ConversationBufferMemory(ann.conversation("a"))
    chain = with_history(prompt | as_runnable(model), memory)
    await chain.ainvoke({"how": "kind", "question": "I am Ann"})
    await chain.ainvoke({"how": "kind", "question": "Who am I?"})
    asked: tuple[Message, ...] = model.requests[1].messages
    assert asked[0] == SystemMessage("Be kind")
    assert [one.text for one in asked[1:]] == ["I am Ann", "Hello Ann.", "Who am I?"]
    with pytest.raises(UsageError, match=r"no text 'question' to remember; found how"):
        await chain.ainvoke({"how": "kind"})


async def test_an_answer_that_breaks_off_is_not_kept_nor_is_its_question(ann: Scope) -> None:
    async def breaking(asked: Asked) -> AsyncIterator[str]:
        yield "I was"
        raise ProviderDown("gone")

    talk = ann.conversation("a")
    chain = with_memory(Lambda(breaking), ConversationBufferMemory(talk))
    stream = chain.astream("well?")
    assert await anext(stream) == "I was"
    with pytest.raises(ProviderDown):
        await anext(stream)
    assert talk.messages() == ()


async def test_what_is_recalled_for_a_question_is_not_kept_again(ann: Scope) -> None:
    ann.conversation("monday").add(UserMessage("the ferry leaves at noon"))
    talk = ann.conversation("tuesday")
    chain = with_memory(as_runnable(ScriptedModel(["Noon."])), VectorStoreRetrieverMemory(ann, talk))
    await chain.ainvoke("When does the ferry leave?")
    assert [one.text for one in talk.messages()] == ["When does the ferry leave?", "Noon."]


async def test_the_first_piece_passes_before_the_last_is_made(ann: Scope) -> None:
    made: list[str] = []

    async def slowly(asked: Asked) -> AsyncIterator[str]:
        for word in ("one ", "two"):
            made.append(word)
            yield word

    chain = with_memory(Lambda(slowly), ConversationMemory(ann.conversation("a"), Shape()))
    async for piece in chain.astream("count"):
        assert made == ["one "] if piece == "one " else made == ["one ", "two"]


async def test_who_waits_for_the_whole_answer_sees_no_new_beginning(ann: Scope) -> None:
    attempts = [["Half", ProviderDown("gone")], ["Noon."]]

    async def flaky(asked: Asked) -> AsyncIterator[str]:
        for piece in attempts.pop(0):
            if isinstance(piece, ProviderDown):
                raise piece
            yield piece

    talk = ann.conversation("a")
    chain = with_memory(Lambda(flaky).with_retry(first_wait=0), ConversationBufferMemory(talk))
    assert await chain.ainvoke("When?") == "Noon."
    assert [one.text for one in talk.messages()] == ["When?", "Noon."]
