"""The training loop: packs in, a better adapter out, and nothing lost when it is killed.

Everything random is decided by the recipe's seed and the step, so a training that was killed goes on
from its last checkpoint exactly as if nothing had happened (same machine, same number of threads).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.heap import give_back
from agentkit_local_models.lora import Adapter
from agentkit_local_models.training.conversations import DataError, Encoder, read_conversations
from agentkit_local_models.training.forward import Model
from agentkit_local_models.training.loss import cross_entropy, divergence
from agentkit_local_models.training.packs import Conversation, Pack, make_pack, schedule
from agentkit_local_models.training.pieces import WRITTEN, Pieces
from agentkit_local_models.training.recipe import Recipe
from agentkit_local_models.training.state import load_state, save_state
from agentkit_local_models.training.trained import Base, Weights, adapted, assembled

TRIMMED = 20
"""Steps after which freed memory is given back to the system; getting it again takes a part of a second."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to.

    Attributes:
        number: counted from 1.
        loss: the mean cross entropy of its learnt tokens, in nats; None when it had none.
        kept: the mean divergence from the base on general text, in nats; None when it had none.
        rate: the learning rate.
        norm: of the gradient, before clipping.
        tokens: computed in it.
        seconds: it took.
        skipped: whether a gradient overflowed float16, so that nothing was learnt; the next step's are
            scaled less.
    """

    number: int
    loss: float | None
    kept: float | None
    rate: float
    norm: float
    tokens: int
    seconds: float
    skipped: bool = False


class Trainee:
    """What is trained: an adapter on frozen weights, or all weights."""

    def __init__(
        self,
        config: Arch,
        base: Weights,
        adapter: Adapter | None,
        dtype: torch.dtype,
        pieces: Pieces = WRITTEN,
    ) -> None:
        """Take the parts.

        Args:
            config: of the decoder.
            base: the weights, in the dtype of the computation.
            adapter: trained if given; else every weight is, in float32.
            dtype: of the computation.
            pieces: how its element-wise parts are run.
        """
        self.config = config
        self.adapter = adapter
        self.weights = {} if adapter else {name: weight.float().clone() for name, weight in base.items()}
        self.base = Base.of(config, base, pieces)
        self._dtype = dtype

    def parameters(self) -> list[Tensor]:
        """What the optimizer changes, float32, in a fixed order."""
        return self.adapter.parameters() if self.adapter else list(self.weights.values())

    def model(self) -> Model:
        """The model as it is now, for one forward pass."""
        if self.adapter is not None:
            return adapted(self.base, self.adapter)
        weights = {name: weight.to(self._dtype) for name, weight in self.weights.items()}
        return assembled(self.config, weights, self.base.pieces)

    def base_model(self) -> Model:
        """The model before any training."""
        return self.base.model()


def rate_at(step: int, recipe: Recipe) -> float:
    """The learning rate of a step: a linear warm-up, then half a cosine."""
    training = recipe.training
    if step <= training.warmup:
        return training.rate * step / max(1, training.warmup)
    done = (step - training.warmup) / max(1, training.steps - training.warmup)
    lowest = training.final_rate
    return training.rate * (lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Trainer:
    """One training, step by step."""

    def __init__(
        self, recipe: Recipe, trainee: Trainee, task: list[Conversation], general: list[Conversation]
    ) -> None:
        """Prepare the optimizer and the order of the packs."""
        self.recipe = recipe
        self.trainee = trainee
        self.done = 0
        training = recipe.training
        self._device = torch.device(training.device)
        for parameter in trainee.parameters():
            parameter.requires_grad_()
        self.optimizer = torch.optim.AdamW(
            trainee.parameters(), lr=training.rate, betas=training.betas, weight_decay=training.weight_decay
        )
        self.scaler = torch.amp.GradScaler(training.device, enabled=training.precision == "float16")
        self._packs = schedule(
            task,
            general,
            share=recipe.data.general_share,
            most_tokens=training.pack_tokens,
            seed=training.seed,
        )

    def step(self) -> Step:
        """Learn from the next packs."""
        began = time.monotonic()
        training = self.recipe.training
        number = self.done + 1
        packs = [pack.to(self._device) for pack in self._next_packs()]
        torch.manual_seed(training.seed * 1_000_003 + number)  # pyright: ignore[reportUnknownMemberType] - dropout
        rate = rate_at(number, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        sums = {False: 0.0, True: 0.0}
        counts = {kind: sum(p.targets.numel() for p in packs if p.general == kind) for kind in (False, True)}
        for pack in packs:
            model = self.trainee.model()
            if pack.general:
                loss, weight = divergence(model, self.trainee.base_model(), pack), training.general_weight
            else:
                loss, weight = cross_entropy(model, pack), 1.0
            sums[pack.general] += float(loss.detach())
            share = weight / sum(counts.values())  # every learnt token counts the same
            self.scaler.scale(loss * share).backward()  # pyright: ignore[reportUnknownMemberType]
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.trainee.parameters(), training.clip)
        self.scaler.step(self.optimizer)  # pyright: ignore[reportUnknownMemberType]
        scale = self.scaler.get_scale()
        self.scaler.update()
        self.done = number
        return Step(
            number,
            sums[False] / counts[False] if counts[False] else None,
            sums[True] / counts[True] if counts[True] else None,
            rate,
            float(norm),
            sum(pack.tokens for pack in packs),
            time.monotonic() - began,
            self.scaler.get_scale() < scale,
        )

    def skip_to(self, done: int) -> None:
        """Pass over the packs of the steps that were done already."""
        while self.done < done:
            self._next_packs()
            self.done += 1

    def _next_packs(self) -> list[Pack]:
        """The packs of the next step: as many as it takes to fill it."""
        packs: list[Pack] = []
        while sum(pack.tokens for pack in packs) < self.recipe.training.step_tokens:
            packs.append(make_pack(next(self._packs)))
        return packs

    def state(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {
            "recipe": self.recipe.digest,
            "done": self.done,
            "parameters": [p.detach() for p in self.trainee.parameters()],
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: it belongs to another recipe.
        """
        if state["recipe"] != self.recipe.digest:
            raise DataError("the checkpoint was made with another recipe; begin anew or restore the recipe")
        with torch.no_grad():
            for parameter, saved in zip(self.trainee.parameters(), state["parameters"], strict=True):
                parameter.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.skip_to(state["done"])


def load_data(recipe: Recipe, checkpoint: Checkpoint) -> tuple[list[Conversation], list[Conversation]]:
    """The conversations of a recipe, and the general ones.

    Raises:
        DataError: a file or a row cannot be used, the files hold nothing, or a share of the packs is to
            be general text and a file of it is empty.
    """
    encoder = Encoder(checkpoint, recipe.data.most_tokens)

    def read(names: Iterable[str], *, general: bool) -> Iterator[Conversation]:
        for name in names:
            yield from read_conversations(recipe.path(name), encoder, general=general)

    task = list(read(recipe.data.files, general=False))
    if not task:
        raise DataError(f"{', '.join(recipe.data.files)}: no row to train on")
    general: list[Conversation] = []
    for name in recipe.data.general:
        rows = list(read([name], general=True))
        if not rows and recipe.data.general_share:
            raise DataError(f"{recipe.path(name)}: no row of general text, and data.general_share is above 0")
        general += rows
    return task, general


def run(
    trainer: Trainer,
    folder: Path,
    *,
    minutes: float | None = None,
    watch: Callable[[Step], None] = lambda _step: None,
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Train until the recipe's steps are done, or for some minutes; whether they are done.

    `folder` gets `metrics.jsonl` (a line a step) and `state.pt` (the last checkpoint, replaced whole).
    `stopped` is asked after each step whether to end with a checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = saved = clock()
    metrics = folder / "metrics.jsonl"
    _cut(metrics, trainer.done)
    with metrics.open("a", encoding="utf-8") as file:
        while trainer.done < trainer.recipe.training.steps:
            step = trainer.step()
            file.write(json.dumps(_row(step), allow_nan=False) + "\n")
            file.flush()
            watch(step)
            if step.number % TRIMMED == 0:
                give_back()
            out_of_time = stopped() or (minutes is not None and clock() - began > minutes * 60)
            if out_of_time or clock() - saved > trainer.recipe.training.save_minutes * 60:
                save_state(trainer.state(), folder / "state.pt")
                saved = clock()
            if out_of_time:
                return trainer.done >= trainer.recipe.training.steps
    save_state(trainer.state(), folder / "state.pt")
    return True


def resume(trainer: Trainer, folder: Path) -> bool:
    """Go on from the folder's checkpoint, if there is one."""
    path = folder / "state.pt"
    if not path.exists():
        return False
    trainer.restore(load_state(path))
    return True


def _row(step: Step) -> dict[str, float | int | None]:
    """What a line says of a step: without what it did not have, and null for what is no number."""
    row: dict[str, float | int | None] = {
        "step": step.number,
        "loss": step.loss,
        "kept": step.kept,
        "rate": step.rate,
        "norm": step.norm,
        "tokens": step.tokens,
        "seconds": round(step.seconds, 3),
        "skipped": step.skipped or None,
    }
    return {name: value if math.isfinite(value) else None for name, value in row.items() if value is not None}


def _cut(metrics: Path, done: int) -> None:
    """Forget the steps after a checkpoint: they are done again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= done]
        part = metrics.with_suffix(".part")
        part.write_text("".join(kept), encoding="utf-8")
        part.replace(metrics)
