import base64
import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    Ending,
    Event,
    Finding,
    ModelAnswered,
    ModelFailed,
    Nudged,
    RunEnded,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall, UserMessage
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Usage
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.journal.store import Journal

_SIGNS = string.ascii_letters + string.digits + '+/=_-%&"\\ $é'


def _base64_in_bytes(secret: str, before: int) -> str:
    return base64.b64encode(b"x" * before + secret.encode() + b"yz").decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: f"key={secret}!",
    "json": lambda secret: json.dumps({"key": secret}),
    "json, unicode": lambda secret: json.dumps({"key": secret}, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"key": secret})),
    "url": lambda secret: f"https://x.test/?key={quote(secret, safe='')}&a=1",
    "url path": lambda secret: f"https://x.test/{quote(secret)}/a",
    "form": lambda secret: f"key={quote_plus(secret)}",
    "base64, 0": lambda secret: _base64_in_bytes(secret, 0),
    "base64, 1": lambda secret: _base64_in_bytes(secret, 1),
    "base64, 2": lambda secret: _base64_in_bytes(secret, 5),
    "basic auth": lambda secret: "Authorization: Basic " + base64.b64encode(f"me:{secret}".encode()).decode(),
    "url-safe base64": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


def _keys(count: int, seed: int) -> dict[str, str]:
    dice = random.Random(seed)
    return {
        f"NO{number}_API_KEY": "".join(dice.choices(_SIGNS, k=dice.randrange(12, 50))).strip() + "Zq7"
        for number in range(count)
    }


def _events(text: str) -> list[Event]:
    call = ToolCall("c", "run", {"command": text, text: ["a", {"deep": text}]})
    return [
        Nudged(text, text),
        ModelAnswered(
            1,
            AssistantMessage(text, (call,), (MalformedCall("c", "t", text, text),), text),
            Usage(1, 2),
            0.5,
        ),
        ModelFailed(1, "BadRequest", text),
        CallDecided("c", True, "person", text),
        CallIntended(call, Effect.EXECUTES, False),
        CallFinished(ToolResult("c", "run", Outcome.FAILED, text)),
        RunEnded(Ending.GAVE_UP, text, (Finding(text, True, text),), (text,)),
    ]


def test_planted_secrets_reach_no_file(tmp_path: Path, started: RunStarted) -> None:
    keys = _keys(20, seed=3)
    path = tmp_path / "journal.db"
    wrote = [form(key) for key in keys.values() for form in FORMS.values()]
    needles = [needle.encode() for key in keys.values() for needle in _spellings(key)]
    with Journal.open(path, redact=Redactor(keys)) as journal, journal.start() as log:
        log.append(msgspec.structs.replace(started, goal=wrote[0], opening=(UserMessage(wrote[1]),)))
        kept: list[str] = []
        for text in wrote:
            for event in _events(text):
                log.append(event)
            kept += [log.keep(text), log.keep(text * 40)]
        files = [file.read_bytes() for file in tmp_path.iterdir()]
        texts = [log.recall(handle) or "" for handle in kept]
        # what was appended is in memory as it was; only the file forgets
        assert log.events()[0].event.goal == wrote[0]
        events = journal.events(log.run_id)
    files += [file.read_bytes() for file in tmp_path.iterdir()]
    assert len(files) > 3
    assert len(events) == 1 + 7 * len(wrote)
    assert [type(one.event) for one in events[1:8]] == [type(event) for event in _events("")]
    assert [needle for needle in needles for blob in files if needle in blob] == []
    assert [needle for needle in needles for text in texts if needle in text.encode()] == []
    assert sum(b"[secret:NO0_API_KEY]" in blob for blob in files) > 0


def _spellings(key: str) -> set[str]:
    encoded = base64.b64encode(key.encode()).decode().rstrip("=")
    return {key, json.dumps(key)[1:-1], quote(key, safe=""), quote_plus(key), encoded[:-1]}


@given(st.sampled_from(sorted(FORMS)), st.integers(0, 10_000), st.text(max_size=20), st.text(max_size=20))
def test_no_form_of_a_secret_is_left(form: str, seed: int, before: str, after: str) -> None:
    (secret,) = _keys(1, seed).values()
    redactor = Redactor({"A_KEY": secret})
    text = f"{before} {FORMS[form](secret)} {after}"
    clean = redactor.text(text)
    assert "[secret:A_KEY]" in clean
    assert secret not in clean
    assert redactor.text(clean) == clean
    # the quick look at the stored form never misses what the slow one finds
    assert redactor.suspects(msgspec.json.encode(Nudged("r", text)))


SHAPED = {
    "api-key": ["sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t", "sk-ant-api03-abcDEF123456-xyz_789"],
    "github-token": ["ghp_" + "a1B2" * 9, "github_pat_" + "11ABC_" * 5],
    "gitlab-token": ["glpat-" + "x9Y8" * 5],
    "huggingface-token": ["hf_" + "abCD" * 8],
    "aws-key-id": ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"],
    "slack-token": ["xoxb-123456789012-abcdefGHIJKL"],
    "google-key": ["AIza" + "Sy_1-" * 7],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
    "private-key": [
        "-----BEGIN RSA PRIVATE KEY-----\n"
        + "MIIEowIBAAKCAQEA1234567890/+\n" * 4
        + "-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F\n\n"
        + "MIIEowIBAAKCAQEA1234567890/+\n" * 2
        + "-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n"
        + "b3BlbnNzaC1rZXktdjEAAAAA\\n" * 3
        + "-----END OPENSSH PRIVATE KEY-----",
    ],
    "bearer": ["0123456789abcdefABCDEF", "mF_9.B5f-4.1JqM.aaaa=="],
}


@pytest.mark.parametrize("kind", SHAPED)
def test_what_has_the_shape_of_a_key_is_a_secret_of_whoever(kind: str) -> None:
    redactor = Redactor()
    for key in SHAPED[kind]:
        for text in ("it is {} .", "key={}", '"{}"', "\\n{}\\n", "%20{}", "({})"):
            text = text.format(("Bearer " if kind == "bearer" else "") + key)
            clean = redactor.text(text)
            assert f"[secret:{kind}]" in clean, text
            assert key[-12:] not in clean, text
            assert len(clean) < len(text)
            assert redactor.suspects(msgspec.json.encode(text))


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "sk-a",
        "-eyJaaaaaaaaaa",
        "-eyJaaaaaaaaaa.",
        "Bearer ",
        "Bearer aaaaaaaaaaaaaaaaaaa",
        "xox",
        '"+',
    ],
)
def test_a_hostile_text_takes_no_quadratic_time(piece: str) -> None:
    Redactor().text("-----BEGIN PRIVATE KEY-----" + piece * (1_000_000 // len(piece)))
    Redactor().text(("-----BEGIN PRIVATE KEY-----" + piece) * 20_000)


def test_a_key_that_was_cut_off_is_still_a_secret() -> None:
    cut = "-----BEGIN PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA1234567890/+\n" * 3
    assert Redactor().text(cut) == "[secret:private-key]"


ORDINARY = st.one_of(
    st.text(),
    st.text(alphabet="0123456789abcdef", min_size=32, max_size=128),
    st.uuids().map(str),
    st.integers().map(str),
    st.lists(st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=12), max_size=20).map("-".join),
    st.binary(max_size=120).map(lambda raw: base64.b64encode(raw).decode()),
    st.sampled_from(
        [
            "the task-list of a risk-averse desk-worker",
            'if "-----BEGIN PRIVATE KEY-----" in text and "-----END PRIVATE KEY-----" in text:',
            "Authorization: Bearer <your token here>",
            "bearer authentication-and-authorization",
            "sk-learn-contrib-and-some-more-words-than-that",
            "def ghp_of(eyJ): return AIza + AKIA + xox",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ]
    ),
)


@given(ORDINARY)
def test_ordinary_text_passes_unchanged(text: str) -> None:
    redactor = Redactor(_keys(5, seed=1))
    assert redactor.text(text) == text


def test_our_own_code_passes_unchanged() -> None:
    redactor = Redactor(_keys(5, seed=1))
    for file in Path(__file__).parents[2].glob("agentkit/**/*.py"):
        text = file.read_text()
        assert redactor.text(text) == text, file


def test_tags_enums_and_typed_numbers_stay_what_they_are() -> None:
    redactor = Redactor({"A": "call finished", "B": "finished", "C": "gave up", "D": "123456"})
    events = [
        CallFinished(ToolResult("c", "t", Outcome.OK, "call finished", seconds=123456.0)),
        RunEnded(Ending.GAVE_UP, "gave up"),
        CallIntended(ToolCall("c", "t", {"pin": 123456, "n": 5, "x": [1.5, None, True]}), Effect.PURE, True),
    ]
    clean = [msgspec.json.decode(msgspec.json.encode(redactor.value(event)), type=Event) for event in events]
    assert clean == [
        CallFinished(ToolResult("c", "t", Outcome.OK, "[secret:A]", seconds=123456.0)),
        RunEnded(Ending.GAVE_UP, "[secret:C]"),
        CallIntended(
            ToolCall("c", "t", {"pin": "[secret:D]", "n": 5, "x": [1.5, None, True]}), Effect.PURE, True
        ),
    ]


def test_secrets_that_overlap_leave_nothing() -> None:
    redactor = Redactor({"A": "abcdefgh", "B": "efghijkl", "C": "cdef12"})
    assert redactor.text("x abcdefghijkl y") == "x [secret:A] y"
    assert redactor.text("abcdef12") == "ab[secret:C]"


def test_short_values_are_not_secrets() -> None:
    assert Redactor(["", "  ", "abc", "true"]).text("abc is true") == "abc is true"


def test_values_without_names_are_marked_too() -> None:
    assert Redactor(["hunter2-hunter2"]).text("it is hunter2-hunter2") == "it is [secret:value]"


def test_variables_that_sound_secret_are_picked() -> None:
    secret = dict.fromkeys(
        (
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "DB_PASSWORD",
            "MYSQL_PASSWD",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "apikey",
            "SIGNING_KEYS",
            "GIT_CREDENTIALS",
            "TOKEN",
            "TOKEN_PROD",
            "KEY_2",
            "SSH_PASSPHRASE",
        ),
        "s3cr3t-value",
    )
    ordinary = {
        "HOME": "/home/someone",
        "MAX_TOKENS": "100000",
        "TOKENIZERS_PARALLELISM": "disabled",
        "KEYBOARD_LAYOUT": "qwertz-de",
        "SSH_AUTH_SOCK": "/tmp/agent.123",
        "API_KEY_FILE": "/etc/keys/one",
        "GOOGLE_APPLICATION_CREDENTIALS": "/home/someone/key.json",
        "SHORT_KEY": "abc",
        "MONKEY_BUSINESS": "bananas",
        "PATH": "/usr/bin:/bin",
    }
    in_url = {"DATABASE_URL": "postgres://me:hunter22@db/x"}
    assert secrets_of({**secret, **ordinary, **in_url}) == {**secret, "DATABASE_URL": "hunter22"}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200), st.integers(0, 100))
def test_a_needle_in_a_string_is_a_needle_in_its_json(text: str, seed: int) -> None:
    secrets = [text[start : start + 9] for start in range(0, len(text), 5)]
    redactor = Redactor(secrets)
    if redactor.text(text) != text:
        assert redactor.suspects(msgspec.json.encode({"a": text}))
