"""Draw every picture of the sample: ``python -m intentkg.sample.drawing [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

from intentkg.sample.drawing.album import ALBUM


def draw_all(folder: Path) -> None:
    """Write each picture of the album to ``folder/NAME.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, icon in ALBUM.items():
        icon.render().save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "images")
