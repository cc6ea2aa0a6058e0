"""What a type checker reads out of chains, without an annotation; `tests/test_types.py` has it checked."""

from collections.abc import AsyncIterator, Iterator, Mapping
from enum import Enum
from typing import Any, assert_type

from pydantic import BaseModel

from agentkit import (
    ChatPromptTemplate,
    EnumParser,
    Lambda,
    ListParser,
    Passthrough,
    Placeholder,
    PromptTemplate,
    PydanticParser,
    Runnable,
    ScriptedModel,
    TextParser,
    UserMessage,
    as_runnable,
)
from agentkit.chains import (
    Answered,
    ReadOnlyDatabase,
    SqlAnswered,
    Turn,
    Voted,
    conversational,
    extraction,
    extraction_of_all,
    llm_chain,
    map_documents,
    question_answering,
    route_by_rule,
    self_consistency,
    sequential,
    sql_question_answering,
    summarise,
    tagging,
)
from agentkit.core.documents import Retriever


class Server(BaseModel):
    host: str
    port: int


class Colour(Enum):
    RED = "red"


async def doubled(number: int) -> int:
    return number * 2


async def doubled_length(text: str) -> int:
    return len(text) * 2


def letters(text: str) -> Iterator[str]:
    yield from text


async def shouted(text: str) -> AsyncIterator[str]:
    yield text.upper()


model = as_runnable(ScriptedModel(['{"host": "a", "port": 80}'] * 9))
prompt = ChatPromptTemplate(("user", "Which server stands in {text}?"))
chain = prompt | model | PydanticParser(Server).repaired_by(model)
assert_type(chain, Runnable[Mapping[str, Any], Server])
assert_type(chain.invoke({"text": "a:80"}), Server)
assert_type(chain.batch([{"text": "a:80"}]), list[Server])
assert_type(list(chain.stream({"text": "a:80"})), list[Server])
assert_type(prompt | model.structured(Server), Runnable[Mapping[str, Any], Server])
assert_type(prompt | model | TextParser(), Runnable[Mapping[str, Any], str])
assert_type(prompt | model | ListParser(), Runnable[Mapping[str, Any], list[str]])
assert_type(prompt | model | EnumParser(Colour), Runnable[Mapping[str, Any], Colour])
assert_type(PromptTemplate("Say {what}") | model, Runnable[Mapping[str, Any], str])
assert_type(chain.with_retry().with_fallbacks(chain).invoke({"text": "a:80"}), Server)

assert_type(TextParser() | len | doubled, Runnable[str, int])
assert_type(TextParser() | letters | shouted, Runnable[str, str])
assert_type(TextParser() | {"one": len, "two": doubled_length}, Runnable[str, dict[str, int]])
assert_type((TextParser() | len).map().invoke(["a"]), list[int])
assert_type(Passthrough[str]() | str.split, Runnable[str, list[str]])
assert_type(TextParser() | Lambda[str, int](lambda text: len(text)), Runnable[str, int])
assert_type(TextParser().pipe(lambda text: text.split()).pipe(lambda words: len(words)), Runnable[str, int])
assert_type(TextParser().pipe({"words": lambda text: text.split()}), Runnable[str, dict[str, list[str]]])
assert_type(TextParser().pipe(TextParser()).pipe(len), Runnable[str, int])
assert_type({"text": TextParser()} | PromptTemplate("Say {text}") | model, Runnable[str, str])
assert_type(
    ChatPromptTemplate(Placeholder("history"), ("user", "{q}")).partial(history=lambda: [UserMessage("hi")]),
    ChatPromptTemplate,
)


def named_chains(retriever: Retriever, database: ReadOnlyDatabase) -> None:
    assert_type(llm_chain("Name {what}", model), Runnable[Mapping[str, Any], str])
    assert_type(llm_chain("Name {what}", model, ListParser()).invoke({}), list[str])
    assert_type(sequential(name=prompt | model, length=len).invoke({}), dict[str, Any])
    assert_type(route_by_rule(str.strip, {"a": TextParser() | len}).invoke("a"), int)
    assert_type(question_answering(model, retriever).invoke("?"), Answered)
    assert_type(question_answering(model, retriever).invoke("?")["answer"], str)
    talk = conversational(model, question_answering(model, retriever))
    assert_type(talk.invoke(Turn(question="?", history=[])), Answered)
    assert_type(summarise(model).invoke("text"), str)
    assert_type(extraction(model, Server).invoke("a:80").port, int)
    assert_type(extraction_of_all(model, Server).invoke("a:80"), list[Server])
    assert_type(tagging(model, Colour).invoke("red"), Colour)
    assert_type(tagging(model, Server).invoke("a:80"), Server)
    assert_type(sql_question_answering(model, database).invoke("?"), SqlAnswered)
    assert_type(map_documents(TextParser() | len).invoke(["a"]), list[int])
    vote = self_consistency(lambda seed: prompt | model.bind(seed=seed) | PydanticParser(Server))
    assert_type(vote.invoke({"text": "a:80"}), Voted[Server])
    assert_type(vote.invoke({"text": "a:80"})["answer"], Server)
