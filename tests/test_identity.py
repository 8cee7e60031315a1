from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import UsageError
from schema.identity import (
    assertion_id,
    check_source,
    cobuy_id,
    evidence_id,
    intention_id,
    normalise_key,
    normalise_text,
    post_id,
    product_id,
    vector_key,
)

FORMS = ("NFC", "NFD", "NFKC", "NFKD")

WARM = "To keep warm."
PAIR = cobuy_id("B2", "B1")
GOLDEN = {
    "twitter:ab": post_id("twitter", "ab"),
    "B07ABC": product_id(" B07ＡＢＣ "),
    "co_5c27cee848bb1dd2531b9b96bb3c217a": PAIR,
    "in_5909c1d7f0db5c1ac7c80770736c9800": intention_id(WARM),
    "in_fdabc2c00d613e2cdbcdaa8467cc82fc": intention_id("Straße für Ärger – 日本語テスト ﬁne"),
    "as_027a29f77ffbe7991f35a67da01d1d1a": assertion_id(
        "CoBuy", PAIR, "UsedFor", intention_id(WARM)
    ),
    "ev_0ec3477b58e1900e20a8de132f42b367": evidence_id(
        "as_1", source="folkscope", model="opt", prompt_hash="p", request="r"
    ),
    "ev_d1bc69ceb0868dc2c19c733faedca538": evidence_id("as_1"),
    "3207936138684509709": str(vector_key(intention_id(WARM))),
}


@pytest.mark.parametrize("golden", GOLDEN)
def test_ids_are_those_of_every_other_machine(golden: str) -> None:
    assert GOLDEN[golden] == golden


@pytest.mark.parametrize(("seed", "locale"), [("0", "C"), ("4242", "tr_TR.UTF-8")])
def test_ids_do_not_depend_on_hash_seed_or_locale(seed: str, locale: str) -> None:
    tests = Path(__file__).parent
    script = f"import sys; sys.path[:0] = {[str(tests), str(tests.parent)]!r}\n"
    script += "from test_identity import GOLDEN; print(*GOLDEN.values(), sep='\\n')"
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert printed == list(GOLDEN)


@given(st.text(), st.sampled_from(FORMS))
def test_an_id_is_the_same_for_every_normal_form(text: str, form: str) -> None:
    other = unicodedata.normalize(form, text)
    assert intention_id(other) == intention_id(text)
    assert product_id(other) == product_id(text)
    assert post_id("s", other) == post_id("s", text)
    assert cobuy_id(other, "B1") == cobuy_id("B1", text)


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)
    assert normalise_key(normalise_key(text)) == normalise_key(text)


@given(st.text())
def test_case_space_quotes_and_stops_do_not_matter(text: str) -> None:
    assert intention_id(f'  "{text}" ') == intention_id(text) or normalise_text(text) == ""
    assert intention_id(text + ".") == intention_id(text) or normalise_text(text) == ""
    assert intention_id(text.casefold()) == intention_id(text)


@given(st.text(), st.text())
def test_texts_that_differ_in_their_normal_form_differ_in_id(one: str, other: str) -> None:
    same = normalise_text(one) == normalise_text(other)
    assert (intention_id(one) == intention_id(other)) == same


@given(st.text(), st.text())
def test_a_pair_is_unordered(a: str, b: str) -> None:
    assert cobuy_id(a, b) == cobuy_id(b, a)


@given(st.lists(st.text(max_size=3), min_size=4, max_size=4))
def test_moving_a_letter_between_parts_changes_the_id(parts: list[str]) -> None:
    whole = assertion_id(*parts)
    for left, right in pairwise(range(4)):
        if parts[right]:
            moved = list(parts)
            moved[left] += moved[right][0]
            moved[right] = moved[right][1:]
            assert assertion_id(*moved) != whole


def test_every_kind_has_its_prefix_and_128_bits() -> None:
    for identifier, prefix in (
        (cobuy_id("a", "b"), "co"),
        (intention_id("a"), "in"),
        (assertion_id("Post", "a", "xNeed", "b"), "as"),
        (evidence_id("as_1"), "ev"),
    ):
        kind, _, digits = identifier.partition("_")
        assert (kind, len(digits)) == (prefix, 32)
        assert int(digits, 16) >= 0


def test_each_part_of_evidence_matters() -> None:
    parts = ("source", "model", "prompt_hash", "request")
    ids = {evidence_id("as_1"), *(evidence_id("as_1", **{part: "x"}) for part in parts)}
    assert len(ids) == 5


@pytest.mark.parametrize("source", ["", "Twitter", "a:b", "a b", "-a", "ü", "a\n", "a/b"])
def test_a_source_that_would_blur_ids_is_refused(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_source(source)
    assert caught.value.fix
    with pytest.raises(UsageError):
        post_id(source, "1")


@given(st.text())
def test_a_vector_key_is_a_positive_63_bit_integer(text: str) -> None:
    assert 0 <= vector_key(intention_id(text)) < 2**63


def test_vector_keys_of_many_intentions_do_not_collide() -> None:
    keys = {vector_key(intention_id(f"to keep {n}")) for n in range(100_000)}
    assert len(keys) == 100_000
