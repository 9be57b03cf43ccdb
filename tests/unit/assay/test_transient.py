"""Errors that may pass by themselves, and those that do not. Real ones of servers and of Delta: integration/test_transient."""

import errno
import os
import socket

import pytest
from pyspark.errors import PySparkException

from assay.errors import ConfigError, ContractError, GateError, ModelError, SourceError, TableError, TimeLimitError
from assay.transient import transient


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    """An error as it is once it was raised, from what caused it."""
    try:
        raise error from cause
    except type(error) as found:
        return found


def refused() -> OSError:
    """The error of a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OSError, match="refused") as caught:
        socket.create_connection(("127.0.0.1", port), timeout=5)
    return caught.value


def test_a_refused_connection_may_pass_whatever_error_was_made_of_it() -> None:
    assert transient(refused())
    assert transient(raised(TableError("A file or a service cannot be reached."), refused()))
    assert transient(raised(ModelError("MLflow does not answer."), refused()))


def told_without_its_cause() -> None:
    """What bronze does where a cause may show a secret."""
    try:
        raise refused()
    except OSError:
        raise SourceError("The database cannot be reached.") from None


def test_an_error_whose_cause_is_not_to_be_shown_is_known_by_it_all_the_same() -> None:
    with pytest.raises(SourceError) as caught:
        told_without_its_cause()
    assert transient(caught.value)


@pytest.mark.parametrize("kind", [ConfigError, ContractError, GateError, TimeLimitError])
def test_what_somebody_must_mend_does_not_pass_even_where_a_connection_failed(kind: type[ConfigError]) -> None:
    assert not transient(raised(kind("No."), refused()))


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("[DELTA_CONCURRENT_APPEND.WITH_PARTITION_HINT] files were added", True),
        ("java.util.ConcurrentModificationException: it changed", True),
        ("com.amazonaws.AmazonS3Exception: Please reduce your request rate. Status Code: 503; SlowDown", True),
        ("Caused by: java.net.SocketTimeoutException: Read timed out", True),
        ("Job aborted due to stage failure: ExecutorLostFailure (executor 3 exited)", True),
        ("(sqlite3.OperationalError) database is locked", True),
        ("SQLSTATE 57P03", True),
        ("SQLSTATE 28P01", False),
        ("[DIVIDE_BY_ZERO] no. SQLSTATE: 22012", False),
        ("503 rows of 504 were refused", False),
        ("[CAST_INVALID_INPUT] no\n\tat x.ConnectExceptionTest.run(X.java:1)", False),
    ],
)
def test_an_error_of_java_is_known_by_what_it_says_and_not_by_its_stack(said: str, passes: bool) -> None:
    assert transient(raised(TableError("Spark failed."), PySparkException(message=said))) is passes


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOENT, errno.EACCES])
def test_a_disk_that_is_full_or_lacks_a_file_does_not_mend_itself(number: int) -> None:
    assert not transient(OSError(number, os.strerror(number)))
