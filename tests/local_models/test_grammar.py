import pytest

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.grammar import GrammarCompiler, GrammarError
from agentkit_local_models.tokenizer import Tokenizer

CALL = r"""start: "{\"tool\": \"" TOOL "\"}"
TOOL: "read_file" | "list_files"
"""


@pytest.fixture(scope="module")
def checkpoint(smollm2_path) -> Checkpoint:
    with Checkpoint.open(smollm2_path) as checkpoint:
        return checkpoint


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    return checkpoint.tokenizer


@pytest.fixture(scope="module")
def compiler(checkpoint: Checkpoint) -> GrammarCompiler:
    return GrammarCompiler(checkpoint.tokenizer, checkpoint.stop_ids)


def test_what_has_no_alternative_is_forced(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    matcher = compiler.compile(CALL)
    forced = matcher.forced_tokens()
    assert tokenizer.decode(forced) == '{"tool": "'
    matcher.accept(forced)
    assert matcher.forced_tokens() == []


def test_the_mask_allows_exactly_the_tokens_that_can_go_on(
    compiler: GrammarCompiler, tokenizer: Tokenizer
) -> None:
    matcher = compiler.compile(CALL)
    matcher.accept(matcher.forced_tokens())
    allowed = matcher.allowed()
    assert allowed.shape == (tokenizer.vocabulary_size,)
    answers = [text + '"}' for text in ("read_file", "list_files")]
    expected = {
        token
        for token in range(tokenizer.vocabulary_size)
        if (text := tokenizer.token_bytes(token).decode(errors="replace"))
        and any(answer.startswith(text) for answer in answers)
    }
    assert set(allowed.nonzero().flatten().tolist()) == expected
    words = matcher.allowed_bits().tolist()
    assert {token for token in range(32 * len(words)) if words[token // 32] >> token % 32 & 1} == expected


def test_at_the_end_only_stop_tokens_are_allowed(compiler: GrammarCompiler, checkpoint: Checkpoint) -> None:
    matcher = compiler.compile('start: "yes"')
    assert not matcher.is_accepting
    matcher.accept(matcher.forced_tokens())
    assert matcher.is_accepting
    assert matcher.is_stopped
    assert set(matcher.allowed().nonzero().flatten().tolist()) == checkpoint.stop_ids


def test_an_optional_end_allows_stop_tokens_and_more(
    compiler: GrammarCompiler, checkpoint: Checkpoint, tokenizer: Tokenizer
) -> None:
    matcher = compiler.compile("start: /a+/")
    assert not matcher.allowed()[list(checkpoint.stop_ids)].any()
    matcher.accept(tokenizer.encode("a"))
    assert matcher.is_accepting
    assert not matcher.is_stopped
    assert matcher.allowed()[[*checkpoint.stop_ids, *tokenizer.encode("a")]].all()


def test_free_text_cannot_make_special_tokens(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    allowed = compiler.compile(r"start: /(.|\n)*x/").allowed()
    assert allowed.sum() > 40_000
    assert not allowed[[token.id for token in tokenizer.added_tokens]].any()


def test_a_special_token_is_asked_for_by_name(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    matcher = compiler.compile('start: <|im_start|> "user"')
    assert matcher.forced_tokens()[0] == tokenizer.id_of("<|im_start|>")


@pytest.mark.parametrize(
    ("lark", "message"),
    [
        ("start: foo", 'unknown name: "foo"'),
        ('start: "a', "lexer error"),
        ('start: %json {"type": "nothing"}', "nothing"),
        ("start: <|no_such|>", "no_such"),
        ("", "Empty grammar"),
        ('start: "\ud800"', "half of a surrogate pair"),
    ],
)
def test_a_bad_grammar_is_refused_with_its_fault(compiler: GrammarCompiler, lark: str, message: str) -> None:
    with pytest.raises(GrammarError, match="the grammar is not valid") as error:
        compiler.compile(lark)
    assert message in str(error.value)


def test_answers_under_one_grammar_stand_at_places_of_their_own(compiler: GrammarCompiler) -> None:
    first = compiler.compile(CALL)
    first.accept(first.forced_tokens())
    second = compiler.compile(CALL)
    assert second.forced_tokens()
    assert not first.forced_tokens()
    second.accept(second.forced_tokens())
    assert second.allowed().equal(first.allowed())


def test_a_token_that_is_not_allowed_is_refused(compiler: GrammarCompiler, tokenizer: Tokenizer) -> None:
    matcher = compiler.compile('start: "yes"')
    with pytest.raises(GrammarError):
        matcher.accept(tokenizer.encode("no"))


def test_a_model_without_stop_tokens_has_no_grammars(tokenizer: Tokenizer) -> None:
    with pytest.raises(GrammarError, match="ends the answer"):
        GrammarCompiler(tokenizer, ())
