"""A real HTTP server that speaks OpenAI's chat completions protocol, with answers and faults by script.

    python tests/servers/openai_server.py --port 8000 --script script.jsonl

A script is a list of steps, one for each completion asked for (JSON lines in a file). What a step may hold:

    text, reasoning     streamed in pieces of `piece` characters (default 5)
    calls               [{"name", "arguments": object or raw text, "id"?}]
    finish              the finish reason; null sends none
    usage               {"prompt_tokens": …}; null sends none, as some servers do
    json                an object that is the body
    whole               true: one JSON body instead of a stream
    raw                 the body as it is, instead of all of the above
    write               bytes a write (1 is a slow drip); pause: seconds between writes
    status, headers, error, body    an HTTP refusal: `error` is its JSON object, `body` any text
    hang                "before" the headers, or the number of events after which nothing comes any more
    cut, end            the number of events after which the connection is reset, or closed in good order
    line                a line put in after the first text
    page                true: HTML with status 200
    reset               true: the connection is dropped instead of answered
    times               how often the step is played (default 1; -1 for ever)
"""

import argparse
import asyncio
import json
import re
import socket
import sys
import threading
from pathlib import Path

PAGE = "<!DOCTYPE html><html><head><style>b{}</style></head><body><h1>Gateway</h1> log in first</body></html>"
LISTED = ({"id": "test"},)
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}


class OpenAIServer:
    """Serves a script on loopback, from a thread of its own, while its `with` block lasts.

    Args:
        script: The steps.
        port: 0 for a free one.
        key: Every other key is refused; `None` takes any.
        refuses: Parameters of the protocol that this server does not take.
        strict: Refuse conversations that OpenAI refuses.
        down: Hold the port and refuse every connection.
        answers: Makes the step for each request, from its body, once the script has run out.
        listed: What it tells of its models; `None` for a server without a list.
        embeds: Makes the step for each request for embeddings, from its body; `None` for a server without.

    Attributes:
        requests: Every request so far: `method`, `path`, `headers` (lower-case names), `body`.
        connections: How many connections were opened.
    """

    def __init__(
        self, script=(), *, port=0, key=None, refuses=(), strict=True, down=False,
        answers=None, listed=LISTED, embeds=None,
    ):  # fmt: skip
        self.script = [dict(step) for step in script]
        self.requests = []
        self.connections = 0
        self._port, self._key, self._refuses, self._strict = port, key, frozenset(refuses), strict
        self._down = down
        self._answers, self._listed, self._embeds = answers, listed, embeds
        self._ready = threading.Event()
        self._tasks = set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def bodies(self):
        """The bodies of the completions asked for."""
        return [request["body"] for request in self.requests if request["path"] == "/v1/chat/completions"]

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def wait(self):
        """Serve until the process is interrupted."""
        self._thread.join()

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with socket.create_server(("127.0.0.1", self._port)) if not self._down else socket.socket() as held:
            if self._down:
                held.bind(("127.0.0.1", self._port))  # bound and not listening
            self._port = held.getsockname()[1]
            server = None if self._down else await asyncio.start_server(self._connected, sock=held)
            self._ready.set()
            await self._stop.wait()
            if server:
                server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self._tasks.add(task := asyncio.current_task())
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # the server closes, and this is a task's outermost frame
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _request(self, reader, writer):
        """Answer one request; false when the connection is to be closed."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = json.loads(body) if body else None
        self.requests.append({"method": method, "path": path, "headers": headers, "body": asked})
        if (refusal := self._refusal(path, headers, asked)) is not None:
            return await _send(writer, *refusal)
        if path == "/v1/models":
            return await _send(writer, 200, json.dumps({"object": "list", "data": list(self._listed)}))
        if path == "/v1/embeddings":
            return await self._play(self._embeds(asked), asked, writer)
        step = self._answers(asked) if self._answers and not self.script else self._next()
        return await self._play(step, asked, writer)

    def _refusal(self, path, headers, asked):
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if self._key is not None and given != self._key:
            return _error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        served = {"/v1/chat/completions": True, "/v1/models": self._listed, "/v1/embeddings": self._embeds}
        if served.get(path) is None:
            return _error(404, f"Unknown path {path}", "not_found")
        if asked is None:
            return None
        for name in asked:
            if name in self._refuses:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return _error(400, message, "unsupported_parameter", param=name)
        if self._strict and "messages" in asked and (wrong := wrong_with(asked["messages"])):
            return _error(400, wrong, "invalid_request_error")
        return None

    def _next(self):
        if not self.script:
            return {"status": 500, "error": {"message": "the script of the test server has run out"}}
        step = self.script[0]
        times = step.get("times", 1)
        step["times"] = times - 1 if times > 0 else times
        if step["times"] == 0:
            self.script.pop(0)
        return step

    async def _play(self, step, asked, writer):
        if step.get("reset"):
            return False
        if step.get("hang") == "before":
            await asyncio.Event().wait()
        if "status" in step:
            body = step["body"] if "body" in step else json.dumps({"error": step.get("error", {})})
            return await _send(writer, step["status"], body, step.get("headers", {}))
        if step.get("page"):
            return await _send(writer, 200, PAGE, {"content-type": "text/html"})
        if "json" in step:
            return await _send(writer, 200, json.dumps(step["json"]))
        if step.get("whole"):
            return await _send(writer, 200, json.dumps(_completion(step)))
        wants_usage = (asked.get("stream_options") or {}).get("include_usage", False)
        events = [step["raw"]] if "raw" in step else _events(step, wants_usage)
        return await self._stream(step, events, writer)

    async def _stream(self, step, events, writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        stop = next((step[why] for why in ("hang", "cut", "end") if why in step), None)
        body = "".join(events[:stop]).encode()
        size = step.get("write", 65536)
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            # each write becomes a read of its own only if the client has time to make it
            await asyncio.sleep(step.get("pause", 0))
        if "hang" in step:
            await asyncio.Event().wait()
        if "cut" in step:
            await asyncio.sleep(0.02)
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def _error(status, message, code, param=None):
    return status, json.dumps({"error": {"message": message, "type": code, "code": code, "param": param}})


async def _send(writer, status, body, headers=()):
    sent = {"content-type": "application/json", "content-length": str(len(body.encode())), **dict(headers)}
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in sent.items())]
    writer.write("\r\n".join([*lines, "", body]).encode())
    await writer.drain()
    return True


def _arguments(call):
    arguments = call.get("arguments", {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _finish(step):
    return step.get("finish", "tool_calls" if step.get("calls") else "stop")


def _completion(step):
    calls = [
        {
            "id": call.get("id", f"call_{place}"),
            "type": "function",
            "function": {"name": call["name"], "arguments": _arguments(call)},
        }
        for place, call in enumerate(step.get("calls", ()))
    ]
    message = {"role": "assistant", "content": step.get("text"), **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": _finish(step)}
    return {"object": "chat.completion", "choices": [choice], "usage": step.get("usage", USAGE)}


def deltas(step):
    """The deltas of a step, as OpenAI would stream them."""
    size = step.get("piece", 5)
    yield {"role": "assistant", "content": ""}
    for field, name in (("reasoning", "reasoning_content"), ("text", "content")):
        for piece in _pieces(step.get(field, ""), size):
            yield {name: piece}
    for index, call in enumerate(step.get("calls", ())):
        named = {"name": call["name"], "arguments": ""}
        start = {"index": index, "type": "function", "function": named}
        if "id" not in call or call["id"] is not None:
            start["id"] = call.get("id", f"call_{index}")
        yield {"tool_calls": [start]}
        for piece in _pieces(_arguments(call), size):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


def _events(step, wants_usage):
    events = [_event(delta) for delta in deltas(step)]
    if "line" in step:
        events.insert(2, step["line"] + "\n\n")
    if _finish(step) is not None:
        events.append(_event({}, finish_reason=_finish(step)))
    usage = step.get("usage", USAGE)
    if usage is not None and wants_usage:
        events.append(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n")
    return [*events, "data: [DONE]\n\n"]


def _event(delta, finish_reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"object": "chat.completion.chunk", "choices": [choice], "usage": None}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def wrong_with(messages):
    """What OpenAI would say against a conversation, or nothing."""
    open_calls = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return f"tool_call_ids did not have response messages: {', '.join(open_calls)}"
        if message.get("content") is None and not message.get("tool_calls"):
            return "an assistant message needs content or tool_calls"
        for call in message.get("tool_calls", ()):
            function = call["function"]
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
                return f"invalid function name {function['name']!r}"
            try:
                if not isinstance(json.loads(function["arguments"]), dict):
                    return "function.arguments must be an object"
            except ValueError:
                return "function.arguments must be valid JSON"
            open_calls.append(call["id"])
    return f"tool_call_ids did not have response messages: {', '.join(open_calls)}" if open_calls else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    given_by = parser.add_mutually_exclusive_group(required=True)
    given_by.add_argument("--script", type=Path)
    given_by.add_argument("--character", help="a kind of server, by its name in characters.py")
    parser.add_argument("--key", help="refuse every other key")
    parser.add_argument("--refuses", default="", help="parameters to refuse, separated by commas")
    parser.add_argument("--down", action="store_true", help="refuse every connection")
    given = parser.parse_args()
    script, options = [], {}
    if given.character:
        import characters  # beside this file, and so on the path of a program

        options = characters.CHARACTERS[given.character]
    else:
        lines = given.script.read_text(encoding="utf-8").split("\n")
        script = [json.loads(line) for line in lines if line.strip()]
    refuses = [name for name in given.refuses.split(",") if name]
    options = {"port": given.port, "key": given.key, "refuses": refuses, "down": given.down, **options}
    with OpenAIServer(script, **options) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        try:
            server.wait()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
