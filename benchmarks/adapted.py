"""A model of the catalogue without and with an adapter, as the command line of a benchmark names them."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from agentkit.models.embedded import MANNERS, adapter_file
from agentkit_local_models.catalogue import find, path_of
from agentkit_local_models.engine import Engine

MODELS = tuple(name for name, manner in MANNERS.items() if manner.adapter)


@dataclass(frozen=True)
class Pair:
    """A model, and the file of its adapter."""

    model: str
    adapter: Path

    def base(self) -> Engine:
        """The model as it came."""
        return Engine.load(path_of(find(self.model)))

    def adapted(self) -> Engine:
        """The model with its adapter."""
        return Engine.load(path_of(find(self.model)), adapter=self.adapter)

    def result(self, name: str) -> str:
        """What the result of the benchmark `name` is called: of the first model, just that."""
        return name if self.model == MODELS[0] else f"{name}-{self.model.replace(':', '-')}"


def pair_of(about: str | None) -> Pair:
    """The pair that the command line names: by default the first model and the adapter that it ships with."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--adapter", type=Path, metavar="FILE", help="instead of the one that ships")
    given = parser.parse_args()
    return Pair(given.model, given.adapter or adapter_file(MANNERS[given.model].adapter))
