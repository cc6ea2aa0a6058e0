"""Questions that an API answers: only what is listed is called, only at hosts that are named."""

import asyncio
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentkit import as_runnable
from agentkit.chains import api_call, read_description
from agentkit.chains.openapi.calling import answer_to, request_of
from agentkit.core.errors import ToolFault, UnreadableAnswer, UsageError
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.net.fetch import Request
from agentkit.tooling.net.reach import Reach

from .doubles import asked, saying
from .servers import serving

SHOP = """
openapi: 3.0.3
info: {title: The shop}
servers:
  - url: http://{place}/v1
    variables: {place: {default: shop.example}}
paths:
  /boats/{name}:
    parameters:
      - {name: name, in: path, required: true, schema: {type: string}}
    get:
      operationId: getBoat
      summary: One boat by its name
      parameters:
        - {name: parts, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Colour, in: header, schema: {$ref: '#/components/schemas/Colour'}}
        - {name: Authorization, in: header, schema: {type: string}}
    delete: {operationId: sinkBoat, summary: Sink it}
  /boats:
    get: {operationId: listBoats, summary: All boats}
    post:
      operationId: buildBoat
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Boat'}}}
  /upload:
    post: {operationId: upload, requestBody: {content: {text/csv: {schema: {type: string}}}}}
  /mine:
    get:
      parameters: [{name: session, in: cookie, required: true, schema: {type: string}}]
components:
  schemas:
    Colour: {type: string, nullable: true, example: red, x-note: 1}
    Boat:
      type: object
      required: [name]
      properties:
        name: {type: string}
        length: {type: number, minimum: 0, exclusiveMinimum: true}
"""


def reach_of(url: str) -> Reach:
    """Loopback is let through for the test; hosts are still checked."""
    return Reach(ports=(urlsplit(url).port or 80,), is_open=lambda _: True)


def test_an_operation_is_chosen_filled_in_called_and_told() -> None:
    seen: list[Any] = []
    scripted = ScriptedModel(
        ['{"operation": "getBoat"}', '{"name": "a/../b?", "parts": ["mast", "sail"]}', "Red."]
    )
    with serving({"/v1/boats/a%2F..%2Fb%3F": (200, '{"colour": "red"}')}, seen) as url:
        chain = api_call(
            as_runnable(scripted), SHOP, hosts=["127.0.0.1"], server=f"{url}/v1",
            headers={"Authorization": "k"}, reach=reach_of(url),
        )  # fmt: skip
        answer = chain.invoke("Which colour has it?")
    assert answer == {
        "operation": "getBoat", "arguments": {"name": "a/../b?", "parts": ["mast", "sail"]}, "status": 200,
        "body": '{"colour": "red"}', "answer": "Red.",
    }  # fmt: skip
    method, path, headers, _ = seen[0]
    assert (method, path) == ("GET", "/v1/boats/a%2F..%2Fb%3F?parts=mast&parts=sail")
    assert headers["Authorization"] == "k"
    told = str(scripted.requests)
    assert "'k'" not in told
    assert "sinkBoat" not in told
    assert "buildBoat" not in told
    assert "- listBoats: All boats" in told
    assert '{"colour": "red"}' in told


def test_what_changes_something_is_called_only_when_it_is_named() -> None:
    seen: list[Any] = []
    model = saying(
        '{"body": {"name": "gull", "length": 0}}', '{"body": {"name": "gull", "length": 3}}', "Built."
    )
    with serving({"/boats": (201, "")}, seen) as url:
        chain = api_call(
            model, SHOP, hosts=["127.0.0.1"], operations=["buildBoat"], server=url, reach=reach_of(url)
        )
        answer = chain.invoke("Build gull, 3 m")
    assert (answer["status"], answer["body"], answer["answer"]) == (201, "(nothing)", "Built.")
    assert seen[0][:2] == ("POST", "/boats")
    assert json.loads(seen[0][3]) == {"name": "gull", "length": 3}
    assert "length" in asked(model)[1]  # a length of 0 goes back with what is wrong


def test_what_a_description_says_and_what_of_it_cannot_be_called() -> None:
    api = read_description(SHOP)
    assert (api.title, api.server) == ("The shop", "http://shop.example/v1")
    assert [one.id for one in api.operations] == ["getBoat", "sinkBoat", "listBoats", "buildBoat"]
    assert "only application/json is sent" in api.left_out["upload"]
    assert "session (cookie" in api.left_out["get /mine"]
    boat = api.operations[0].schema
    assert boat["required"] == ["name"]
    assert boat["properties"]["X-Colour"] == {"type": ["string", "null"]}
    assert "Authorization" not in boat["properties"]


@pytest.mark.parametrize(
    ("description", "wrong"),
    [
        ("{", "neither JSON nor YAML"),
        ("[" * 5000, "neither JSON nor YAML"),
        ("[]", "is a list; it must be an object"),
        ('{"swagger": "2.0"}', r"is swagger 2\.0; it must be OpenAPI 3"),
        ('{"openapi": "3.1.0"}', "nothing that only reads and can be called; .*there is nothing"),
        ('{"openapi": "3.1.0", "paths": []}', "nothing that only reads|paths is a list"),
        (
            '{"openapi": "3.0", "paths": {"/": {"get": {"operationId": "x"}, "put": {"operationId": "x"}}}}',
            "two operations called x",
        ),
    ],
)
def test_what_is_no_description_is_said_to_be_none(description: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        api_call(saying(), description, hosts=["a.example"], server="https://a.example")


def test_a_reference_that_leads_out_or_round_leaves_its_operation_out() -> None:
    def described(reference: str) -> str:
        schema = {"$ref": reference}
        parameter = {"name": "q", "in": "query", "schema": schema}
        own = {
            "A": {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
            "B": {"$ref": "#/components/schemas/B"},
        }
        paths = {"/a": {"get": {"operationId": "a", "parameters": [parameter]}}}
        return json.dumps({"openapi": "3.1.0", "paths": paths, "components": {"schemas": own}})

    for reference, why in {
        "https://b.example/s.json": "leads out",
        "#/components/schemas/A": "refers to itself",
        "#/components/schemas/B": "leads to itself",
        "#/nowhere": "leads nowhere",
    }.items():
        assert why in read_description(described(reference)).left_out["a"]


def test_an_operation_that_would_not_go_where_it_seems_to_is_left_out() -> None:
    own = {"get": {"operationId": "own", "servers": [{"url": "https://other.example"}]}}
    below = {"servers": [{"url": "https://other.example"}], "get": {"operationId": "below"}}
    paths = {
        "/own": own, "/below": below, "/boats/{id}": {"get": {"operationId": "open"}},
        "@evil.example/": {"get": {"operationId": "user"}},
        ".evil.example/": {"get": {"operationId": "longer"}},
        ":9200/": {"get": {"operationId": "port"}}, "/plain": {"get": {"operationId": "plain"}},
    }  # fmt: skip
    described = {"openapi": "3.1.0", "servers": [{"url": "https://shop.example"}], "paths": paths}
    api = read_description(json.dumps(described))
    assert [one.id for one in api.operations] == ["plain"]
    for name, why in {
        "own": "a server of its own", "below": "a server of its own", "open": "a place for id",
        "user": "does not begin with /", "longer": "does not begin with /", "port": "does not begin with /",
    }.items():  # fmt: skip
        assert why in api.left_out[name]


def test_a_schema_that_a_few_references_make_huge_is_left_out() -> None:
    schemas = {
        f"S{at}": {"properties": {name: {"$ref": f"#/components/schemas/S{at + 1}"} for name in "abcdefghij"}}
        for at in range(10)
    } | {"S10": {"type": "string"}}
    parameter = {"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/S0"}}
    paths = {"/a": {"get": {"operationId": "a", "parameters": [parameter]}}}
    described = {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}
    assert "more than 2000 parts" in read_description(json.dumps(described)).left_out["a"]


@pytest.mark.parametrize(
    ("place", "explode", "value", "sent"),
    [
        ("path", False, {"r": 1, "g": 2}, "/a/r,1,g,2"),
        ("path", True, {"r": 1, "g": 2}, "/a/r=1,g=2"),
        ("path", False, ["a/b", "c"], "/a/a%2Fb,c"),
        ("query", False, {"r": 1, "g": 2}, "/a?q=r%2C1%2Cg%2C2"),
        ("query", True, {"r": 1, "g": True}, "/a?r=1&g=true"),
        ("query", False, ["x", "y"], "/a?q=x%2Cy"),
    ],
)
def test_lists_and_objects_are_sent_in_the_style_of_the_standard(
    place: str, explode: bool, value: Any, sent: str
) -> None:
    parameter = {"name": "q", "in": place, "explode": explode, "schema": {}}
    path = "/a/{q}" if place == "path" else "/a"
    paths = {path: {"get": {"operationId": "a", "parameters": [parameter]}}}
    (operation,) = read_description(json.dumps({"openapi": "3.1.0", "paths": paths})).operations
    assert request_of("https://a.example", operation, {"q": value}, {}).url == f"https://a.example{sent}"


def test_only_named_hosts_are_asked() -> None:
    with pytest.raises(UsageError, match=r"shop\.example, which is not among hosts: other\.example"):
        api_call(saying(), SHOP, hosts=["other.example"])
    with pytest.raises(UsageError, match="give server='https"):
        api_call(saying(), SHOP.replace("http://{place}", ""), hosts=["other.example"])
    with pytest.raises(UsageError, match=r"upload cannot be called: .*text/csv"):
        api_call(saying(), SHOP, hosts=["shop.example"], operations=["upload"])
    with pytest.raises(UsageError, match="has no operation paint; it has getBoat"):
        api_call(saying(), SHOP, hosts=["shop.example"], operations=["paint"])
    model = saying('{"operation": "listBoats"}')
    with pytest.raises(ToolFault, match="no public address"):
        api_call(model, SHOP, hosts=["localhost"], server="http://localhost").invoke("Which?")


def test_a_redirect_to_another_host_is_not_followed() -> None:
    def away(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "http://evil.example/")
        handler.end_headers()

    model = saying('{"operation": "listBoats"}')
    with serving({"/boats": away}) as url, pytest.raises(ToolFault, match=r"evil\.example is not among"):
        api_call(model, SHOP, hosts=["127.0.0.1"], server=url, reach=reach_of(url)).invoke("Which?")


def test_an_error_of_the_api_and_a_long_answer_are_told_as_they_are() -> None:
    model = saying('{"operation": "listBoats"}', "It failed.")
    with serving({}) as url:
        answer = api_call(model, SHOP, hosts=["127.0.0.1"], server=url, reach=reach_of(url)).invoke("Which?")
    assert (answer["status"], "no such path" in answer["body"]) == (404, True)
    assert "Status: 404 Not Found" in asked(model)[-1]
    with serving({"/boats": (200, "x" * 300_000)}) as url:
        model = saying('{"operation": "listBoats"}', "Long.")
        answer = api_call(model, SHOP, hosts=["127.0.0.1"], server=url, reach=reach_of(url)).invoke("Which?")
    assert len(answer["body"]) < 9_000
    assert answer["body"].endswith("(the answer is longer)")


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_value_that_would_climb_the_path_is_refused(name: str) -> None:
    with pytest.raises(UnreadableAnswer, match="cannot stand in a path"):
        request_of("https://a.example", read_description(SHOP).operations[0], {"name": name}, {})


def test_a_header_cannot_be_broken_out_of_nor_one_of_ours_replaced() -> None:
    operation = read_description(SHOP).operations[0]
    with pytest.raises(UnreadableAnswer, match="cannot be a header"):
        request_of("https://a.example", operation, {"name": "a", "X-Colour": "red\r\nHost: b"}, {})
    request = request_of(
        "https://a.example", operation, {"name": "a", "X-Colour": "red"}, {"X-Colour": "blue"}
    )
    assert request.headers["X-Colour"] == "blue"
    request = request_of(
        "https://a.example", operation, {"name": "a", "X-Colour": "red"}, {"x-colour": "blue"}
    )
    assert {name: value for name, value in request.headers.items() if name.lower() == "x-colour"} == {
        "x-colour": "blue"
    }


async def test_a_cancelled_call_shuts_its_connection() -> None:
    inside = threading.Event()
    gone = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        inside.set()
        handler.connection.settimeout(60)
        handler.connection.recv(1)  # returns when the other side is gone
        gone.set()
        handler.close_connection = True

    with serving({"/boats": silent}) as url:
        task = asyncio.create_task(
            answer_to(Request(f"{url}/boats"), replace(reach_of(url), domains=("127.0.0.1",)))
        )
        assert await asyncio.to_thread(inside.wait, 30)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone.wait, 30)
    assert time.monotonic() - begun < 25  # and not the thirty seconds that the call had
