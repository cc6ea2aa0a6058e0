"""The error tree.

AgentkitError
├── UsageError              what the person asked for cannot be: exit code 2
│   ├── UnknownModel
│   ├── MissingKey
│   ├── WorkspaceError
│   ├── SettingsError
│   ├── PromptError
│   ├── FrontMatterError    the head of a file cannot be read
│   ├── RunNotFound
│   ├── NotRemembered       nothing of that id is remembered there
│   ├── NotStored           a fact has no ground to be remembered on
│   ├── RunExists           a run of that name is recorded here already
│   ├── DocumentError       no text can be read out of a file, or it cannot be split as asked
│   ├── NotAnExport         a file is no run that was exported, or not all of it
│   └── UndoRefused         an undo would cover what the run did not do
├── JournalError            the record of runs cannot be used as it is: exit code 2
│   ├── CorruptJournal
│   └── RunBusy             another process is working on the run
├── IndexUnusable           what documents are found by cannot be used as it is: exit code 2
│   ├── CorruptIndex
│   ├── IndexDiffers        it was made in another way than it would be used now
│   └── IndexWouldShrink    much of what it holds is not there any more
├── MemoryUnusable          what is remembered cannot be read or written: exit code 2
├── SandboxUnavailable      nothing here can confine model-written code
├── ModelError              the model could not answer: exit code 7
│   ├── AuthenticationFailed
│   ├── QuotaExceeded
│   ├── RateLimited         retried
│   ├── ProviderDown        retried
│   ├── StreamCut           retried
│   │   ├── MalformedStream     what came is not what the protocol says
│   │   └── NoOtherAttempt      and the run's budget has no room for it to begin anew
│   ├── BadRequest
│   ├── ContextOverflow
│   ├── ReplayDiffers       a recorded run was not asked this
│   ├── LimitReached        a limit that was set here leaves no room for the request
│   └── UnreadableAnswer    it answered, but not in the form that was asked for
└── ToolFault               a tool says what went wrong; it becomes a result, never a crash
"""

from collections.abc import Sequence


class AgentkitError(Exception):
    """Something agentkit can explain: the message says what was wrong, found, and would work."""

    exit_code = 1


class UsageError(AgentkitError):
    """What the person asked for cannot be done as asked."""

    exit_code = 2


class UnknownModel(UsageError):
    """No model goes by that name."""


class MissingKey(UsageError):
    """The provider needs a key and none was found."""


class WorkspaceError(UsageError):
    """The workspace folder cannot be used."""


class SettingsError(UsageError):
    """A setting is unknown or has a value that cannot be."""


class PromptError(UsageError):
    """A prompt file or template is not usable with the values it was given."""


class FrontMatterError(UsageError):
    """What a file says of itself at its head cannot be read."""


class RunNotFound(UsageError):
    """The journal holds no such run."""


class NoJournal(UsageError):
    """There is no journal where runs were looked for."""


class NotRemembered(UsageError):
    """Nothing of that id is remembered of this person."""


class NotStored(UsageError):
    """A fact is not remembered, because nothing that was said bears it out."""


class RunExists(UsageError):
    """What is to be recorded goes by a name that something else here has already."""


class DocumentError(UsageError):
    """A file holds no text that can be read, or cannot be split as asked."""


class NotAnExport(UsageError):
    """The file is not a run as it was exported."""


class UndoRefused(UsageError):
    """Taking back what a run did would cover what somebody else did, or lose something.

    Args:
        message: what speaks against it, and what would work.
        paths: the files in question.
    """

    def __init__(self, message: str, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


class JournalError(AgentkitError):
    """The record of runs cannot be used as it is."""

    exit_code = 2


class CorruptJournal(JournalError):
    """The journal file is damaged."""


class RunBusy(JournalError):
    """Another process is working on this run."""


class IndexUnusable(AgentkitError):
    """What documents are found by cannot be used as it is."""

    exit_code = 2


class CorruptIndex(IndexUnusable):
    """The file of an index is damaged, or none."""


class IndexDiffers(IndexUnusable):
    """An index was made with other words or vectors than it would be used with."""


class IndexWouldShrink(IndexUnusable):
    """A source lacks so much of what is known of it that it may not be the right one."""


class MemoryUnusable(AgentkitError):
    """What is remembered cannot be read or written as it is."""

    exit_code = 2


class SandboxUnavailable(AgentkitError):
    """Nothing on this machine can confine model-written code."""

    exit_code = 2


class ModelError(AgentkitError):
    """The model could not answer."""

    exit_code = 7
    retriable = False
    retry_after: float | None = None
    """Seconds the server asked us to wait, when it did."""
    refused = False
    """Whether the request was turned down before anything was computed, so that nothing is charged for it."""


class AuthenticationFailed(ModelError):
    """The provider refused the key."""

    refused = True


class QuotaExceeded(ModelError):
    """The account has nothing left to spend; waiting does not help."""

    refused = True


class RateLimited(ModelError):
    """Too many requests for now."""

    retriable = True


class ProviderDown(ModelError):
    """The server failed, could not be reached, or fell silent."""

    retriable = True


class StreamCut(ModelError):
    """The answer broke off."""

    retriable = True


class MalformedStream(StreamCut):
    """The server, or something before it, sent what the protocol does not have: a page, a broken line."""


class NoOtherAttempt(StreamCut):
    """The answer broke off, and what is left of the budget does not allow it to begin anew."""


class BadRequest(ModelError):
    """The server says that the request itself is wrong."""

    refused = True


class ContextOverflow(BadRequest):
    """The request is longer than the model's window."""

    window = 0
    """The window in tokens, where the server said it."""


class ReplayDiffers(ModelError):
    """What a recorded run is asked is not what it was asked."""


class LimitReached(ModelError):
    """A limit that was set on the model here leaves no room for another answer."""


class UnreadableAnswer(ModelError):
    """The model's words are not in the form that was asked for."""


class ToolFault(AgentkitError):
    """A tool's own account of what went wrong, written for the model to read."""
