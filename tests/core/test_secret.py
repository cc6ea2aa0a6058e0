import copy
import io
import json
import logging
import pickle
import traceback

import msgspec
import pytest

from agentkit.core.secret import Secret

KEY = "sk-not-to-be-seen"


def test_a_secret_shows_a_mark_however_it_is_written() -> None:
    secret = Secret(KEY)
    for written in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        repr({"key": secret}),
    ):
        assert "<secret>" in written
        assert KEY not in written


def test_json_encoders_refuse_a_secret_or_write_its_mark() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(KEY))
    assert json.dumps(Secret(KEY), default=str) == '"<secret>"'
    assert msgspec.json.encode(Secret(KEY), enc_hook=str) == b'"<secret>"'


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_holds_the_mark_only(protocol: int) -> None:
    pickled = pickle.dumps(Secret(KEY), protocol)
    assert KEY.encode() not in pickled
    lost = pickle.loads(pickled)
    assert repr(lost) == "<secret>"
    with pytest.raises(ValueError, match="left behind"):
        lost.reveal()


def test_a_traceback_with_its_variables_does_not_show_it() -> None:
    def fail(secret: Secret) -> None:
        raise RuntimeError(secret)

    try:
        fail(Secret(KEY))
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "<secret>" in shown
    assert KEY not in shown.replace("fail(Secret(KEY))", "")


def test_a_log_line_does_not_show_it() -> None:
    out = io.StringIO()
    logger = logging.getLogger("agentkit.test_secret")
    logger.addHandler(logging.StreamHandler(out))
    logger.warning("key %s %r", Secret(KEY), [Secret(KEY)])
    assert out.getvalue() == "key <secret> [<secret>]\n"


def test_a_copy_is_the_secret_itself() -> None:
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"key": secret})["key"].reveal() == KEY


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1
