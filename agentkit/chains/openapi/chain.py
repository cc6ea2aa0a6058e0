"""The chain: an operation is chosen, its arguments are filled in, and its answer is told in words."""

from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal, TypedDict, cast
from urllib.parse import urlsplit

from agentkit.chains.course import Course, Run
from agentkit.chains.openapi.calling import address_of, answer_to, request_of
from agentkit.chains.openapi.description import HARMLESS, Api, Operation, read_description
from agentkit.chains.words import ModelStep, as_objects, as_values, prompted
from agentkit.core.errors import UsageError
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.library import Library
from agentkit.prompts.parsers.by_schema import SchemaParser
from agentkit.tooling.net.fetch import Response
from agentkit.tooling.net.reach import PORTS, Reach

MOST_SHOWN = 8_000
"""Characters of an API's answer that a model is shown."""


class ApiAnswered(TypedDict):
    """What was called, what came back, and the answer in words.

    Each piece of a stream has one of these: the operation and its arguments, then the status and the body,
    then the answer as it is written.
    """

    operation: str
    arguments: dict[str, Any]
    status: int
    body: str
    answer: str


def api_call(
    model: ModelStep,
    description: str | Api,
    *,
    hosts: Collection[str],
    operations: Collection[str] | None = None,
    server: str = "",
    headers: Mapping[str, str] | None = None,
    reach: Reach | None = None,
    prompt: Library | None = None,
) -> "ApiCall":
    """A question in; what was called, what came back and an answer from it out.

    Args:
        model: Who chooses the operation, fills in its arguments and answers. It never sees `headers`.
        description: The OpenAPI description as text (JSON or YAML), or as `read_description` read it.
        hosts: The hosts that may be asked, each with all below it; redirects lead to no other.
        operations: What may be called, by `operationId`; without it all that only read (GET and HEAD).
        server: Where the API is, when the description does not say it or says another place.
        headers: Sent with every call, such as a key; to no other host after a redirect.
        reach: Whom the network lets through, in the place of every public address of `hosts`.
        prompt: A library whose files stand before ours: `chains/api-choose`, `api-arguments`, `api-answer`.

    Raises:
        UsageError: the description cannot be used, names no operation that may be called, or its server is
            not among the hosts.
    """
    api = read_description(description) if isinstance(description, str) else description
    address = address_of(api.server, server)
    host = urlsplit(address).hostname or ""
    if not any(host == one.lower() or host.endswith(f".{one.lower()}") for one in hosts):
        raise UsageError(f"the API is at {host}, which is not among hosts: {', '.join(hosts) or 'none'}")
    if reach is None:
        port = urlsplit(address).port
        reach = Reach(ports=PORTS if port is None else (*PORTS, port))
    chosen = _allowed(api, operations)
    return ApiCall(model, api, chosen, address, headers or {}, replace(reach, domains=tuple(hosts)), prompt)


class ApiCall(Course[str, ApiAnswered]):
    """What `api_call` makes."""

    def __init__(
        self,
        model: ModelStep,
        api: Api,
        operations: Mapping[str, Operation],
        address: str,
        headers: Mapping[str, str],
        reach: Reach,
        prompt: Library | None,
    ) -> None:
        self.operations = dict(operations)
        self.address = address
        self.headers = dict(headers)
        self.reach = reach
        self._choose = prompted(prompt, "chains/api-choose") | as_objects(
            model, _one_of(self.operations), prompt
        )
        self._listed = "\n".join(f"- {one.id}: {one.summary}" for one in self.operations.values())
        self._title = api.title
        self._fill = {
            one.id: prompted(prompt, "chains/api-arguments")
            | as_values(model, SchemaParser(one.schema), prompt)
            for one in self.operations.values()
        }
        self._tell = prompted(prompt, "chains/api-answer") | model

    async def course(self, value: str, run: Run) -> Pieces[ApiAnswered]:
        """The call, what came back, and the pieces of the answer.

        Raises:
            UnreadableAnswer: the model chose or filled in nothing that can be called.
            ToolFault: the host may not be reached, or did not answer.
        """
        operation = self.operations[await self._chosen(value)]
        arguments = await self._arguments(operation, value)
        yield _piece(operation=operation.id, arguments=arguments)
        answer = await answer_to(request_of(self.address, operation, arguments, self.headers), self.reach)
        yield _piece(status=answer.status, body=_body(answer))
        told = {
            "question": value,
            "call": f"{operation.id}: {operation.summary}",
            "status": f"{answer.status} {answer.reason}",
            "body": _body(answer),
        }
        async with aclosing(run(self._tell, told)) as pieces:
            async for piece in pieces:
                yield _piece(answer=piece)

    async def _chosen(self, question: str) -> str:
        if len(self.operations) == 1:
            return next(iter(self.operations))
        values = {"title": self._title, "operations": self._listed, "question": question}
        chosen: Any = await self._choose.ainvoke(values)
        return str(chosen.operation)

    async def _arguments(self, operation: Operation, question: str) -> dict[str, Any]:
        if not operation.schema["properties"]:
            return {}
        values = {"operation": f"{operation.id}: {operation.summary}", "question": question}
        return await self._fill[operation.id].ainvoke(values)


def _allowed(api: Api, wanted: Collection[str] | None) -> dict[str, Operation]:
    known = {one.id: one for one in api.operations}
    if wanted is None:
        chosen = {name: one for name, one in known.items() if one.method.lower() in HARMLESS}
    else:
        for name in wanted:
            if name in api.left_out:
                raise UsageError(f"{name} cannot be called: {api.left_out[name]}")
            if name not in known:
                raise UsageError(f"{api.title} has no operation {name}; it has {', '.join(known) or 'none'}")
        chosen = {name: known[name] for name in wanted}
    if not chosen:
        reasons = "; ".join(f"{name}: {why}" for name, why in api.left_out.items())
        raise UsageError(
            f"{api.title} has nothing that only reads and can be called; operations= names what else may be "
            f"called: {', '.join(known) or 'there is nothing'}{f' ({reasons})' if reasons else ''}"
        )
    return chosen


def _one_of(operations: Collection[str]) -> Any:
    from pydantic import create_model

    names: Any = Literal[tuple(operations)]
    return create_model("Call", operation=(names, ...))


def _body(answer: Response) -> str:
    """The body as it is shown: text up to a length, and a word about what is none."""
    try:
        text = answer.body.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(answer.body)} bytes that are no text)"
    if len(text) > MOST_SHOWN or not answer.complete:
        return f"{text[:MOST_SHOWN]}\n… (the answer is longer)"
    return text or "(nothing)"


def _piece(**part: Any) -> ApiAnswered:
    """A piece of an answer, which holds a part of it."""
    return cast("ApiAnswered", part)
