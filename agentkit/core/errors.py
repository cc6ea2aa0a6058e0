"""The error tree.

AgentkitError
├── UsageError              what the person asked for cannot be: exit code 2
│   ├── UnknownModel
│   ├── MissingKey
│   ├── WorkspaceError
│   ├── SettingsError
│   ├── PromptError
│   └── RunNotFound
├── JournalError            the record of runs cannot be used as it is: exit code 2
│   ├── CorruptJournal
│   └── RunBusy             another process is working on the run
├── SandboxUnavailable      nothing here can confine model-written code
├── ModelError              the model could not answer: exit code 7
│   ├── AuthenticationFailed
│   ├── QuotaExceeded
│   ├── RateLimited         retried
│   ├── ProviderDown        retried
│   ├── StreamCut           retried
│   ├── BadRequest
│   └── ContextOverflow
└── ToolFault               a tool says what went wrong; it becomes a result, never a crash
"""


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


class RunNotFound(UsageError):
    """The journal holds no such run."""


class JournalError(AgentkitError):
    """The record of runs cannot be used as it is."""

    exit_code = 2


class CorruptJournal(JournalError):
    """The journal file is damaged."""


class RunBusy(JournalError):
    """Another process is working on this run."""


class SandboxUnavailable(AgentkitError):
    """Nothing on this machine can confine model-written code."""

    exit_code = 2


class ModelError(AgentkitError):
    """The model could not answer."""

    exit_code = 7
    retriable = False
    retry_after: float | None = None
    """Seconds the server asked us to wait, when it did."""


class AuthenticationFailed(ModelError):
    """The provider refused the key."""


class QuotaExceeded(ModelError):
    """The account has nothing left to spend; waiting does not help."""


class RateLimited(ModelError):
    """Too many requests for now."""

    retriable = True


class ProviderDown(ModelError):
    """The server failed, could not be reached, or fell silent."""

    retriable = True


class StreamCut(ModelError):
    """The answer broke off, or was not what the protocol says."""

    retriable = True


class BadRequest(ModelError):
    """The server says that the request itself is wrong."""


class ContextOverflow(BadRequest):
    """The request is longer than the model's window."""


class ToolFault(AgentkitError):
    """A tool's own account of what went wrong, written for the model to read."""
