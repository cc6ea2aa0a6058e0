"""What is measured: the engine, transformers and llama.cpp, each on the same file's weights."""

import ctypes
import importlib
import warnings
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.decoder import Decoder
from agentkit_local_models.loading import load_model
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.precision import CacheForm, Form
from agentkit_local_models.sampling import largest
from agentkit_local_models.weights import hub_name

# The name that replaces it is not in the older transformers the `oracle` group allows.
warnings.filterwarnings("ignore", message="`past_key_values` is deprecated")
CHUNK: Final = 512
CONTEXT: Final = 2_048


def chunks(prompt: list[int]) -> list[list[int]]:
    """The prompt in pieces of `CHUNK` tokens."""
    return [prompt[at : at + CHUNK] for at in range(0, len(prompt), CHUNK)]


class Side(Protocol):
    """A model that several sequences are continued with, likeliest token after likeliest token."""

    name: str

    def start(self, prompt: list[int], sequences: int = 1) -> list[int]:
        """Forget everything, let so many sequences have read the prompt, and say what follows in each."""
        ...

    def step(self, tokens: list[int]) -> list[int]:
        """What follows after one more token of each sequence."""
        ...

    def close(self) -> None:
        """Let go of the memory."""
        ...


class Ours:
    """The engine's model."""

    def __init__(
        self,
        path: Path,
        dtype: torch.dtype,
        form: Form,
        threads: int,
        *,
        name: str = "agentkit",
        native: bool = True,
        compiled: bool = False,
        cache: CacheForm = "float",
    ) -> None:
        self.name = name
        torch.set_num_threads(threads)
        with Checkpoint.open(path) as checkpoint:
            loaded = load_model(
                checkpoint,
                form,
                dtype,
                None,
                native=native,
                threads=threads,
                device=torch.device("cpu"),
                compiled=compiled,
                cache=cache,
            )
        if native and loaded.why_not:
            warnings.warn(f"without the native step: {loaded.why_not}", stacklevel=2)
        self._model = loaded.model
        self._caches: list[PagedCache] = []

    def start(self, prompt: list[int], sequences: int = 1) -> list[int]:
        """See `Side`."""
        arch = self._model.arch
        pool = PagePool(arch, self._model.dtype, sequences * pages_for(CONTEXT), form=self._model.cache)
        first = PagedCache(pool, CONTEXT)
        *before, last = chunks(prompt)
        for part in before:
            self._model.hidden([(part, first)])
        following = self._likeliest(self._model.hidden([(last, first)])[-1:])
        self._caches = [first, *(first.fork() for _ in range(sequences - 1))]
        return following * sequences

    def step(self, tokens: list[int]) -> list[int]:
        """See `Side`."""
        pairs = zip(tokens, self._caches, strict=True)
        return self._likeliest(self._model.hidden([([token], cache) for token, cache in pairs]))

    def _likeliest(self, hidden: torch.Tensor) -> list[int]:
        return [largest(row) for row in self._model.logits_of(hidden)]

    def close(self) -> None:
        """See `Side`."""
        self._caches.clear()
        del self._model


class Plain:
    """The engine's readable reference, one sequence at a time: what the engine was before."""

    def __init__(self, path: Path, dtype: torch.dtype, threads: int) -> None:
        self.name = "plain decoder"
        torch.set_num_threads(threads)
        with Checkpoint.open(path) as checkpoint:
            self._decoder = Decoder.from_checkpoint(checkpoint, dtype)

    def start(self, prompt: list[int], sequences: int = 1) -> list[int]:
        """See `Side`; of one sequence."""
        assert sequences == 1
        self._cache = self._decoder.new_cache()
        return [self.step(part)[0] for part in chunks(prompt)][-1:]

    def step(self, tokens: list[int]) -> list[int]:
        """See `Side`."""
        return [int(self._decoder.logits(tokens, self._cache).argmax())]

    def close(self) -> None:
        """See `Side`."""
        del self._decoder, self._cache


class Transformers:
    """transformers' model with the same weights, dequantised, its own cache and SDPA attention."""

    def __init__(self, path: Path, dtype: torch.dtype, threads: int) -> None:
        torch.set_num_threads(threads)
        self.name = f"transformers {str(dtype).removeprefix('torch.')}"
        with Checkpoint.open(path) as checkpoint:
            arch = checkpoint.config
            weights = dict(checkpoint.load_weights(dtype))
        llama = arch.family == "llama"
        config_class: Any = LlamaConfig if llama else Qwen2Config
        model_class: Any = LlamaForCausalLM if llama else Qwen2ForCausalLM
        extra: dict[str, Any] = {"head_dim": arch.head_width} if llama else {}
        self._config = config_class(
            vocab_size=arch.vocabulary_size,
            hidden_size=arch.width,
            intermediate_size=arch.feed_forward_width,
            num_hidden_layers=arch.layers,
            num_attention_heads=arch.heads,
            num_key_value_heads=arch.kv_heads,
            max_position_embeddings=arch.context,
            rms_norm_eps=arch.norm_epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": arch.rope_base},
            tie_word_embeddings=arch.tied_head,
            attn_implementation="sdpa",
            **extra,
        )
        with torch.device("meta"):
            model = model_class(self._config)
        model = model.to_empty(device="cpu")
        state = {hub_name(name): weight for name, weight in weights.items()}
        if arch.tied_head:
            state["lm_head.weight"] = state["model.embed_tokens.weight"]
        model.load_state_dict(state, assign=True)
        model.tie_weights()
        model.model.rotary_emb = type(model.model.rotary_emb)(self._config)
        self._model: Any = model.eval()

    def start(self, prompt: list[int], sequences: int = 1) -> list[int]:
        """See `Side`."""
        self._cache: Any = DynamicCache(config=self._config)
        following = [self._likeliest([part]) for part in chunks(prompt)][-1]
        self._cache.batch_repeat_interleave(sequences)
        return following * sequences

    def step(self, tokens: list[int]) -> list[int]:
        """See `Side`."""
        return self._likeliest([[token] for token in tokens])

    @torch.inference_mode()
    def _likeliest(self, ids: list[list[int]]) -> list[int]:
        output = self._model(torch.tensor(ids), past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        chosen: list[int] = output.logits[:, -1].argmax(-1).tolist()
        return chosen

    def close(self) -> None:
        """See `Side`."""
        del self._model, self._cache


class LlamaCpp:
    """llama.cpp through the C interface of llama-cpp-python, on the file itself."""

    def __init__(self, path: Path, threads: int, sequences: int) -> None:
        self.name = f"llama.cpp {path.stem.rpartition('-')[2].rpartition('.')[2].lower()}"
        self._c: Any = importlib.import_module("llama_cpp")
        self._quiet: Any = self._c.llama_log_callback(unheard)
        self._c.llama_log_set(self._quiet, ctypes.c_void_p(0))
        self._c.llama_backend_init()
        self._file = self._c.llama_model_load_from_file(
            str(path).encode(), self._c.llama_model_default_params()
        )
        settings = self._c.llama_context_default_params()
        settings.n_ctx = CONTEXT * sequences
        settings.n_batch = settings.n_ubatch = CHUNK
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = threads
        self._context = self._c.llama_init_from_model(self._file, settings)
        if not self._file or not self._context:
            raise RuntimeError(f"llama.cpp does not load {path}")
        self._memory = self._c.llama_get_memory(self._context)
        self._vocabulary = self._c.llama_vocab_n_tokens(self._c.llama_model_get_vocab(self._file))
        self._batch = self._c.llama_batch_init(CHUNK, 0, sequences)
        self._place = 0

    def start(self, prompt: list[int], sequences: int = 1) -> list[int]:
        """See `Side`."""
        self._c.llama_memory_clear(self._memory, True)
        following = [self._read(prompt, number) for number in range(sequences)]
        self._place = len(prompt)
        return following

    def every(self, ids: list[int]) -> torch.Tensor:
        """The logits after each of at most `CHUNK` tokens of a new text: float32 [T, vocabulary_size]."""
        self._c.llama_memory_clear(self._memory, True)
        self._decode([(token, place, 0, True) for place, token in enumerate(ids)])
        return torch.stack([torch.as_tensor(self._logits(row)).clone() for row in range(len(ids))])

    def _read(self, prompt: list[int], sequence: int) -> int:
        place = 0
        for part in chunks(prompt):
            last = len(part) - 1
            self._decode([(token, place + n, sequence, n == last) for n, token in enumerate(part)])
            place += len(part)
        return self._likeliest((place - 1) % CHUNK)

    def step(self, tokens: list[int]) -> list[int]:
        """See `Side`."""
        self._decode([(token, self._place, number, True) for number, token in enumerate(tokens)])
        self._place += 1
        return [self._likeliest(number) for number in range(len(tokens))]

    def _decode(self, rows: list[tuple[int, int, int, bool]]) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for n, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[n], batch.pos[n], batch.logits[n] = token, position, wanted
            batch.n_seq_id[n], batch.seq_id[n][0] = 1, sequence
        if said := self._c.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode: {said}")

    def _likeliest(self, row: int) -> int:
        return int(self._logits(row).argmax())

    def _logits(self, row: int) -> np.ndarray:
        logits = self._c.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(logits, (self._vocabulary,))

    def close(self) -> None:
        """See `Side`."""
        self._c.llama_batch_free(self._batch)
        self._c.llama_free(self._context)
        self._c.llama_model_free(self._file)


def unheard(*_: object) -> None:
    """What is done with what llama.cpp logs."""
