"""The command line: finds commands, runs them, and turns every error into one clear message.

One file per command in `intentkg.commands`; each wraps a plain function of the Python API. Exit
codes: 0 fine, 1 failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from intentkg import __version__
from schema.errors import IntentKGError

COMMANDS = (
    "demo",
    "ingest",
    "import",
    "formats",
    "generate",
    "requests",
    "distill",
    "build",
    "status",
    "verify",
    "search",
    "cobuy",
    "cypher",
    "query",
    "evidence",
    "analyse",
    "report",
    "bench",
    "export",
    "push",
)

_MODULES = {"import": "import_"}


class Commands(click.Group):
    """A group whose commands are imported when they are needed, listed in their natural order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"intentkg.commands.{_MODULES.get(name, name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a name, with a hint where it is nearly right."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(error.message + hint, ctx) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: intentkg demo",
)
@click.version_option(__version__, prog_name="intentkg")
def cli() -> None:
    """Build and query a knowledge graph of why people post and buy."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    arguments
        Without the program's name; None takes ``sys.argv``.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a question mark, not a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        result = cli.main(args=words, prog_name="intentkg", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except IntentKGError as error:
        return _fail(error, as_json="--json" in words)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "interrupted: what was committed stays, nothing half-written does; "
            "the same command goes on from there",
            err=True,
        )
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return 0
    except Exception as error:
        return _unexpected(error, as_json="--json" in words)
    return result if isinstance(result, int) else 0


def _fail(error: IntentKGError, *, as_json: bool) -> int:
    from intentkg.output import complain, emit_json, error_dict

    if as_json:
        emit_json({"error": error_dict(error)})
    else:
        complain(error, error.fix)
    return error.exit_code


def _unexpected(error: Exception, *, as_json: bool) -> int:
    from intentkg.output import complain, emit_json

    message = f"{type(error).__name__}: {error}"
    advice = "this is a bug in IntentKG; INTENTKG_DEBUG=1 shows where, please report it"
    if isinstance(error, MemoryError):
        message, advice = "out of memory", "free some memory, or work on fewer files at a time"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        message, advice = f"{place}{error.strerror}", "see that the disk has room and rights"
    if os.environ.get("INTENTKG_DEBUG"):
        traceback.print_exc()
    if as_json:
        kind = type(error).__name__
        emit_json({"error": {"type": kind, "message": message, "fix": advice}})
    else:
        complain(message, advice)
    return 1
