"""A whole training, from a recipe to an adapter: `train`."""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from agentkit_local_models.adapter_file import load_adapter, save_packed, save_peft
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.lora import Adapter, LoraConfig
from agentkit_local_models.precision import DTYPES
from agentkit_local_models.training import trainer as training
from agentkit_local_models.training.attending import attending_by
from agentkit_local_models.training.curves import METRICS
from agentkit_local_models.training.hub_folder import require_writable, save_hub
from agentkit_local_models.training.memory import LIBRARIES, needed, pack_shapes, told
from agentkit_local_models.training.pieces import WRITTEN, Pieces, compiled
from agentkit_local_models.training.recipe import Recipe, RecipeError, read_recipe
from agentkit_local_models.training.source import Source, source_of
from agentkit_local_models.training.trained import require_one_way
from agentkit_local_models.training.trainer import Step, Trainee, Trainer

CHECKPOINT = "state.pt"
ADAPTER = "adapter.safetensors"
PEFT = "peft"
MODEL = "model"
CARD = "card.json"

LAST_STEPS = 20
"""The loss of a training is the mean of so many last steps (of a short one, of its last fifth): one
alone is mostly luck."""


class OutputRefused(LocalModelError):
    """The output folder cannot be used; the message says why and what would work."""


class Diverged(LocalModelError):
    """The loss is no number any more; the last checkpoint is from before."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A training that is about to take its first step.

    Attributes:
        done: steps that were done before.
        steps: of the recipe.
        conversations: to learn from.
        general: rows of general text.
        numbers: how many are trained.
    """

    done: int
    steps: int
    conversations: int
    general: int
    numbers: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    Attributes:
        done: steps, of all times it was run.
        steps: of the recipe.
        loss: the mean of the last steps, in nats a token; None when nothing was learnt from.
        kept: the same for the divergence from the base; None without general text.
        tokens_per_second: over all steps; 0 without a step.
        skipped: steps that learnt nothing, because a gradient overflowed float16.
        base: the recipe's name of the model.
        model: its file or folder.
        result: the adapter's file; in full fine-tuning the model's folder.
    """

    done: int
    steps: int
    loss: float | None
    kept: float | None
    tokens_per_second: float
    skipped: int
    base: str
    model: Path
    result: Path

    @property
    def is_finished(self) -> bool:
        """Every step of the recipe is done."""
        return self.done >= self.steps


class Watch(Protocol):
    """Told of a training while it runs; a subclass need not override anything."""

    def opened(self, needs: list[str], memory: int) -> None:
        """The data and the model's shape are known; nothing large is loaded yet.

        Args:
            needs: lines that tell how much memory it will take, and for what.
            memory: how many bytes that is.
        """

    def begun(self, begun: Begun) -> None:
        """The weights are loaded too."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def is_stopped(self) -> bool:
        """Whether to end after this step, with a checkpoint; asked after each."""
        return False


class _Unwatched(Watch):
    """Nobody looks."""


def train(
    recipe_path: Path,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    devices: int = 1,
    watch: Watch | None = None,
) -> Trained:
    """Train as a recipe says until its steps are done, the minutes are over, or the watch stops it.

    The folder `out` gets `card.json` (what it is made from), `metrics.jsonl` (a line a step) and
    `state.pt` (the last checkpoint); and at the end, also when it is not finished:

    - of an adapter `adapter.safetensors`, packed, which `local:NAME+FILE` joins into the model, and
      the folder `peft/` for other programs;
    - of a full fine-tuning the folder `model/` in the hub's layout, in the dtype of the training, which
      `local:PATH` and transformers load.

    Args:
        recipe_path: the TOML file.
        out: made if it is not there.
        minutes: after which it ends with a checkpoint; None for no end but the recipe's.
        resume: go on from the folder's checkpoint; from the start if it has none yet.
        devices: with more than one, the watch is also told what ZeRO would need on each of so many; the
            training is on the recipe's one all the same.
        watch: told what happens.

    Raises:
        RecipeError: the recipe cannot be read or followed.
        DataError: a row cannot be used (with file and line), or what is gone on with has changed.
        CheckpointError: the model, the adapter to start from or the checkpoint cannot be used.
        Diverged: the loss became infinite or no number.
        OutputRefused: the folder holds another training, one is at work there, or it cannot be written.
    """
    watch = watch or _Unwatched()
    recipe = read_recipe(recipe_path)
    device = _device(recipe_path, recipe)
    with _held(out):
        if not resume:
            _require_unused(out)
        source = source_of(recipe_path, recipe)
        if source.model.resolve() in (out.resolve(), (out / MODEL).resolve()):
            raise OutputRefused(f"{out} is where the model {recipe.model} lies; name another folder")
        if (out / CHECKPOINT).exists():
            source.require_same(out / CARD, recipe.model)
        with Checkpoint.open(source.model) as checkpoint:
            require_one_way(checkpoint.config)
            if recipe.adapter_shape is None:
                require_writable(checkpoint)
            task, general = training.load_data(recipe, checkpoint)
            trained_on = task + general if recipe.data.general_share else task
            shapes = pack_shapes(trained_on, recipe.training.pack_tokens, recipe.training.seed)
            memory = needed(checkpoint.config, recipe, shapes=shapes).resident + LIBRARIES
            watch.opened(told(checkpoint.config, recipe, shapes=shapes, devices=devices), memory)
            trainer = Trainer(recipe, _trainee(recipe, checkpoint, device), task, general)
        training.resume(trainer, out)
        _write_card(out, source.card(recipe, trainer.done))
        watch.begun(
            Begun(
                trainer.done,
                recipe.training.steps,
                len(task),
                len(general),
                sum(parameter.numel() for parameter in trainer.trainee.parameters()),
            )
        )
        training.run(trainer, out, minutes=minutes, watch=_checked(watch), stopped=watch.is_stopped)
        result = _write_result(trainer, checkpoint, source, out)
        return _summary(trainer, source, out, result)


def _checked(watch: Watch) -> Callable[[Step], None]:
    def stepped(step: Step) -> None:
        watch.stepped(step)
        if not all(math.isfinite(value) for value in (step.loss, step.kept) if value is not None):
            raise Diverged(f"the loss of step {step.number} is no number; a lower training.rate may help")

    return stepped


def _device(path: Path, recipe: Recipe) -> torch.device:
    """The recipe's device, if it is here."""
    name = recipe.training.device
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise RecipeError(f"{path}: training.device {name!r} cannot be used here: {reason}") from error
    return device


def _trainee(recipe: Recipe, checkpoint: Checkpoint, device: torch.device) -> Trainee:
    """The base's weights in the dtype of the computation, with what is trained on them."""
    dtype = DTYPES[recipe.training.precision]
    base = {name: weight.to(device) for name, weight in checkpoint.load_weights(dtype)}
    shape = recipe.adapter_shape
    adapter = None if shape is None else _adapter(recipe, shape, checkpoint).to(device)
    return Trainee(checkpoint.config, base, adapter, dtype, pieces_of(recipe))


def pieces_of(recipe: Recipe) -> Pieces:
    """How the parts of a training's forward pass are computed.

    Raises:
        LocalModelError: the recipe names something for attention that cannot run on its device.
    """
    attending = attending_by(recipe.training.attention, torch.device(recipe.training.device))
    return replace(compiled() if recipe.training.compile else WRITTEN, attending=attending)


def _adapter(recipe: Recipe, shape: LoraConfig, checkpoint: Checkpoint) -> Adapter:
    """A fresh adapter, or the one to begin from: a packed file, or a folder in PEFT's layout."""
    config = checkpoint.config
    if not shape.names(config):
        raise RecipeError(
            f"{config.family} has none of the layers {', '.join(shape.targets)} of lora.targets"
        )
    if not recipe.start:
        return Adapter.fresh(shape, config, recipe.training.seed)
    path = recipe.path(recipe.start)
    found = load_adapter(path, config, checkpoint.names)
    names = shape.names(config)
    if (found.config.rank, found.config.alpha, found.pairs.keys()) != (shape.rank, shape.alpha, set(names)):
        raise RecipeError(
            f"the adapter {path} has rank {found.config.rank}, alpha {found.config.alpha:g} and the targets "
            f"{', '.join(found.config.targets)}; [lora] must say the same"
        )
    # in the order of a fresh one, with the recipe's own dropout
    return Adapter(shape, {name: found.pairs[name] for name in names})


def _write_result(trainer: Trainer, checkpoint: Checkpoint, source: Source, out: Path) -> Path:
    """The adapter, or the whole model, as it is now."""
    recipe, trainee = trainer.recipe, trainer.trainee
    card = source.card(recipe, trainer.done)
    _write_card(out, card)
    if trainee.adapter is None:
        save_hub(checkpoint, trainee.weights, out / MODEL, DTYPES[recipe.training.precision], card)
        return out / MODEL
    adapter = trainee.adapter.to(torch.device("cpu"))
    part = out / "adapter.part"
    save_packed(adapter, part, card)
    part.replace(out / ADAPTER)
    save_peft(adapter, out / PEFT, recipe.model, checkpoint.config, checkpoint.names)
    return out / ADAPTER


def _summary(trainer: Trainer, source: Source, out: Path, result: Path) -> Trained:
    lines = (out / METRICS).read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    last = rows[-max(1, min(LAST_STEPS, len(rows) // 5)) :]
    seconds = sum(row["seconds"] for row in rows)
    return Trained(
        trainer.done,
        trainer.recipe.training.steps,
        _mean(row["loss"] for row in last if row.get("loss") is not None),
        _mean(row["kept"] for row in last if row.get("kept") is not None),
        sum(row["tokens"] for row in rows) / seconds if seconds else 0.0,
        sum(row.get("skipped", False) for row in rows),
        trainer.recipe.model,
        source.model,
        result,
    )


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _require_unused(out: Path) -> None:
    """Nothing that cost hours is written over by a command that was typed twice."""
    if (out / CHECKPOINT).exists():
        raise OutputRefused(
            f"{out} holds a training already; go on with it (--resume), or name another folder"
        )
    if there := [name for name in (ADAPTER, PEFT, MODEL) if (out / name).exists()]:
        raise OutputRefused(f"{out} holds {', '.join(there)} already; name another folder")


@contextmanager
def _held(out: Path) -> Generator[None, None, None]:
    """The output folder, for one training at a time; what cannot be written there is said in one line."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputRefused(f"another training is at work in {out}") from error
            yield
    except OSError as error:
        raise OutputRefused(f"{error.filename or out}: {error.strerror or error}") from error


def _write_card(out: Path, card: dict[str, Any]) -> None:
    part = out / "card.part"
    part.write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(out / CARD)
