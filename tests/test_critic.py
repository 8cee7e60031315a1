"""The critic that comes with IntentKG: what it says, how it is checked, how it is trained."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from generation.critic import Assertion, Critic, load_critic
from generation.critic import critic as module
from generation.critic.calibration import apply_platt, expected_calibration_error, fit_platt
from generation.critic.tokens import Pair, batches, padded
from generation.heads import CoBuyHead, Product
from generation.weights import CONFIG, TENSORS
from schema.errors import CorruptError
from schema.relations import Family, get

WEIGHTS = Path(module.__file__).parent / "weights"
REACT, WANT, USED = get("xReact"), get("xWant"), get("UsedFor")
BIKE = "Someone stole my bike last night"
BOOTS = ("Waterproof hiking boots for men", "Merino wool hiking socks, 3 pairs")


@pytest.fixture(scope="module")
def critic() -> Critic:
    return load_critic()


def test_what_fits_scores_higher_than_what_does_not(critic: Critic) -> None:
    pairs = [
        ((BIKE,), REACT, "angry", "grateful for the gift"),
        (("I passed the final exam",), REACT, "proud", "robbed"),
        (("I baked bread for the first time",), WANT, "to eat it", "to call the police"),
        (BOOTS, USED, "hiking in the mountains", "charging a laptop"),
        (("Garlic press", "Chef's knife"), USED, "preparing food", "riding a bicycle"),
    ]
    right = critic.judge([Assertion(h, r, t) for h, r, t, _ in pairs])
    wrong = critic.judge([Assertion(h, r, t) for h, r, _, t in pairs])
    for good, bad in zip(right, wrong, strict=True):
        assert good.plausibility is not None and bad.plausibility is not None
        assert 0 <= bad.plausibility <= 1 and 0 <= good.plausibility <= 1
    better = [
        (good.plausibility or 0) > (bad.plausibility or 0)
        for good, bad in zip(right, wrong, strict=True)
    ]
    more_typical = [
        (good.typicality or 0) > (bad.typicality or 0)
        for good, bad in zip(right, wrong, strict=True)
    ]
    assert sum(better) >= 4 and sum(more_typical) >= 4


def test_order_and_company_change_nothing(critic: Critic) -> None:
    asked = [Assertion((BIKE,), REACT, text) for text in ("angry", "happy", "sad " * 40)]
    asked += [Assertion(BOOTS, USED, "hiking")]
    together = critic.judge(asked)
    backwards = critic.judge(asked[::-1])[::-1]
    alone = [critic.judge([one])[0] for one in asked]
    for a, b, c in zip(together, backwards, alone, strict=True):
        assert a.plausibility == pytest.approx(b.plausibility, abs=0.02)
        assert a.plausibility == pytest.approx(c.plausibility, abs=0.02)
    assert critic.judge([]) == []


@pytest.mark.parametrize("text", ["", "  ", "?!", "🙂", "https://example.org/x"])
def test_what_says_nothing_gets_no_score(critic: Critic, text: str) -> None:
    asked = [
        Assertion((BIKE,), REACT, text),
        Assertion((text,), REACT, "angry"),
        Assertion((BOOTS[0], text), USED, "hiking"),
        Assertion((), USED, "hiking"),
        Assertion((BIKE,), REACT, "angry"),
    ]
    *none, one = critic.judge(asked)
    assert all(scores.plausibility is scores.typicality is None for scores in none)
    assert one.plausibility is not None


def test_a_language_it_never_saw_gets_a_low_score(critic: Critic) -> None:
    known = critic.judge([Assertion((BIKE,), REACT, "angry and upset")])[0]
    foreign = critic.judge(
        [
            Assertion(("我的自行车昨晚被偷了",), REACT, "非常生气"),
            Assertion(("Вчера мы наконец переехали в новый дом",), REACT, "счастливыми"),
            Assertion(("سرقت دراجتي الليلة الماضية",), REACT, "غاضب جدا"),
            Assertion(("कल रात मेरी साइकिल चोरी हो गई",), REACT, "बहुत गुस्सा"),
        ]
    )
    assert known.plausibility is not None and known.plausibility > 0.7
    for scores in foreign:
        assert scores.plausibility is not None and scores.plausibility < 0.5


def test_odd_text_is_judged_and_does_no_harm(critic: Critic) -> None:
    odd = ["\ud800 half a pair", "a" * 100_000, "\x00\x01 word", "[SEP] [CLS] </s> <post>"]
    for text in odd:
        for scores in critic.judge([Assertion((text,), REACT, text)]):
            assert scores.plausibility is not None and 0 <= scores.plausibility <= 1


def test_it_is_what_mind_takes_as_a_critic(critic: Critic) -> None:
    head = CoBuyHead("co", Product("a", BOOTS[0]), Product("b", BOOTS[1]))
    tails = [(USED, "hiking"), (get("Open", Family.COBUY), "he likes to walk")]
    given = asyncio.run(critic.score(head, tails))
    assert list(given) == critic.judge([Assertion(BOOTS, *tail) for tail in tails])
    assert critic.name.startswith("intentkg-critic-") and 0 < critic.threshold < 1


@pytest.mark.parametrize("name", [TENSORS, CONFIG])
def test_altered_weights_are_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(WEIGHTS, tmp_path / "weights")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CorruptError, match=name) as caught:
        load_critic(folder)
    assert "install intentkg again" in str(caught.value.fix)


def test_it_ships_small_and_without_pickle() -> None:
    sizes = {path.name: path.stat().st_size for path in WEIGHTS.iterdir()}
    assert {TENSORS, CONFIG, "manifest.json", "MODEL_CARD.md"} == set(sizes)
    assert sum(sizes.values()) < 30e6


def test_platt_finds_the_scale_that_labels_were_drawn_by() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, 20_000)
    labels = (rng.random(20_000) < apply_platt(logits, 0.5, -1.0)).astype(float)
    slope, intercept = fit_platt(logits, labels)
    assert slope == pytest.approx(0.5, abs=0.03) and intercept == pytest.approx(-1.0, abs=0.05)
    raw, scaled = apply_platt(logits, 1.0, 0.0), apply_platt(logits, slope, intercept)
    assert expected_calibration_error(scaled, labels) < 0.02
    assert expected_calibration_error(raw, labels) > 0.1
    assert np.isfinite(fit_platt(logits, np.ones(20_000))).all()


def test_batches_hold_every_pair_once_and_no_more_tokens_than_they_may() -> None:
    pairs = [Pair(list(range(1, 2 + n % 40)), 1) for n in range(500)] + [Pair([1] * 900, 3)]
    groups = list(batches(pairs, most=256))
    assert sorted(n for group in groups for n in group) == list(range(501))
    for group in groups:
        longest = max(len(pairs[n].ids) for n in group)
        assert len(group) == 1 or longest * len(group) <= 256
    ids, types, mask = padded([Pair([5, 6, 7], 2), Pair([8], 1)])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert types.tolist() == [[0, 0, 1], [0, 0, 0]] and mask.tolist() == [[1, 1, 1], [1, 0, 0]]
