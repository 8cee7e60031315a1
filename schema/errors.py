"""Every error that IntentKG raises on purpose.

::

    IntentKGError                   exit 1
    ├── UsageError                  exit 2  wrong option, name or argument
    │   ├── UnknownFormatError              no reader of that name, or none recognises the file
    │   ├── UnknownRelationError            not in the registry
    │   └── UnknownQueryError               no named query of that name, or a parameter missing
    ├── InputError                          a file or row that cannot be read
    │   └── UnsuitableFileError             not there, or not of the layout that was asked for
    ├── StoreError                          something is wrong with a knowledge base on disk
    │   ├── NotAKnowledgeBaseError          the directory is not a knowledge base
    │   ├── FormatVersionError              written by another format version
    │   ├── LockedError                     another process is writing
    │   ├── CorruptError                    a file is missing or was altered
    │   ├── DiskFullError                   no room left to write; what was stored is intact
    │   └── NotBuiltError                   the graph or the vectors have not been built yet
    ├── QueryError                          a query that cannot be answered
    │   ├── CypherSyntaxError               not Cypher, or outside the dialect both engines share
    │   ├── WriteRefusedError               it would change the graph, or read files
    │   └── QueryTimeoutError               it ran past its time limit
    ├── GenerationError                     a model could not be asked, or a run had to stop
    │   ├── RequestFailedError              this one request; others may succeed
    │   ├── BackendError                    every request like it would fail: the run stops
    │   │   ├── ServerUnreachableError      nothing answers at that address
    │   │   ├── AuthenticationError         the key is missing, wrong or not allowed
    │   │   ├── ModelNotFoundError          the server has no model of that name
    │   │   └── UnsupportedError            the model or server cannot do what is asked of it
    │   ├── BudgetReachedError              the next request could pass the budget
    │   └── InterruptedRunError             someone stopped the run
    ├── ServerError                         a graph database server (Neo4j) cannot be used
    │   ├── ServerUnavailableError          nothing answers there, or it stopped answering
    │   ├── ServerAccessError               it refuses the user, the password or the database
    │   ├── ServerVersionError              it, or the graph in it, is of another version
    │   └── GraphClashError                 what is in the database stands in our way
    └── MissingExtraError                   an optional package is not installed

One more, ``intentkg.ShadowedPackageError``, is an ``ImportError``: it is raised when this very
package is not the one that Python finds.

``str(error)`` says what happened; :attr:`IntentKGError.fix` says what to do about it, and Python
prints it as a note below a traceback.
"""

from __future__ import annotations


class IntentKGError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    message
        What happened and, where known, why.
    fix
        What the person can do about it, as a command where there is one.
    """

    exit_code = 1

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self._fix: str | None = None
        self.fix = fix

    @property
    def fix(self) -> str | None:
        """What the person can do about it; also a note of the exception, for tracebacks."""
        return self._fix

    @fix.setter
    def fix(self, fix: str | None) -> None:
        stale = None if self._fix is None else _note(self._fix)
        self.__notes__ = [note for note in getattr(self, "__notes__", ()) if note != stale]
        self._fix = fix
        if fix is not None:
            self.add_note(_note(fix))


def _note(fix: str) -> str:
    return f"fix: {fix}"


class UsageError(IntentKGError):
    """An option, a name or an argument is wrong."""

    exit_code = 2


class UnknownFormatError(UsageError):
    """No reader has that name, or no reader recognises the file."""


class UnknownRelationError(UsageError):
    """A relation name that the registry does not hold."""


class UnknownQueryError(UsageError):
    """A named query that does not exist, or lacks a parameter."""


class InputError(IntentKGError):
    """A file that cannot be read as what it claims to be.

    Parameters
    ----------
    file
        The file as the person named it.
    row
        1-based row (or line) where reading stopped, if there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        fix: str | None = None,
    ) -> None:
        place = "" if file is None else f"{file}: " if row is None else f"{file}, row {row}: "
        super().__init__(place + message, fix=fix)
        self.reason = message
        self.file = file
        self.row = row


class UnsuitableFileError(InputError):
    """The file is not there, or has not the layout that was asked for.

    Another path, ``--format`` or ``--column`` may do: nothing says that its content is bad.
    """


class StoreError(IntentKGError):
    """Something is wrong with a knowledge base on disk."""


class NotAKnowledgeBaseError(StoreError):
    """The directory does not hold a knowledge base."""


class FormatVersionError(StoreError):
    """The knowledge base was written in another format version."""


class LockedError(StoreError):
    """Another process is writing to the knowledge base."""


class CorruptError(StoreError):
    """A file of the knowledge base, or of shipped weights, is missing or was altered."""


class DiskFullError(StoreError):
    """There is no room left to write; what was stored before is intact."""


class NotBuiltError(StoreError):
    """The graph or the vectors have not been built yet."""


class QueryError(IntentKGError):
    """A query that cannot be answered."""


class CypherSyntaxError(QueryError):
    """The text is not Cypher, or is outside the dialect that both engines share."""


class WriteRefusedError(QueryError):
    """The query would change the graph or read files; read paths refuse it."""


class QueryTimeoutError(QueryError):
    """The query ran past its time limit."""


class GenerationError(IntentKGError):
    """A model could not be asked, or a run had to stop. Stored replies are never lost by it."""


class RequestFailedError(GenerationError):
    """One request failed; the next may succeed.

    Parameters
    ----------
    reason
        One of ``generation.requests.REASONS``.
    retry_after
        Seconds that the server asks us to wait, if it says.
    maybe_paid
        True if the model may have worked, and been paid, although no reply came back.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry_after: float | None = None,
        maybe_paid: bool = False,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.reason = reason
        self.retry_after = retry_after
        self.maybe_paid = maybe_paid


class BackendError(GenerationError):
    """Every request like this one would fail, so the run stops."""


class ServerUnreachableError(BackendError):
    """Nothing answers at that address, or it stopped answering."""


class AuthenticationError(BackendError):
    """The key is missing, wrong, or not allowed to use the model."""


class ModelNotFoundError(BackendError):
    """The server has no model of that name."""


class UnsupportedError(BackendError):
    """The model or the server cannot do what is asked: images, or replies in a schema."""


class BudgetReachedError(GenerationError):
    """The next request could pass the budget."""


class InterruptedRunError(GenerationError):
    """Someone stopped the run; a second run goes on where it stopped."""


class ServerError(IntentKGError):
    """A graph database server cannot be used, or failed."""


class ServerUnavailableError(ServerError):
    """Nothing answers at that address, or it stopped answering."""


class ServerAccessError(ServerError):
    """The server refuses the user, the password, the database or the right to do it."""


class ServerVersionError(ServerError):
    """The server, or the graph that it holds, is of a version that this intentkg cannot use."""


class GraphClashError(ServerError):
    """Someone else's nodes, or another knowledge base, stand in the way; nothing was written."""


class MissingExtraError(IntentKGError):
    """An optional package is not installed."""
