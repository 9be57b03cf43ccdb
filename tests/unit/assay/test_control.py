"""How the work of a process is ended from outside."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from assay.control import Control, ending, stoppable
from assay.errors import StoppedError, TableError, TimeLimitError


def work(control: Control, stage: str = "train", first: Callable[[], None] = lambda: None) -> None:
    """What waits until it is cancelled, and then says as Spark does."""
    cancelled = threading.Event()
    with ending(control, stage, cancelled.set, lambda _: None):
        first()
        assert cancelled.wait(60)
        raise TableError("Job cancelled.")


def test_work_over_its_limit_is_cancelled_and_told_as_such() -> None:
    with pytest.raises(TimeLimitError, match="The stage train took longer than its limit") as caught:
        work(Control(limit=timedelta(seconds=1)))
    assert isinstance(caught.value.__cause__, TableError)
    assert (caught.value.exit_code, caught.value.expected) == (124, "at most 1s")


def test_work_that_was_done_in_spite_of_all_counts_as_done() -> None:
    control, cancelled = Control(limit=timedelta(microseconds=1)), threading.Event()
    with ending(control, "score", cancelled.set, lambda _: None):
        assert cancelled.wait(60)


def test_an_error_of_the_work_itself_stays_what_it_is() -> None:
    with pytest.raises(TableError, match="It breaks"), ending(Control(), "score", lambda: None, lambda _: None):
        raise TableError("It breaks.")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_the_work_and_a_second_one_at_once(number: int, code: int) -> None:
    control, before = Control(), signal.getsignal(number)
    with pytest.raises(StoppedError) as caught, stoppable(control):
        work(control, first=lambda: os.kill(os.getpid(), number))
    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before
    with pytest.raises(KeyboardInterrupt), stoppable(control):
        os.kill(os.getpid(), number)


def test_nothing_is_begun_and_no_pause_goes_on_once_the_process_was_told_to_stop() -> None:
    control = Control(signal=signal.SIGTERM)
    with pytest.raises(StoppedError), ending(control, "x", lambda: None, lambda _: None):
        pytest.fail("it was begun")
    with pytest.raises(StoppedError):
        control.sleep(timedelta(hours=1))
