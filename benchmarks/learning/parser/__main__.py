"""Train the parser that ships with IntentKG: ``queries/language/pipeline/``.

    python -m benchmarks.learning.parser ../shared/data/ud_english_ewt

takes some forty minutes on one core. The training is spaCy's own (``config.cfg`` beside this
file, ``spacy convert``, ``train`` and ``evaluate``); ours is what the treebank is added to
(:mod:`benchmarks.learning.parser.data`) and the writing of the card's figures, ``scores.json``.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.learning.parser.data import prepare
from queries.language import PIPELINE

CONFIG = Path(__file__).with_name("config.cfg")
META = {
    "name": "intentkg_ewt",
    "version": "1.0.0",
    "description": "Tagger, dependency parser and lemmatiser for short English texts.",
    "author": "The IntentKG developers",
    "license": "CC BY-SA 4.0",
    "sources": [
        {
            "name": "Universal Dependencies, English Web Treebank (UD_English-EWT)",
            "url": "https://universaldependencies.org",
            "license": "CC BY-SA 4.0",
        }
    ],
}
FIGURES = ("token_acc", "tag_acc", "pos_acc", "lemma_acc", "dep_uas", "dep_las")


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=PIPELINE)
@click.option("--steps", type=click.IntRange(min=1), default=6_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, steps: int, seed: int) -> None:
    """Train on DATA (UD English EWT, CoNLL-U) and write the pipeline to --out."""
    with tempfile.TemporaryDirectory(prefix="intentkg-parser-") as work:
        scores = make(data, out, Path(work), steps=steps, seed=seed)
    print(orjson.dumps(scores, option=orjson.OPT_INDENT_2).decode())


def make(
    data: Path, out: Path, work: Path, *, steps: int, seed: int = 0, limit: int | None = None
) -> dict[str, Any]:
    """Prepare, train, put together, evaluate and write.

    Parameters
    ----------
    data
        The treebank's folder.
    out
        Where the pipeline goes.
    work
        For files that are needed meanwhile.
    steps, seed
        Of the training.
    limit
        Sentences of each split at most.

    Returns
    -------
    dict
        What ``scores.json`` holds: figures on the test split, by file.
    """
    from spacy.cli.train import train

    documents = prepare(data, work, seed=seed, limit=limit)
    train(
        CONFIG,
        work / "trained",
        overrides={
            "paths.train": str(work / "train.spacy"),
            "paths.dev": str(work / "dev.spacy"),
            "system.seed": seed,
            "training.max_steps": steps,
            "training.optimizer.learn_rate.warmup_steps": max(steps // 24, 1),
            "training.eval_frequency": max(steps // 12, 1),
        },
    )
    return finish(work / "trained" / "model-best", out, work, documents=documents, steps=steps)


def finish(
    trained: Path, out: Path, work: Path, *, documents: dict[str, int], steps: int
) -> dict[str, Any]:
    """Give a trained pipeline its parts of speech, name and figures, and write it."""
    import spacy
    from spacy.cli.evaluate import evaluate

    nlp = spacy.load(trained)
    ruler: Any = nlp.add_pipe("attribute_ruler", after="tagger")
    for tag, part in _parts_of_speech(work).items():
        ruler.add(patterns=[[{"TAG": tag}]], attrs={"POS": part})
    nlp.meta.update(META)
    nlp.to_disk(out)
    found: dict[str, Any] = {"documents": documents, "steps": steps, "spacy": spacy.__version__}
    for split in ("test", "test-lower"):
        scores = evaluate(str(out), work / f"{split}.spacy", silent=True)
        found[split] = {name: round(scores[name], 4) for name in FIGURES if scores.get(name)}
    (out / "scores.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    return found


def _parts_of_speech(work: Path) -> dict[str, str]:
    """The universal part of speech that goes most often with each tag of the treebank."""
    import spacy
    from spacy.tokens import DocBin

    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for doc in DocBin().from_disk(work / "train.spacy").get_docs(spacy.blank("en").vocab):
        for token in doc:
            counts[token.tag_][token.pos_] += 1
    return {tag: parts.most_common(1)[0][0] for tag, parts in sorted(counts.items()) if tag}


if __name__ == "__main__":
    main()
