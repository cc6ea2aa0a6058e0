"""Plain chat before and after the adapter: which answer does a larger model prefer, not knowing whose it is?

`python benchmarks/chat.py [--model MODEL] [--adapter FILE]`. Thirty questions without tools, answered
greedily by a model without and with its adapter; qwen2.5-coder:1.5b compares each pair in both orders, and a
preference counts only when both orders agree. The answers are kept in the result, to be read by people too.
"""

from typing import Any

from adapted import pair_of
from facts import machine_facts, write_result

from agentkit_local_models.answer import Completion
from agentkit_local_models.catalogue import QWEN_CODER, path_of
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling

QUESTIONS = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "Give me three tips for sleeping better.",
    "Write a short poem about the sea.",
    "What is the difference between a comet and an asteroid?",
    "Explain what a computer virus is to a child.",
    "How do I boil an egg?",
    "Name five fruits.",
    "What should I pack for a weekend in the mountains?",
    "Who wrote Romeo and Juliet?",
    "Summarise the story of Cinderella in two sentences.",
    "What is photosynthesis?",
    "Give me a synonym for 'happy'.",
    "How many days are there in a leap year?",
    "Write a polite e-mail asking for a day off.",
    "What are the primary colours?",
    "Why do cats purr?",
    "Tell me a joke.",
    "What is the largest planet in the solar system?",
    "How can I learn to play the guitar?",
    "What does 'photosensitive' mean?",
    "Suggest a name for a bakery.",
    "How do plants drink water?",
    "What is the opposite of 'ancient'?",
    "Describe a rainy day in a city.",
    "What is gravity?",
    "Give me a simple recipe for pancakes.",
    "How do I remove a coffee stain from a shirt?",
    "What is the freezing point of water in Celsius?",
    "Why should people exercise?",
)
JUDGE = (
    "A person asked: {question}\n\nAnswer A:\n{a}\n\nAnswer B:\n{b}\n\nWhich answer is better? Say A, B, or "
    "same if they are about as good. Say only that word."
)


def talk(engine: Engine, prompt: str, grammar: str | None = None, most: int = 200) -> str:
    checkpoint = engine.checkpoint
    template = ChatTemplate(checkpoint.chat_template or "", checkpoint.special_texts)
    ids = encode_chat(template, engine.tokenizer, [{"role": "user", "content": prompt}])
    for piece in engine.generate(ids, Sampling(max_tokens=most), grammar=grammar):
        if isinstance(piece, Completion):
            return piece.text.strip()
    raise AssertionError("an answer ends with its completion")


def main() -> None:
    tried = pair_of(__doc__)
    base, adapted = tried.base(), tried.adapted()
    pairs = [(question, talk(base, question), talk(adapted, question)) for question in QUESTIONS]
    judge = Engine.load(path_of(QWEN_CODER))
    rows: list[dict[str, Any]] = []
    for question, before, after in pairs:
        said = [
            talk(judge, JUDGE.format(question=question, a=a, b=b), 'start: "A" | "B" | "same"')
            for a, b in ((before, after), (after, before))
        ]
        better = {"A B": "base", "B A": "adapted"}.get(" ".join(said), "same")
        rows.append({"question": question, "base": before, "adapted": after, "said": said, "better": better})
        print(f"{better:<8} {question}", flush=True)
    counts = {name: sum(row["better"] == name for row in rows) for name in ("base", "same", "adapted")}
    print(counts)
    write_result(tried.result("chat"), {"counts": counts, "rows": rows, "machine": machine_facts()})


if __name__ == "__main__":
    main()
