"""How Baichuan's chat models are spoken to: two tokens begin turns, of which a folder has the ids only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentkit_local_models.json_file import read_optional
from agentkit_local_models.sentencepiece_file import tokenizer_from_sentencepiece
from agentkit_local_models.tokenizer import AddedToken, Tokenizer


def read_turns(folder: Path, added: Sequence[AddedToken]) -> tuple[Tokenizer, str | None]:
    """The tokenizer, and the chat template where `generation_config.json` names the tokens of turns.

    In text from outside the two tokens are ordinary characters, as other special tokens are.

    Raises:
        CheckpointError: a file is damaged, or the library of SentencePiece is not here.
        TokenizerError: the tokens that are named do not exist.
    """
    file = folder / "tokenizer.model"
    bare = tokenizer_from_sentencepiece(file, added)
    settings = read_optional(folder / "generation_config.json")
    user, assistant = settings.get("user_token_id"), settings.get("assistant_token_id")
    if not isinstance(user, int) or not isinstance(assistant, int):
        return bare, None
    turns = [AddedToken(bare.token_bytes(token).decode(), token, special=True) for token in (user, assistant)]
    begin_user, begin_assistant = (token.text for token in turns)
    template = (
        f"{{% for turn in messages %}}{{% if turn['role'] == 'user' %}}{begin_user}"
        f"{{% elif turn['role'] == 'assistant' %}}{begin_assistant}{{% endif %}}"
        "{{ turn['content'] }}{% endfor %}"
        f"{{% if add_generation_prompt %}}{begin_assistant}{{% endif %}}"
    )
    return tokenizer_from_sentencepiece(file, [*added, *turns]), template
