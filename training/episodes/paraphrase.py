"""More ways to ask, in a larger model's words: `python -m episodes paraphrase`.

`qwen2.5-coder:1.5b` says phrasings that are trained on in other words. What it says is kept only if every
slot stands in it once, nothing else in braces does, and it is new. Held-out phrasings are never shown to it,
and what it writes is for training alone.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from agentkit_local_models.answer import Completion
from agentkit_local_models.catalogue import QWEN_CODER, path_of
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
from episodes.dice import Dice
from episodes.phrasing import slots_of
from episodes.split import PARAPHRASES, Split, load_split
from episodes.task import FAMILIES, Family

ASK = (
    "Say this request in other words, as another person would type it. Keep every part in braces exactly as "
    "it is, and keep the meaning. Write only the new request, on one line.\n\n{text}"
)
MOST_TOKENS = 60
MANNERS = (
    "",
    " Be brief.",
    " Be casual.",
    " Begin with another word.",
    " Make it a question.",
    " Be formal.",
)


def paraphrases(path: Path = PARAPHRASES) -> dict[str, dict[str, list[str]]]:
    """What was written so far: family, variant, texts."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def fitting(said: str, text: str, known: set[str]) -> str | None:
    """The paraphrase in what a model said, or `None` when it is none.

    >>> fitting('"Tell me {key} in {path}!"', "What is {key} of {path}?", set())
    'Tell me {key} in {path}!'
    >>> fitting("Tell me {key}", "What is {key} of {path}?", set()) is None
    True
    """
    line = said.strip().strip('"').strip()
    braces = re.findall(r"\{[^{}]*\}", line)
    wanted = sorted(f"{{{name}}}" for name in slots_of(text))
    fits = "\n" not in line and sorted(braces) == wanted and 3 <= len(line.split()) <= 40
    return line if fits and line not in known else None


def write_paraphrases(each: int, path: Path = PARAPHRASES) -> None:
    """Add up to `each` paraphrases to every trained family that has fewer."""
    engine = Engine.load(path_of(QWEN_CODER))
    template = ChatTemplate(engine.checkpoint.chat_template or "", engine.checkpoint.special_texts)
    split = load_split()
    found = paraphrases(path)
    for family in FAMILIES.values():
        kept = found.setdefault(family.name, {})
        have = sum(map(len, kept.values()))
        for number, (variant, text) in enumerate(_sources(family, split)):
            if have >= each or number >= 3 * each:
                break
            manner = MANNERS[number % len(MANNERS)]
            turns = [{"role": "user", "content": ASK.format(text=text) + manner}]
            sampling = Sampling(temperature=0.8, top_p=0.9, seed=number, max_tokens=MOST_TOKENS)
            said = ""
            for piece in engine.generate(encode_chat(template, engine.tokenizer, turns), sampling):
                if isinstance(piece, Completion):
                    said = piece.text
            known = {text for texts in (*family.phrasings.values(), *kept.values()) for text in texts}
            if (new := fitting(said, text, known)) is not None:
                kept.setdefault(variant, []).append(new)
                have += 1
        part = path.with_suffix(".part")
        part.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        print(f"{family.name}: {have}", flush=True)


def _sources(family: Family, split: Split) -> Iterator[tuple[str, str]]:
    """Trained phrasings in random order."""
    texts = [(v, text) for v in family.phrasings for text in split.texts(family, v, test=False)]
    Dice(f"paraphrase {family.name}").shuffle(texts)
    return iter(texts)
