"""Small models of SentencePiece."""

import io
from pathlib import Path
from typing import Any

import sentencepiece

from .test_tokenizer import SAMPLE


def train(path: Path, **options: Any) -> Path:
    """A small model of SentencePiece with bytes to fall back on."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*SAMPLE, *SAMPLE, "[Round 1] 问：你好 答：你好 hello world " * 3]),
        model_writer=model,
        model_type="bpe",
        vocab_size=500,
        byte_fallback=True,
        character_coverage=0.98,
        minloglevel=2,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        **options,
    )
    path.write_bytes(model.getvalue())
    return path
