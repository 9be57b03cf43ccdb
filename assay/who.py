"""Who runs assay, for the record."""

import getpass
import os
import socket


def user() -> str:
    """The user of the machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return str(os.getuid())


def user_at_host() -> str:
    """The user, and the machine."""
    return f"{user()}@{socket.gethostname()}"
