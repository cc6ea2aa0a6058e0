"""From nothing to the first token of a real model: processor time of a fresh process."""

import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from engine_measure import Row, Setting

SECONDS: Final = 1.5
SMALL: Final = "SmolLM2"
FIRST_TOKEN: Final = """
import sys
from pathlib import Path
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
engine = Engine.load(Path(sys.argv[1]), threads=int(sys.argv[2]))
prompt = engine.tokenizer.encode("The capital of France is")
for _ in engine.generate(prompt, Sampling(temperature=0, max_tokens=1)):
    pass
"""


def rows(setting: Setting) -> Iterator[Row]:
    """Python, torch, the file and one token; the bar is a number of seconds, so its inverse is compared.

    It is the small model's: of a large one most of the time goes to the weights.
    """
    for path in setting.models:
        seconds: list[float] = []
        for number in range(setting.rounds + 1):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-c", FIRST_TOKEN, str(path), str(setting.threads)]
            subprocess.run(command, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if number:  # the first may build the native step
                seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        took = statistics.median(seconds)
        yield Row(
            f"{path.stem.partition('-')[0]}, first token of a cold process",
            "CPU seconds (less is better)",
            round(took, 3),
            "the bar",
            SECONDS,
            round(SECONDS / took, 3),
            1.0 if path.stem.startswith(SMALL) else None,
        )
