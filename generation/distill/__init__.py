"""A student of one's own: instruction data out of what is known, and LoRA training on it.

=============  ==================================================================================
``chosen``     which tails of a head are taught, and why others are not
``known``      what earlier requests say of a head: key information, descriptions, features
``rows``       one question and its answer, or several in a row
``posts``      the rows of a post (MIKO), ``pairs`` those of a co-buy (MIND)
``layouts``    a row in the layouts of Alpaca and ShareGPT, and ``dataset_info.json``
``export``     files of them, by split
``reading``    the same files, read back and checked
``chats``      a row as tokens, with what the loss counts
``models``     language models and adapters, loaded and merged
``options``    how a student is trained
``record``     what was trained, as it stands in ``training.json``
``watching``   progress, checkpoints and the loss while it trains
``training``   the training itself (PEFT, TRL)
``questions``  multiple-choice questions out of a person's file
``guard``      how many of them a model answers
``work``       all of that in order, each part once
``run``        the one call that does it
=============  ==================================================================================

What is here knows of heads and tails, not of knowledge bases.
"""

from __future__ import annotations
