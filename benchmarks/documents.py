"""Documents: charsets told, texts split, words made into terms, and texts turned into vectors.

    python benchmarks/documents.py [--peers FOLDER]

Everything is CPU time of one thread, and ours and its peer take turns in one process. Texts are the 120
English and 60 Chinese paragraphs of `tests/data`; pages in Big5 hold the latter in traditional characters, if
opencc is here to write them so. The peer of the encoder is transformers on the same weights (the texts sorted
by length and padded), that of the charset rule charset-normalizer limited to the same encodings, that of the
splitter LangChain's recursive one with the same tokenizer, if FOLDER, or this Python, has
langchain-text-splitters. The encoder is measured if its weights are here (`agentkit models fetch minilm`).
"""

import argparse
import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.core.documents import Document
from agentkit.documents import decode, split, terms
from agentkit.documents.sentences import sentences
from agentkit_local_models.catalogue import MINILM, path_of, state_of

ROUNDS = 5
WINDOW = 256
DATA = Path(__file__).parents[1] / "tests/data"
BIG5_ROWS = [("big5", "", "big5"), ("big5", "", ""), ("big5hkscs", "", "")]
CHARSETS = ("gb18030", "big5", "shift_jis", "euc_kr", "cp1252")
ROWS = [
    # encoding, header, meta
    ("gbk", "gbk", ""), ("gbk", "", "gb2312"), ("gbk", "", ""), ("gbk", "utf-8", "gb2312"),
    ("gb18030", "iso-8859-1", ""), ("utf-8", "", ""),
]  # fmt: skip

Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, help="a folder with packages to compare with")
    given = parser.parse_args()
    if given.peers:
        sys.path.append(str(given.peers))
    english, chinese = texts("english"), texts("chinese")
    result: dict[str, Any] = {
        "charsets": charsets(chinese),
        "terms": {name: terms_of(some) for name, some in (("english", english), ("chinese", chinese))},
    }
    if state_of(MINILM).is_ready:
        import torch

        torch.set_num_threads(1)
        result["splitting"] = {
            name: splitting("\n\n".join(some * 4))
            for name, some in (("english", english), ("chinese", chinese))
        }
        result["embedding"] = embedding(english)
    else:
        print("not measured without the encoder: agentkit models fetch minilm")
    print(json.dumps(result, indent=2, ensure_ascii=False))
    print(
        write_result("documents", {**result, **machine_facts("torch", "transformers", "charset-normalizer")})
    )


def texts(language: str) -> list[str]:
    lines = (DATA / language / "paragraphs.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def in_turn(works: dict[str, Work]) -> dict[str, float]:
    """The median CPU seconds of each, which take turns."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(ROUNDS):
        for name, work in works.items():
            begun = time.process_time()
            work()
            spent[name].append(time.process_time() - begun)
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


def charsets(paragraphs: Sequence[str]) -> dict[str, Any]:
    """The share of pages that each row of the table reads right."""
    from charset_normalizer import from_bytes

    right: dict[str, Any] = {}
    for (encoding, header, meta), some in rows_with(paragraphs):
        head = f'<html><meta charset="{meta}"><p>'
        pages = [(head + text).encode(encoding, "ignore") for text in some]
        best = [from_bytes(page, cp_isolation=list(CHARSETS)).best() for page in pages]
        name = f"{encoding}, header {header or '-'}, meta {meta or '-'}"
        right[name] = {
            "ours": share(decode(page, header) == page.decode(encoding) for page in pages),
            "charset_normalizer": share(
                found is not None and str(found) == page.decode(encoding)
                for found, page in zip(best, pages, strict=True)
            ),
        }
    page = "".join(paragraphs).encode("gb18030")
    spent = in_turn(
        {"ours": lambda: decode(page), "theirs": lambda: from_bytes(page, cp_isolation=list(CHARSETS)).best()}
    )
    right["cpu_ms_per_100_kB_undeclared"] = {k: round(v * 1e8 / len(page), 2) for k, v in spent.items()}
    return right


def rows_with(paragraphs: Sequence[str]) -> list[tuple[tuple[str, str, str], Sequence[str]]]:
    """Each row of the table with the texts of its pages."""
    rows = [(row, paragraphs) for row in ROWS]
    if importlib.util.find_spec("opencc") is None:
        print("not measured without opencc: pages in Big5")
        return rows
    convert: Any = importlib.import_module("opencc").OpenCC("s2t").convert
    traditional = [convert(text) for text in paragraphs]
    return [*rows, *((row, traditional) for row in BIG5_ROWS)]


def share(found: Any) -> float:
    flags = list(found)
    return round(sum(flags) / len(flags), 4)


def terms_of(paragraphs: Sequence[str]) -> dict[str, float]:
    """Paragraphs and characters whose terms are made in a CPU second."""
    seconds = in_turn({"ours": lambda: [terms(text) for text in paragraphs]})["ours"]
    return {
        "paragraphs_per_cpu_s": round(len(paragraphs) / seconds),
        "million_characters_per_cpu_s": round(sum(map(len, paragraphs)) / seconds / 1e6, 2),
    }


def splitting(text: str) -> dict[str, Any]:
    """How a text is split for the encoder, beside LangChain's splitter with the same count."""
    import tokenizers

    from agentkit_local_models.packed_folder import unpacked

    tokenizer = tokenizers.Tokenizer.from_file(str(unpacked(path_of(MINILM)) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(piece: str) -> int:
        return len(tokenizer.encode(piece).ids)

    document = Document("d", text)
    works: dict[str, Callable[[], list[tuple[int, str]]]] = {
        "ours": lambda: [(chunk.start, chunk.text) for chunk in split(document, WINDOW, count)]
    }
    try:
        splitters: Any = importlib.import_module("langchain_text_splitters")
    except ModuleNotFoundError:
        print("langchain-text-splitters is not here, so the splitter has no peer")
    else:
        theirs: Any = splitters.RecursiveCharacterTextSplitter(
            chunk_size=WINDOW, chunk_overlap=0, length_function=count, add_start_index=True
        )
        works["langchain"] = lambda: [
            (chunk.metadata["start_index"], chunk.page_content) for chunk in theirs.create_documents([text])
        ]
    seconds = in_turn(dict(works))
    ends = {end for _, end in pairwise([0, *(end for _, end in sentences(text))])}
    return {name: judged(work(), text, ends, count, seconds[name]) for name, work in works.items()}


def judged(
    chunks: Sequence[tuple[int, str]], text: str, ends: set[int], count: Callable[[str], int], seconds: float
) -> dict[str, float]:
    sizes = [count(chunk) for _, chunk in chunks]
    stripped = {end - (len(text[:end]) - len(text[:end].rstrip())) for end in ends}
    return {
        "chunks": len(chunks),
        "over_the_window": sum(size > WINDOW for size in sizes),
        "mean_tokens": round(statistics.mean(sizes), 1),
        "wrong_spans": sum(text[start : start + len(chunk)] != chunk for start, chunk in chunks),
        "end_with_a_sentence": share(start + len(chunk) in stripped for start, chunk in chunks),
        "thousand_characters_per_cpu_s": round(len(text) / seconds / 1e3),
    }


def embedding(paragraphs: Sequence[str]) -> dict[str, Any]:
    """Documents turned into vectors in a CPU second, and how far from transformers' they are."""
    from agentkit_local_models.encoder import Encoder
    from agentkit_local_models.packed_folder import unpacked

    folder = unpacked(path_of(MINILM))
    ours = {kind: Encoder.load(folder, dtype=kind) for kind in ("float32", "bfloat16")}
    theirs = {kind: Transformers(folder, kind) for kind in ours}
    long = [" ".join(pair) for pair in zip(paragraphs[::2], paragraphs[1::2], strict=True)]
    long = [text for text in long if ours["float32"].count(text) <= WINDOW]
    result: dict[str, Any] = {}
    for name, some in (("long", long), ("short", [text[:120] for text in paragraphs])):
        tokens = sum(map(ours["float32"].count, some))
        works: dict[str, Work] = {}
        for kind in ours:
            works[f"ours {kind}"] = lambda kind=kind, some=some: ours[kind].encode(some)
            works[f"transformers {kind}"] = lambda kind=kind, some=some: theirs[kind].encode(some)
        seconds = in_turn(works)
        exact = theirs["float32"].encode(some)
        result[name] = {
            "texts": len(some),
            "mean_tokens": round(tokens / len(some), 1),
            "texts_per_cpu_s": {key: round(len(some) / value, 1) for key, value in seconds.items()},
            "greatest_difference_float32": float((ours["float32"].encode(some) - exact).abs().max()),
            "least_cosine_bfloat16": float((ours["bfloat16"].encode(some) * exact).sum(1).min()),
        }
    return result


class Transformers:
    """The same model by transformers: sorted by length, 32 at once, padded, averaged, scaled."""

    def __init__(self, folder: Path, dtype: str) -> None:
        import torch

        transformers: Any = importlib.import_module("transformers")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    def encode(self, texts: Sequence[str]) -> Any:
        import torch

        ids = [self._tokenizer(text, truncation=True, max_length=WINDOW)["input_ids"] for text in texts]
        order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
        vectors = torch.empty(len(ids), 384)
        with torch.inference_mode():
            for start in range(0, len(order), 32):
                batch = order[start : start + 32]
                padded = self._tokenizer.pad({"input_ids": [ids[at] for at in batch]}, return_tensors="pt")
                hidden = self._model(**padded).last_hidden_state.float()
                mask = padded["attention_mask"].unsqueeze(-1).float()
                vectors[batch] = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        return vectors


if __name__ == "__main__":
    main()
