"""MIKO (arXiv 2402.18169, section 4): from a post and its picture to ten kinds of intention.

Image description, key information, intentions; each reply goes into the next request.
"""

from __future__ import annotations

from generation.miko.pipeline import Miko, MikoOptions

__all__ = ["Miko", "MikoOptions"]
