"""The critic's training: what it learns from, what it never sees, and that what it makes works."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.learning import critic_net
from benchmarks.learning.corpora import HELD_OUT
from benchmarks.learning.critic_examples import Item, by_chance, labelled, shopping, written
from benchmarks.learning.distractors import distractors
from benchmarks.learning.train_critic import best_threshold, main
from generation import minilm
from generation.critic import Assertion, Critic, load_critic
from generation.critic.critic import read_words, words_digest
from generation.critic.tokens import Reader
from generation.weights import Weights, load
from schema.relations import get

HELD = next(
    line for line in HELD_OUT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
)


def pack(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora in the published forms, a few rows each."""
    folder = tmp_path_factory.mktemp("data")
    head = "Source,Event,Xintent,Xemotion,Otheremotion,Xsent,Osent\n"
    for split, events in (("train", range(12)), ("dev", [90]), ("test", [91])):
        rows = [
            f'x,PersonX does thing {n},"[""to win""]","[""glad {n % 3}""]","[""none""]",1,1\n'
            for n in events
        ]
        pack(folder / f"event2mind/{split}.csv.gz", head + "".join(rows * 2))
    atomic = [f"PersonX meets friend {n}\txWant\tto talk about {n}\n" for n in range(20)]
    pack(
        folder / "atomic2020/atomic2020_eval5000.tsv.gz", "head\trelation\ttail\n" + "".join(atomic)
    )
    ckbp = [
        f"PersonX see {n},{relation},PersonX be {word},{label},cs_head,{split}\n"
        for n in range(24)
        for split in ("dev", "tst")
        for relation, word, label in (
            ("xReact", "happy", 1),
            ("xReact", "a table", 0),
            ("HinderedBy", "blind", 1),
        )
    ]
    pack(
        folder / "ckbp/evaluation_set.csv.gz",
        "head,relation,tail,label,class,split\n" + "".join(ckbp),
    )
    pairs = [(f"A{n}", f"B{n}") for n in range(16)] + [tuple(HELD.split(","))]
    columns = "id item_a_id item_b_id item_a_name item_b_name relation typicality assertion"
    rows, questions = ["\t".join(columns.split())], []
    start = "PersonX bought a product of Item A and a product of Item B because "
    for n, (a, b) in enumerate(pairs):
        said = f"{start}they both are used for purpose {n}."
        rows.append(f"FS_{n}\t{a}\t{b}\tred {n}\tblue {n}\tusedFor\t{0.6 + n % 3 / 10}\t{said}")
        other = (n + 1) % len(pairs)
        questions.append(
            {
                "id": f"FS_{n}",
                "distractors_id": [f"FS_{other}", "FS_404"],
                "distractors_asserstion": ["", ""],
            }
        )
    pack(folder / "intentionqa/cobuy_intentions.tsv.gz", "\n".join(rows) + "\n")
    for name in ("QA_fullInfo_task1", "QA_fullInfo_task1_byRelation"):
        lines = "".join(json.dumps(question) + "\n" for question in questions)
        pack(folder / f"intentionqa/{name}.jsonl.gz", lines)
    wrong = [
        {**q, "distractors_id": ["X", HELD.split(",")[0]], "distractors_product": ["-1", "kept"]}
        for q in questions
    ]
    lines = "".join(json.dumps(question) + "\n" for question in wrong)
    pack(folder / "intentionqa/QA_fullInfo_task2.jsonl.gz", lines)
    return folder


def test_nothing_is_learnt_from_what_is_held_back(data: Path) -> None:
    assert not {item.group for item in written(data)} & {
        "personx does thing 90",
        "personx does thing 91",
    }
    published, wrong = shopping(data, "train")
    assert len(published) == 16 and HELD not in {item.group for item in [*published, *wrong]}
    held = f"purpose {16}."
    assert not [item for item in wrong if item.tail.endswith(held)]
    assert "kept" not in {text for item in wrong for text in item.head}
    tested, _ = shopping(data, "test")
    assert {item.group for item in tested} == {HELD}
    assert {e.plausible for e in distractors(data)} == {False}
    assert len(labelled(data, "dev")) == len(labelled(data, "test")) == 48


def test_what_is_put_together_by_chance_was_never_written() -> None:
    items = [
        Item((f"head {n}",), f"then tail {n % 7}", 1.0, 0.8, "xWant", str(n)) for n in range(99)
    ]
    made = by_chance(items, random.Random(3))
    known = {(item.head, item.tail) for item in items}
    assert len(made) > 60 and not known & {(item.head, item.tail) for item in made}
    assert {(item.plausible, item.typical) for item in made} == {(0.0, 0.0)}


def test_weights_are_built_and_are_the_same_for_the_same_seed(data: Path, tmp_path: Path) -> None:
    words = [str(data), "--out", str(tmp_path / "a")]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    words = [str(data), "--out", str(tmp_path / "b")]
    again = CliRunner().invoke(main, words, catch_exceptions=False)
    assert again.exit_code == 0
    for name in ("model.safetensors", "config.json", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    critic = load_critic(tmp_path / "a")
    scores = critic.judge([Assertion(("I see it",), get("xReact"), "happy")])
    assert scores[0].plausibility is not None
    assert {source.licence for source in load(tmp_path / "a").sources} == {
        "CC-BY-4.0",
        "MIT",
        "Apache-2.0",
    }


def test_the_network_that_ships_is_the_one_that_was_trained() -> None:
    from tokenizers import Tokenizer

    place = minilm.folder()
    net = critic_net.CriticNet(place)
    heads = [("I lost my keys",), ("Garlic press", "Chef's knife"), ("x " * 90,)]
    tails = ["feels annoyed", "both are used for cooking", "then"]
    pairs = Reader(Tokenizer.from_file(str(place / "tokenizer.json"))).read(heads, tails)
    config = {"heads": 12, "words_sha256": words_digest(read_words())}
    tensors = critic_net.exported(net.state_dict())
    shipped = Critic(Weights("t", "1", config, tensors), precision="f32")
    expected = critic_net.logits(net, pairs)
    assert np.abs(shipped.logits(heads, tails) - expected).max() < 0.02


def test_the_threshold_tells_right_from_wrong() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    labels = np.array([False, False, False, True, True])
    assert 0.3 < best_threshold(scores, labels) <= 0.8
    many = np.r_[np.full(90, 0.4), np.full(10, 0.6)]
    right = np.r_[np.ones(50, bool), np.zeros(40, bool), np.ones(10, bool)]
    assert best_threshold(many, right) <= 0.4 < best_threshold(many, right, balanced=True)
