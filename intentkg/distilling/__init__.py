"""From a knowledge base to a student: instruction data out of its intentions, and training.

=============  ==============================================================================
``exporting``  heads and evidence of a knowledge base, as rows in files
``showing``    an export and a training on a screen
``verbs``      the export, as the Python API has it
=============  ==============================================================================

:func:`train` and :class:`Lora`, of `generation.distill`, are the rest of the way.
"""

from __future__ import annotations

from generation.distill.options import Lora
from generation.distill.run import train

__all__ = ["Lora", "train"]
