"""Every check of a knowledge base's integrity, with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from kg.directory import Directory
from kg.findings import Check, Finding
from kg.manifest import Manifest
from kg.sql import store_errors
from schema.errors import IntentKGError, NotAKnowledgeBaseError, StoreError

__all__ = ["Finding", "checks", "verify"]

# Projections check themselves: (module, function).
_PROJECTIONS = (
    ("kg.graph_checks", "check_graph"),
    ("kg.vector_checks", "check_vectors"),
)


def checks() -> list[Check]:
    """Every check, in the order in which they run: the truth first, then what derives from it."""
    from kg.truth_checks import TRUTH_CHECKS

    found = list(TRUTH_CHECKS)
    for module, function in _PROJECTIONS:
        if find_spec(module) is not None:
            run = getattr(import_module(module), function)
            found.append(Check(function.removeprefix("check_"), run))
    return found


def verify(directory: Directory) -> list[Finding]:
    """Run every check.

    Parameters
    ----------
    directory
        The knowledge base. It may be written to meanwhile: one committed state is checked.

    Returns
    -------
    list of Finding
        Empty if all is well; see :class:`kg.findings.Finding` for what weighs how much.

    Raises
    ------
    NotAKnowledgeBaseError
        If there is nothing to check.

    Notes
    -----
    Rows are streamed: time is linear in their number, memory does not grow with it but for
    DuckDB's limit (see :func:`kg.sql.connect`).
    """
    try:
        manifest = directory.manifest()
    except NotAKnowledgeBaseError:
        raise
    except StoreError as error:
        return [Finding("manifest", "error", error.message, error.fix)]
    findings: list[Finding] = []
    for check in checks():
        if check.needs_parts and any(f.check.startswith("part-") for f in findings):
            message = f"the check of the {check.name} was left out: a part is damaged"
            findings.append(Finding(f"{check.name}-unchecked", "warning", message, _MEND))
            continue
        findings.extend(_run(check, directory, manifest))
    return findings


_MEND = "mend the parts first, then verify again"


def _run(check: Check, directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Run one check; an error that breaks it off is a finding too."""
    try:
        with store_errors(f"checking the {check.name} of {directory.root}"):
            yield from check.run(directory, manifest)
    except IntentKGError as error:
        yield Finding(f"{check.name}-unchecked", "error", error.message, error.fix)
