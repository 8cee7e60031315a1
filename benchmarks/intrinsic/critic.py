"""How well the critic judges, on people's labels that it never saw, beside simpler judges.

    python -m benchmarks.intrinsic.critic DATA [--weights DIR] [--out FILE]

DATA holds ckbp, intentionqa, event2mind and atomic2020. Thresholds are chosen on CKBP's dev split
(the critic's: on folds of it that the nets did not learn from), figures are those of its test
split. `cosine` is that of head and tail in MiniLM; `relation` is the share of dev labels that are
plausible in the tuple's relation; `cosine + relation` a logistic regression on both.

Goals: AUC at least 0.80 and accuracy at least 0.82 on CKBP's test split, 2,000 assertions/s on two
cores.
"""

from __future__ import annotations

import json
import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.intrinsic.agreeing import auc, kappa, spearman
from benchmarks.learning import corpora
from benchmarks.learning.critic_examples import (
    Item,
    by_chance,
    labelled,
    labelled_elsewhere,
    shopping,
    unreadable,
)
from benchmarks.learning.train_critic import best_threshold
from generation.critic import Assertion, Critic, load_critic
from generation.critic.calibration import (
    apply_platt,
    expected_calibration_error,
    typicality_of_cobuys,
)
from generation.critic.wording import head_texts, tail_text
from schema.relations import Family, get

_OUT = Path(__file__).parents[1] / "results" / "critic.json"
_TIMED = 8_000  # assertions
# Of a language that nothing was learnt from; head, relation, tail.
_FOREIGN = (
    ("Mein Fahrrad wurde gestern Nacht vor dem Haus gestohlen", "xReact", "wütend und traurig"),
    ("Ich habe heute zum ersten Mal Brot gebacken", "xWant", "es mit den Nachbarn teilen"),
    ("Hoy por fin terminé la carrera de derecho", "xReact", "orgullosa de sí misma"),
    ("Se nos pinchó una rueda en medio de la lluvia", "xNeed", "cambiar la rueda"),
    ("Ce matin le métro était encore en retard", "oReact", "agacés par la situation"),
    ("我的自行车昨晚被偷了", "xReact", "非常生气"),
    ("今天第一次自己做面包", "xWant", "和朋友分享"),
    ("Вчера мы наконец переехали в новый дом", "xReact", "счастливыми"),
    ("昨日ようやく試験に合格しました", "xReact", "うれしい"),
    ("سرقت دراجتي الليلة الماضية", "xReact", "غاضب جدا"),
    ("Bugün ilk kez ekmek pişirdim", "xWant", "komşularla paylaşmak"),
    ("कल रात मेरी साइकिल चोरी हो गई", "xReact", "बहुत गुस्सा"),
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--weights", type=click.Path(path_type=Path), help="Other weights than ours.")
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, help="Where figures go.")
def main(data: Path, weights: Path | None, out: Path) -> None:
    """Measure the critic."""
    critic = load_critic(weights)
    found = {
        "critic": critic.name,
        "ckbp": _ckbp(data, critic),
        "intentionqa": _shopping(data, critic),
        "event2mind": _written(data, critic),
        "unseen": _unseen(data, critic),
        "speed": _speed(data, critic),
    }
    for name, part in found.items():
        click.echo(f"{name}: {json.dumps(part, indent=1)}")
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _ckbp(data: Path, critic: Critic) -> dict[str, Any]:
    """Plausibility on CKBP's labels."""
    scales = critic.weights.config["calibration"]["posts"]
    dev, test = labelled(data, "dev"), labelled(data, "test")
    raw = _logits(critic, test)[:, 0]
    scores = apply_platt(raw, *scales)
    labels = np.array([item.plausible > 0.5 for item in test])
    told = {
        "critic": _told(scores, labels, test, critic.weights.config["plausible_from"]),
        "ece_uncalibrated": expected_calibration_error(apply_platt(raw, 1.0, 0.0), labels),
    }
    told |= _baselines(dev, test)
    every = [*test, *labelled_elsewhere(data, "test")]
    everything = apply_platt(_logits(critic, every)[:, 0], *scales)
    wanted = np.array([item.plausible > 0.5 for item in every])
    told["critic, all of CKBP's relations"] = _told(
        everything, wanted, every, critic.weights.config["plausible_from"], each=False
    )
    return told


def _baselines(dev: Sequence[Item], test: Sequence[Item]) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    known, labels = (np.array([i.plausible > 0.5 for i in items]) for items in (dev, test))
    near, seen = _cosines(dev), _cosines(test)
    shares = {
        name: known[[i.relation == name for i in dev]].mean() for name in {i.relation for i in dev}
    }
    names = sorted(shares)
    common = [np.array([shares[i.relation] for i in items]) for items in (dev, test)]
    both = [
        np.column_stack([cosine, [[i.relation == name for name in names] for i in items]])
        for cosine, items in ((near, dev), (seen, test))
    ]
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(both[0], known)
    pairs = {
        "cosine": (near, seen),
        "relation": tuple(common),
        "cosine + relation": tuple(fitted.predict_proba(part)[:, 1] for part in both),
    }
    return {
        name: _told(after, labels, test, best_threshold(before, known))
        for name, (before, after) in pairs.items()
    }


def _shopping(data: Path, critic: Critic) -> dict[str, Any]:
    """Plausibility and typicality on the pairs that are held out."""
    published, wrong = shopping(data, "test")
    items = [*published, *wrong]
    logits = _logits(critic, items)
    labels = np.array([item.plausible > 0.5 for item in items])
    cosine = _cosines(items)
    typical = np.array([item.typical for item in published])
    config = critic.weights.config
    plausible = apply_platt(logits[:, 0], *config["calibration"]["cobuys"])
    names = [item.relation for item in items]
    scores = typicality_of_cobuys(plausible, names, config["typicality"])
    taken = scores >= critic.threshold
    equal = np.r_[: len(published), len(published) : len(items) : len(wrong) // len(published)]
    ours, theirs = (spearman(one[: len(published)], typical) for one in (scores, cosine))
    return {
        "published": len(published),
        "distractors": len(wrong),
        "plausibility_ece_as_many_of_both": expected_calibration_error(
            plausible[equal], labels[equal]
        ),
        "plausibility_auc": auc(labels, logits[:, 0]),
        "plausibility_auc_cosine": auc(labels, cosine),
        "threshold": critic.threshold,
        "taken_of_published": taken[labels].mean(),
        "taken_of_distractors": taken[~labels].mean(),
        "typicality_spearman": ours,
        "typicality_spearman_cosine": theirs,
        "typicality_auc": auc(labels, scores),
        "typicality_mean_of_published": scores[labels].mean(),
        "typicality_mean_by_people": typical.mean(),
    }


def _written(data: Path, critic: Critic) -> dict[str, Any]:
    """Typicality on posts: what several people wrote of an event, one did, and nobody did."""
    times: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    for example in corpora.event2mind(data):
        if example.split == "test" and example.tail:
            text = tail_text(example.relation, example.tail)
            times[head_texts(example.head), text, example.relation.name] += 1
    people = [Item(h, t, 1.0, float(n), r, "") for (h, t, r), n in sorted(times.items())]
    rng = random.Random(0)
    rng.shuffle(people)
    people = people[:4_000]
    others = by_chance(people, rng)
    scores = _logits(critic, [*people, *others])[:, 1]
    counts = [item.typical for item in people]
    return {
        "written": len(people),
        "by_chance": len(others),
        "auc": auc([1] * len(people) + [0] * len(others), scores),
        "spearman_with_number_of_people": spearman(scores[: len(people)], counts),
    }


def _unseen(data: Path, critic: Critic) -> dict[str, Any]:
    """What it says of languages that it never saw, and of letters that mean nothing."""
    foreign = [Assertion((h,), get(r, Family.SOCIAL), t) for h, r, t in _FOREIGN]
    said = np.array([scores.plausibility for scores in critic.judge(foreign)])
    some = labelled(data, "test")[:2_000]
    scales = critic.weights.config["calibration"]["posts"]
    plain, garbled = (
        apply_platt(_logits(critic, items)[:, 0], *scales)
        for items in (some, unreadable(some, random.Random(1)))
    )
    return {
        "foreign_mean": said.mean(),
        "foreign_most": said.max(),
        "unreadable_mean": garbled.mean(),
        "readable_mean": plain.mean(),
    }


def _speed(data: Path, critic: Critic) -> dict[str, Any]:
    """Assertions a second, from text to scores."""
    tuples = [e for e in corpora.ckbp(data) if e.split == "test"][:_TIMED]
    pairs = list(corpora.intentionqa(data))[:2_000]
    found: dict[str, Any] = {}
    for name, examples in (("posts", tuples), ("cobuys", pairs)):
        asked = [Assertion(e.head, e.relation, e.tail or "") for e in examples]
        critic.judge(asked[:64])
        best = lean = 0.0
        for _ in range(3):
            began, used = time.perf_counter(), time.process_time()
            critic.judge(asked)
            best = max(best, len(asked) / (time.perf_counter() - began))
            lean = max(lean, len(asked) / (time.process_time() - used))
        found[f"{name}_per_second"] = round(best)
        found[f"{name}_per_processor_second"] = round(lean)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["weights_mb"] = round(
        sum(t.numel() * t.element_size() for t in critic.weights.tensors.values()) / 1e6, 1
    )
    return found


def _told(
    scores: Any, labels: Any, items: Sequence[Item], threshold: float, *, each: bool = True
) -> dict[str, Any]:
    relations = sorted({item.relation for item in items})
    mine = {name: np.array([i.relation == name for i in items]) for name in relations}
    aucs = {
        name: auc(labels[rows], scores[rows])
        for name, rows in mine.items()
        if 0 < labels[rows].mean() < 1
    }
    best = best_threshold(scores, labels)
    found = {
        "n": len(items),
        "plausible": labels.mean(),
        "auc": auc(labels, scores),
        "auc_mean_of_relations": float(np.mean(list(aucs.values()))),
        "accuracy_at_dev_threshold": ((scores >= threshold) == labels).mean(),
        "dev_threshold": threshold,
        "kappa_at_dev_threshold": kappa(scores >= threshold, labels),
        "accuracy_at_best_threshold": ((scores >= best) == labels).mean(),
        "best_threshold": best,
        "ece": expected_calibration_error(np.clip(scores, 0.0, 1.0), labels),
    }
    return found | ({"auc_by_relation": aucs} if each else {})


def _logits(critic: Critic, items: Sequence[Item]) -> Any:
    return critic.logits([item.head for item in items], [item.tail for item in items])


def _cosines(items: Sequence[Item]) -> Any:
    from kg.embed import load_embedder

    embedder = load_embedder()
    tails = embedder.encode([item.tail for item in items])
    heads = np.mean(
        [embedder.encode([i.head[min(n, len(i.head) - 1)] for i in items]) for n in (0, 1)], axis=0
    )
    return (heads * tails).sum(1)


if __name__ == "__main__":
    main()
