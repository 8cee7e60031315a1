"""Runs a command in a process group of its own until standard input closes; then kills all of it.

``python tests/servers/guard.py COMMAND...``: whoever started this needs not live to clean up. What
the command started itself, and so on, ends too, as long as it stays in the group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

_GRACE = 5.0  # seconds between asking and killing


def main() -> int:
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    closed = threading.Event()

    def watch() -> None:
        while os.read(0, 1024):
            pass
        closed.set()

    threading.Thread(target=watch, daemon=True).start()
    while not closed.wait(0.1) and process.poll() is None:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what is left of the group
    return process.wait()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only standard input ends us
    sys.exit(main())
