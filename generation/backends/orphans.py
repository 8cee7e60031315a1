"""Ends processes that would outlive us: an engine's, which hold memory, if we are killed.

An engine in processes of its own is told to end when we end in order. Killed with SIGKILL, or by
a machine short of memory, we can tell nobody; a watcher can, which sees our pipe to it close.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

# It has a session of its own, so that what is sent to our group (Ctrl-C) does not reach it.
_WATCHER = """
import os, signal, sys, time
if sys.stdin.read() != "ended":
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in map(int, sys.argv[1:]):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        time.sleep(5)
"""


class Watcher:
    """Ends these processes if this one ends without `dismiss`."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHER, *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """The processes have ended in order."""
        self._process.communicate("ended")
