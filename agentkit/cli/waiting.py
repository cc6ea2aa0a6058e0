"""What was sent and not heard: kept beside the journal until its conversation is taken up again."""

import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from agentkit.core.errors import JournalError
from agentkit.core.private_file import write_private


class Waiting(Struct, frozen=True, omit_defaults=True):
    """What the person sent to a conversation that has not heard it."""

    now: tuple[str, ...] = ()
    """To be heard before the next step."""
    queued: tuple[str, ...] = ()
    """Messages, and lines for their shell, that wait for the end of the one before."""
    along: tuple[str, ...] = ()
    """What goes with the next message."""

    def __bool__(self) -> bool:
        return bool(self.now or self.queued or self.along)


def keep_waiting(journal: Path, run_id: str, waiting: Waiting) -> None:
    """Keep it, without secrets, for whoever takes up the run."""
    from agentkit.journal.redact import Redactor, secrets_of

    clean = Redactor(secrets_of(os.environ)).text
    parts = (tuple(map(clean, texts)) for texts in (waiting.now, waiting.queued, waiting.along))
    write_private(_file(journal, run_id), msgspec.json.encode(Waiting(*parts)))


def take_waiting(journal: Path, run_id: str) -> Waiting:
    """What was kept for a run, which is then kept no longer.

    Raises:
        JournalError: it is damaged, and stays where it is.
    """
    path = _file(journal, run_id)
    try:
        waiting = msgspec.json.decode(path.read_bytes(), type=Waiting)
    except FileNotFoundError:
        return Waiting()
    except msgspec.DecodeError as error:
        raise JournalError(f"what waits in {path} cannot be read ({error}); remove the file") from error
    path.unlink()
    return waiting


def forget_waiting(journal: Path, run_id: str) -> None:
    """Keep nothing for a run any longer."""
    _file(journal, run_id).unlink(missing_ok=True)


def _file(journal: Path, run_id: str) -> Path:
    digest = hashlib.blake2b(run_id.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
    return journal.parent / "waiting" / f"{digest}.json"
