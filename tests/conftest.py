from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine may pause at any moment: slowness is pytest-timeout's business.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the published data sets; a test that needs it is skipped without it."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("INTENTKG_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}; set INTENTKG_SHARED_DATA to the folder")
    return folder
