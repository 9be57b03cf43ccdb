"""How the work of a process is ended from outside: by a signal, or because its time is over."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType

from assay.errors import AssayError, StoppedError, TimeLimitError
from assay.times import format_duration

LOOK = 0.2
"""Seconds between two looks whether the work is to end."""
GRACE = 60.0
"""Seconds after which work that does not end by itself, as one long computation outside Spark, is left behind."""


@dataclass
class Control:
    """What a process has been told of the work that it does."""

    signal: int | None = None
    """The signal that has told it to stop."""
    limit: timedelta | None = None
    """The longest that a run may take."""
    attempt: int = 1
    attempts: int = 1
    """Which attempt this is, and of how many."""
    owns_process: bool = False
    """Whether the process may be ended with the work: that of a command, not one that assay is a guest of."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """What time it is."""

    def check(self) -> None:
        """StoppedError if the process has been told to stop."""
        if self.signal is not None:
            raise stopped(self.signal)

    def sleep(self, length: timedelta) -> None:
        """Wait so long; StoppedError as soon as the process is told to stop."""
        until = time.monotonic() + length.total_seconds()
        while (rest := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(LOOK, rest))
        self.check()

    def why_end(self, stage: str, seconds: float) -> AssayError | None:
        """Why a run that has taken so long has to end; None if it may go on."""
        if self.signal is not None:
            return stopped(self.signal)
        if self.limit is not None and seconds > self.limit.total_seconds():
            return TimeLimitError(
                f"The stage {stage} took longer than its limit.", where=f"lakehouse.yml, key night.limits, {stage}",
                found="it was cancelled", expected=f"at most {format_duration(self.limit)}",
                do="see in assay runs what it took on other nights; raise the limit, or run again",
            )  # fmt: skip
        return None


def stopped(number: int) -> StoppedError:
    """The error of a process that a signal has told to stop; it ends with 128 + the signal's number, as a shell says it."""
    error = StoppedError(
        f"Stopped by {signal.Signals(number).name}.", do="run the same command again to go on: what is done is skipped"
    )
    error.exit_code = 128 + number
    return error


@contextmanager
def stoppable(control: Control) -> Iterator[None]:
    """SIGTERM and SIGINT inside the block end the stage that runs, then the command; a second one ends it at once."""

    def told(number: int, frame: FrameType | None) -> None:
        if control.signal is not None:
            signal.default_int_handler(number, frame)
        control.signal = number

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    control.owns_process = True
    try:
        yield
    finally:
        control.owns_process = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending(
    control: Control, stage: str, cancel: Callable[[], None], leave: Callable[[AssayError], None]
) -> Iterator[None]:
    """Look, while the block runs, whether it has to end; then cancel what it waits for, and raise why.

    Args:
        control: What the process has been told.
        stage: The block's stage.
        cancel: Makes what the block waits for fail; called again and again, as the block may begin something new.
        leave: Ends the process, where it is ours and the block does not end for all that.
    """
    control.check()
    over, found = threading.Event(), list[AssayError]()
    began = time.monotonic()

    def look() -> None:
        left = 0.0
        while not over.wait(LOOK):
            now = time.monotonic()
            if not found and (why := control.why_end(stage, now - began)):
                found.append(why)
                left = now
            if found:
                cancel()
                if control.owns_process and now - left > GRACE:
                    leave(found[0])

    looking = threading.Thread(target=look, name=f"end of {stage}", daemon=True)
    looking.start()
    try:
        yield
    except Exception as error:
        if found:
            raise found[0] from error
        raise
    finally:
        over.set()
        looking.join()
