"""When a connection is closed that sends no whole request, and how long heads may be."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from uvicorn.server import ServerState

from agentkit_local_models.serving.connection import HEAD_BYTES, connections

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
HEAD, KEEP = 30.0, 75


@dataclass
class Timer:
    """Rings when it is told to."""

    seconds: float
    ring: Callable[[], None]
    is_set: bool = True

    def cancel(self) -> None:
        self.is_set = False


class Timers:
    """The running loop, but for its clock."""

    def __init__(self) -> None:
        self._timers: list[Timer] = []

    def call_later(self, seconds: float, ring: Callable[[], None]) -> Timer:
        self._timers.append(Timer(seconds, ring))
        return self._timers[-1]

    def create_task(self, coroutine):
        return asyncio.get_running_loop().create_task(coroutine)

    @property
    def set(self) -> list[Timer]:
        return [timer for timer in self._timers if timer.is_set]


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self._closing = b"", False

    def write(self, data) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def answered(scope, receive, send) -> None:
    """An application that reads nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


class Client:
    """Who is connected to it."""

    def __init__(self) -> None:
        kind = connections(HEAD)
        config = uvicorn.Config(
            answered, http=kind, ws="none", lifespan="off", log_config=None, timeout_keep_alive=KEEP
        )
        self.timers, self.wire, state = Timers(), Wire(), ServerState()
        self._tasks = state.tasks
        self._protocol = kind(config, state, {}, self.timers)
        self._protocol.connection_made(self.wire)

    async def sends(self, data: bytes) -> None:
        """Have the data read in one piece, and what is asked answered."""
        self._protocol.data_received(data)
        await asyncio.gather(*self._tasks)


async def test_a_connection_whose_body_came_after_the_answer_is_kept_as_any_other():
    client = Client()
    await client.sends(HEALTH + b"Content-Length: 9\r\n\r\n{")
    assert {timer.seconds for timer in client.timers.set} == {HEAD, KEEP}  # for the rest of the body
    await client.sends(b"12345678")
    (kept,) = client.timers.set
    assert kept.seconds == KEEP
    await client.sends(HEALTH + b"\r\n")
    assert client.wire.sent.count(b"HTTP/1.1 200 ") == 2
    (kept,) = client.timers.set
    kept.ring()
    assert client.wire.is_closing()
    assert b" 408 " not in client.wire.sent


async def test_a_head_that_begins_with_the_rest_of_a_body_has_time_of_its_own():
    client = Client()
    await client.sends(HEALTH + b"Content-Length: 9\r\n\r\n{")
    rest_of_body = next(timer for timer in client.timers.set if timer.seconds == HEAD)
    await client.sends(b"12345678" + HEALTH)
    (head,) = client.timers.set
    assert (head.seconds, head is rest_of_body) == (HEAD, False)
    head.ring()
    assert client.wire.sent.partition(b"HTTP/1.1 408 ")[1]


async def test_a_head_has_so_many_bytes_at_most_also_where_it_comes_in_one_piece():
    room = HEAD_BYTES - len(HEALTH + b"X-Long: \r\n\r\n")
    for length, status in ((room, b"200"), (room + 1, b"400"), (200_000, b"400")):
        client = Client()
        await client.sends(HEALTH + b"X-Long: " + b"x" * length + b"\r\n\r\n" + HEALTH)
        assert client.wire.sent.startswith(b"HTTP/1.1 " + status)
        assert client.wire.is_closing() == (status == b"400")
