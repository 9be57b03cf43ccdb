"""Which errors may pass by themselves, so that the same stage can be tried again; all others stay until somebody acts."""

import errno
import re
from collections.abc import Iterator

from assay.errors import BusyError, ConfigError, ContractError, GateError, StoppedError, TimeLimitError

_NEVER = (ConfigError, ContractError, GateError, BusyError, StoppedError, TimeLimitError)
"""What these say of the world does not change by trying again, or must be told at once."""

_ERRNOS = {errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETDOWN,
           errno.ENETUNREACH, errno.EPIPE, errno.ESTALE, errno.ETIMEDOUT}  # fmt: skip

_SAID = (
    # Delta: another writer came first
    r"DELTA_CONCURRENT_\w+", r"DELTA_METADATA_CHANGED", r"DELTA_PROTOCOL_CHANGED", r"ConcurrentModificationException",
    # a server or an object store that is away, or asks for patience
    r"ConnectException", r"ConnectTimeoutException", r"NoRouteToHostException", r"SocketTimeoutException",
    r"java\.net\.SocketException", r"UnknownHostException", r"Temporary failure in name resolution",
    r"Connection (?:refused|reset|timed out|aborted)", r"(?:Read|Connect) timed out", r"SlowDown",
    r"(?:Status Code|status code|HTTP status|error code):? (?:429|50[0234])\b", r"too many (?:429|50[0234]) error",
    # PostgreSQL: unreachable, going or coming, full, or a conflict of two transactions
    r"SQLSTATE (?:08\w{3}|57P0[123]|53300|40001|40P01)\b", r"terminating connection due to",
    r"I/O error occurred while sending to the backend", r"the database system is (?:starting up|shutting down)",
    # Spark: a machine went away under its tasks
    r"ExecutorLostFailure", r"FetchFailed", r"Lost executor",
    # SQLite below MLflow: another process writes
    r"database is locked",
)  # fmt: skip
"""What transient errors say, in whatever class they come out of Java."""
_ANY = re.compile("|".join(_SAID))


def transient(error: BaseException) -> bool:
    """Whether an error, or one that it was made from, may pass by itself.

    A failed contract, gate or configuration does not, nor does a stage that was stopped.
    """
    return not isinstance(error, _NEVER) and any(map(_may_pass, _causes(error)))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made from, also where that is not to be shown."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError)) or getattr(error, "errno", None) in _ERRNOS:
        return True
    java = getattr(error, "_stackTrace", None) or getattr(error, "stackTrace", None) or ""
    lines = f"{error}\n{java}".splitlines()
    return any(_ANY.search(line) for line in lines if not line.lstrip().startswith("at "))
