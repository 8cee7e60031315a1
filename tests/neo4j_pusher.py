"""A push in a process that may be killed; says on stdout how far it is."""

from __future__ import annotations

import sys
from pathlib import Path

from kg.directory import Directory
from kg.neo4j.address import Address
from kg.neo4j.push import push


def say(stage: str, done: int, total: int | None) -> None:
    print(stage, done, flush=True)


if __name__ == "__main__":
    say("begun", 0, None)
    push(Directory(Path(sys.argv[1])), Address(sys.argv[2]), vectors=False, progress=say)
    say("ended", 0, None)
