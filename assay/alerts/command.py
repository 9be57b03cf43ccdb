"""The channel that is a program."""

import json
import os
import signal
import subprocess
import tempfile

from assay.alerts.channels import NotTakenError, channel
from assay.alerts.message import Message
from assay.config.alerts import Command


@channel(Command)
def send_command(to: Command, message: Message, seconds: float) -> None:
    """Run the program with the message as JSON on its standard input; no shell sees its words."""
    with tempfile.TemporaryFile() as said:
        try:
            program = subprocess.Popen(
                to.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        except OSError as error:
            raise NotTakenError(f"it did not start: {error.strerror}") from error
        with program:
            try:
                program.communicate(json.dumps(message.json).encode(), timeout=seconds)
            except subprocess.TimeoutExpired as error:
                os.killpg(program.pid, signal.SIGKILL)  # and what it has started
                raise NotTakenError(f"it did not end within {seconds:g} seconds, and was killed") from error
        if program.returncode:
            said.seek(0)
            lines = said.read(500).decode(errors="replace").splitlines()
            raise NotTakenError(f"it ended with {program.returncode}: {lines[0] if lines else 'it said nothing'}")
