"""An offline student: a small network that writes intentions with no server, key or GPU.

It is distilled from what people wrote (and, of products, what people found typical); the model
card beside its weights says from which data, how well it writes, and where it does not.
"""

from __future__ import annotations

from generation.student.student import Student, Written

__all__ = ["Student", "Written"]
