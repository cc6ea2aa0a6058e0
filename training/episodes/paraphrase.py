"""More ways to ask, in a larger model's words: `python -m episodes paraphrase`.

`qwen2.5-coder:1.5b` says phrasings that are trained on in other words. What it says is kept only if every
slot stands in it, no oftener than before and in quotes where it did, nothing else in braces does, and it is
new: no phrasing of any family, of which the held-out ones are never shown to it. What it writes is for
training alone.

A filter sees the words and not what they mean: of the first 731 that passed it, 252 asked for something else
(to move for to copy, a row for a value) or left something out. Whoever reads the file moves such to
`refused`, and they are not written again.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from agentkit_local_models.answer import Completion
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
from episodes.dice import Dice
from episodes.split import PARAPHRASES, load_split, plain, read_paraphrases
from episodes.task import FAMILIES, Family

ASK = (
    "You are given a request and a manner. Write what another person would type who wants exactly the same, "
    "in other words and in that manner. Keep every part in braces as it is. "
    "Write the new request alone, on one line."
)
MANNERS: Mapping[str, tuple[str, str]] = {
    "brief": ("Please rename the file {old} so that it is called {new}.", "rename {old} -> {new}"),
    "polite question": (
        "Count the words of {path}.",
        "Could you tell me how many words there are in {path}?",
    ),
    "casual": ("In {path}, set {key} to {value}.", "hey, {key} in {path} has to be {value} from now on"),
    "formal": ("who wrote {path}?", "Kindly state the name of the author of {path}."),
    "in a hurry": ("Delete {path} if it is empty.", "is {path} empty? if so get rid of it"),
    "as a wish": ("Put {text} at the end of {path}.", "I'd like {text} to be the last line of {path}."),
}
"""How people ask, each with a request and the same in that manner."""
_ANSWERS = re.compile(r"(sure|certainly|of course|okay|request|manner)\b", re.IGNORECASE)
"""How an answer begins that is no request."""
_QUOTES = "\"'`“”«»‘’"
MOST_TOKENS = 60
AT_ONCE = 8


def fitting(said: str, text: str, known: Container[str]) -> str | None:
    """The paraphrase in what a model said, or `None` when it is none; what is known is in plain form.

    >>> fitting('"Tell me {key} in {path}!"', "What is {key} of {path}?", set())
    'Tell me {key} in {path}!'
    >>> fitting("Tell me {key}", "What is {key} of {path}?", set()) is None
    True
    """
    line = said.strip()
    if line.startswith('"') and line.endswith('"') and line.count('"') == 2:
        line = line.strip('"').strip()
    braces, asked = _braces(line), _braces(text)
    fits = (
        "\n" not in line
        and braces.keys() == asked.keys()
        and braces <= asked
        and 3 <= len(line.split()) <= 40
        and line.count('"') % 2 == 0
        and _quoted(text) <= _quoted(line)
        and not _ANSWERS.match(line)
    )
    return line if fits and plain(line) not in known else None


def _braces(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{[^{}]*\}", text))


def _quoted(text: str) -> set[str]:
    """The slots that stand in quotes: without them it may be read as another request."""
    return set(re.findall(f"[{_QUOTES}]{{(\\w+)}}[{_QUOTES}]", text))


def write_paraphrases(said: "Said", each: int, path: Path = PARAPHRASES) -> None:
    """Add up to `each` paraphrases to every trained family that has fewer."""
    split, found = load_split(), read_paraphrases(path)
    families = [family for family in FAMILIES.values() if split.trains(family)]
    known = {*split.held, *split.trained, *map(plain, found.refused)}

    def more(family: Family) -> dict[str, list[str]]:
        return more_of(family, found.kept.get(family.name, {}), known, each, said)

    with ThreadPoolExecutor(AT_ONCE) as several:
        for family, texts in zip(families, several.map(more, families), strict=True):
            found.kept[family.name] = texts
            found.write(path)
            print(f"{family.name}: {sum(map(len, texts.values()))}", flush=True)


Said = Callable[[str, int], str]
"""What a model makes of a request, the first, second, ... time that it is asked about a family."""


def more_of(
    family: Family, kept: Mapping[str, Sequence[str]], known: Iterable[str], each: int, said: Said
) -> dict[str, list[str]]:
    """Up to `each` paraphrases of a family's trained phrasings by variant, with those that are kept already.

    At most three times as many phrasings are tried.
    """
    texts = {variant: list(lines) for variant, lines in kept.items()}
    known = {*known, *(plain(line) for lines in texts.values() for line in lines)}
    sources = islice(enumerate(_sources(family)), 3 * each)
    while sum(map(len, texts.values())) < each and (source := next(sources, None)):
        number, (variant, text) = source
        new = fitting(said(text, number), text, known)
        if new is not None:
            texts.setdefault(variant, []).append(new)
            known.add(plain(new))
    return texts


def said_by(engine: Engine) -> Said:
    """What an engine's model says; the manner goes by the number."""
    template = ChatTemplate(engine.checkpoint.chat_template or "", engine.checkpoint.special_texts)
    before = [{"role": "system", "content": ASK}]
    for manner, (request, same) in MANNERS.items():
        before += [_asking(request, manner), {"role": "assistant", "content": same}]

    def said(text: str, number: int) -> str:
        asking = _asking(text, list(MANNERS)[number % len(MANNERS)])
        sampling = Sampling(temperature=0.8, top_p=0.9, seed=number, max_tokens=MOST_TOKENS)
        *_, done = engine.generate(encode_chat(template, engine.tokenizer, [*before, asking]), sampling)
        assert isinstance(done, Completion)
        return done.text

    return said


def _asking(text: str, manner: str) -> dict[str, str]:
    return {"role": "user", "content": f"Request: {text}\nManner: {manner}"}


def _sources(family: Family) -> Iterator[tuple[str, str]]:
    """Trained phrasings in random order, with their variant."""
    trained = load_split().trained
    texts = [(v, text) for v, said in family.phrasings.items() for text in said if plain(text) in trained]
    Dice(f"paraphrase {family.name}").shuffle(texts)
    return iter(texts)
