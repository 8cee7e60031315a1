"""The figures of written tails, beside values worked out by hand and bert-score itself."""

from __future__ import annotations

import math
from importlib import import_module

import pytest

from benchmarks.intrinsic import metrics
from benchmarks.intrinsic.bertscore import BertScore

REFERENCES = [["to feel glad", "be happy"], ["feed the cat"], ["walk home", "to go home early"]]


def test_bleu2_takes_the_best_of_several_references() -> None:
    written = ["to be happy", "feed the dog"]
    # Words: "to", "be", "happy" and "feed", "the" of six; pairs: "be happy", "feed the" of four.
    # The closest references have 3 words each, so there is no brevity penalty.
    expected = math.sqrt(5 / 6 * 2 / 4)
    assert metrics.bleu2(written, REFERENCES[:2]) == pytest.approx(expected)


def test_bleu2_counts_no_pair_for_a_tail_of_one_word() -> None:
    found = metrics.bleu2(["happy", "feed the cat"], [["Happy"], ["feed the cat"]])
    assert found == pytest.approx(1.0)


def test_bleu2_is_brief_where_a_writer_is_silent() -> None:
    # 3 of 3 words and 2 of 2 pairs, but 3 words in place of 6.
    found = metrics.bleu2(["feed the cat", ""], [["feed the cat"], ["walk the dog"]])
    assert found == pytest.approx(math.exp(1 - 6 / 3))
    assert metrics.bleu2(["", ""], [["a b"], ["c d"]]) == 0.0
    assert metrics.bleu2([], []) == 0.0


def test_rouge_l_is_the_best_over_the_references() -> None:
    found = metrics.rouge_l(["to be happy", "", "to go home"], REFERENCES)
    # "be happy": 2 of 3 and 2 of 2; "to go home early": 3 of 3 and 3 of 4.
    assert found.tolist() == pytest.approx([2 * 2 / 5, 0.0, 2 * 3 / 7])


def test_distinct2_counts_word_pairs() -> None:
    assert metrics.distinct2(["to be happy", "To be  sad.", "glad"]) == 3 / 4
    assert metrics.distinct2(["glad", ""]) == 0.0


def test_copied_compares_normalised_tails() -> None:
    training = {"happy", "go home"}
    written = ["Happy.", "go  home", "walk the dog", ""]
    assert metrics.copied(written, training) == 2 / 3
    assert metrics.copied(written, training, least_words=2) == 1 / 2
    assert metrics.copied([""], training) == 0.0


def test_bert_score_is_one_for_the_same_text_and_nothing_for_silence() -> None:
    found = BertScore().f1(["feed the cat", "", "feed the cat"], [["a", "feed the cat"]] * 3)
    assert found.tolist() == pytest.approx([1.0, 0.0, 1.0])
    assert BertScore().f1([], []).tolist() == []


def test_bert_score_gives_what_the_package_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    scorer = import_module("bert_score").BERTScorer
    ours = BertScore(precision="f32")
    written = ["to be happy", "walk the dog", "goes home", "ab"]
    references = [*REFERENCES, ["A longer text: it has a mark, a comma, and more words than one."]]
    theirs = scorer(model_type=str(ours.folder), num_layers=6, device="cpu")
    expected = theirs.score(written, references)[2].tolist()
    assert ours.f1(written, references).tolist() == pytest.approx(expected, abs=1e-4)
    in_bf16 = BertScore(precision="bf16").f1(written, references)
    assert in_bf16.tolist() == pytest.approx(expected, abs=0.02)
