from __future__ import annotations

import doctest
import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest.cleaning
import ingest.dialect
import ingest.markup
import ingest.readers.baskets
import ingest.readers.twitter_mner
from ingest import cleaning
from ingest.cleaning import BadValue, has_word
from ingest.markup import plain


@pytest.mark.parametrize(
    "module",
    [
        ingest.cleaning,
        ingest.dialect,
        ingest.markup,
        ingest.readers.baskets,
        ingest.readers.twitter_mner,
    ],
)
def test_the_examples_in_the_documentation_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize("word", ["a", "7", "傘", "ключ", "كتاب", "ไทย", "한글", "½ cup", "  x  "])
def test_letters_and_digits_of_any_script_are_words(word: str) -> None:
    assert has_word(word)


@pytest.mark.parametrize(
    "word", ["", " ", "😀", "👨\u200d👩\u200d👧", "1️⃣2️⃣", "!?…", "🇩🇪", "©™", "\u200b"]
)
def test_white_space_emoji_and_symbols_are_none(word: str) -> None:
    assert not has_word(word)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("$1,250.00", 1250.0),
        ("1.250,00 €", 1250.0),
        ("$12.99 - $15.99", 12.99),
        ("12,5", 12.5),
        ("1,250", 1250.0),
        ("1.250.000", 1250000.0),
        ("USD 5", 5.0),
        ("1 250,90", 1250.9),
        ("0.125", 0.125),
        (3, 3.0),
        (2.5, 2.5),
        ("free", None),
        ("", None),
        (None, None),
        ("-5.00", None),
        (-1, None),
        (math.nan, None),
        (True, None),
        ("x" * 100 + "5", None),
    ],
)
def test_prices(written: object, amount: float | None) -> None:
    assert cleaning.price(written) == amount


@given(st.floats(0, 1e9).map(lambda x: round(x, 2)))
def test_a_written_price_is_read_back(amount: float) -> None:
    assert cleaning.price(f"${amount:,.2f}") == amount
    assert cleaning.price(f"{amount:.2f}") == amount


NOON = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-01T12:30:00Z",
        "2024-05-01 12:30",
        "2024-05-01T14:30:00+02:00",
        "Wed May 01 12:30:00 +0000 2024",
        NOON.timestamp(),
        int(NOON.timestamp()) * 1000,
        str(int(NOON.timestamp())),
        int(NOON.timestamp()) * 1_000_000,
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=5))),
    ],
)
def test_times(written: object) -> None:
    assert cleaning.time(written) == NOON


def test_other_times() -> None:
    assert cleaning.time(date(2024, 5, 1)) == datetime(2024, 5, 1, tzinfo=UTC)
    assert cleaning.time("") is cleaning.time(None) is cleaning.time(math.nan) is None
    for bad in ("yesterday", "2024-13-01", 1e300, True, [], "9" * 40):
        with pytest.raises(BadValue, match="not a time"):
            cleaning.time(bad)


def test_identifiers_are_exact_or_refused() -> None:
    assert cleaning.identifier(840006160660983809) == "840006160660983809"
    assert cleaning.identifier(7.0) == "7"
    assert cleaning.identifier(" B00X ") == "B00X"
    assert (
        cleaning.identifier("")
        is cleaning.identifier(None)
        is cleaning.identifier(math.nan)
        is None
    )
    for bad in (8.40006160660983809e17, 1.5, "8.40006E+17", True, [], {}):
        with pytest.raises(BadValue):
            cleaning.identifier(bad)


def test_numbers_and_truths() -> None:
    assert cleaning.number("0.5", "x") == 0.5
    assert cleaning.whole("9007199254740993", "x") == 9007199254740993
    assert cleaning.whole("3.0", "x") == 3
    assert cleaning.truth("Yes", "x") is True and cleaning.truth(0, "x") is False
    assert cleaning.truth(1.0, "x") is True and cleaning.truth("", "x") is None
    for bad in ("seven", "inf", True, []):
        with pytest.raises(BadValue):
            cleaning.number(bad, "x")
    with pytest.raises(BadValue):
        cleaning.whole(2.5, "x")
    with pytest.raises(BadValue):
        cleaning.truth("perhaps", "x")


def test_lists() -> None:
    assert cleaning.strings("a|b | c", "x") == ["a", "b", "c"]
    assert cleaning.strings('["a; b", ["c"]]', "x") == ["a; b", "c"]
    assert cleaning.strings(["a", None, "", " ", 3], "x") == ["a", "3"]
    assert cleaning.strings([], "x") is None
    assert cleaning.strings("[odd", "x") == ["[odd"]
    with pytest.raises(BadValue):
        cleaning.strings({"a": 1}, "x")


def test_image_references() -> None:
    def refs(value: object) -> list[str | None]:
        return [image["ref"] for image in cleaning.image_refs(value) or ()]

    assert refs("a.png|https://x/b.png") == ["a.png", "https://x/b.png"]
    assert refs("data:image/png;base64,AA==") == ["data:image/png;base64,AA=="]
    assert refs(["a.png", "a.png", None]) == ["a.png"]
    assert refs([{"url": "u"}, {"path": "p"}]) == ["u", "p"]
    assert refs({"bytes": b"\x89PNG", "path": None}) == ["data:;base64,iVBORw=="]
    assert refs("") == refs(None) == refs([]) == []
    with pytest.raises(BadValue):
        refs([5])


def test_text_keeps_what_was_written_but_control_characters() -> None:
    assert cleaning.text("  a\r\nb\tc\x07 ") == "a\nb\tc"
    assert cleaning.text("   ") == " "
    assert cleaning.text("") is None
    assert cleaning.text(12) == "12"
    with pytest.raises(BadValue):
        cleaning.text(["a"])


def test_mark_up_goes() -> None:
    assert plain("<style>p{}</style><p>Soft &amp; warm</p><script>x()</script>") == "Soft & warm"
    assert plain("a < b and b > c") == "a < b and b > c"
    assert plain("<b>unclosed") == "unclosed"


@given(st.text())
def test_plain_never_fails_and_is_idempotent_on_words(text: str) -> None:
    once = plain(text)
    assert once == once.strip()


def test_literals_run_no_code() -> None:
    assert cleaning.literal("{'a': [1, 'x\\d']}") == {"a": [1, "x\\d"]}
    for bad in ("__import__('os').getcwd()", "{'a': ", "(" * 5000, "[" * 100_000):
        with pytest.raises(BadValue):
            cleaning.literal(bad)


@given(st.text(), st.integers(4, 300))
def test_excerpts_fit_and_print(text: str, width: int) -> None:
    shown = cleaning.excerpt(text, width)
    assert len(shown) <= width
    assert shown.isprintable()
