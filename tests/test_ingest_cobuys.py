from __future__ import annotations

import itertools
import math
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harvest import Harvest, jsonl, write
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.errors import InputError


def test_pairs_with_titles_and_support(tmp_path: Path) -> None:
    text = "asin_a,asin_b,support,title_a,title_b\nB2,B1,3,Lamp,Bulb\nB1,B3,,Bulb,\n"
    got = Harvest(write(tmp_path / "f.csv", text))
    assert [(c["a"], c["b"], c["support"], c["support_ab"]) for c in got.cobuys] == [
        ("B1", "B2", 3, None),
        ("B1", "B3", 1, None),
    ]
    assert {p["id"]: p["title"] for p in got.products} == {"B1": "Bulb", "B2": "Lamp", "B3": None}
    assert {c["source"] for c in got.cobuys} == {"cobuys"}


def test_bad_pairs_leave_no_products_behind(tmp_path: Path) -> None:
    bad = ("x,x,1,,", "x,,1,,", "x,y,0,,", "x,y,2.5,,", "x,y,1,7,", "x,y,1,,☂")
    text = "\n".join(("a,b,support,npmi,title_a", *bad, "x,z,1,-1,"))
    got = Harvest(write(tmp_path / "f.csv", text), "cobuys")
    assert list(got.refused) == [2, 3, 4, 5, 6, 7]
    assert "with itself" in got.refused[2] and "[-1, 1]" in got.refused[6]
    assert sorted(got.ids("products")) == ["x", "z"] and len(got.cobuys) == 1


def test_directed_pairs_of_both_orders_become_one(tmp_path: Path) -> None:
    text = "a,b,support\nx,y,3\ny,x,2\ny,z,1\nx,y,3\n"
    got = Harvest(write(tmp_path / "f.csv", text), "cobuys", directed=True)
    assert [
        (c["a"], c["b"], c["support"], c["support_ab"], c["support_ba"]) for c in got.cobuys
    ] == [
        ("x", "y", 5, 3, 2),
        ("y", "z", 1, 1, 0),
    ]
    assert got.notes["directed links"] == 3 and got.notes["repeated links"] == 1


def test_directions_that_the_columns_state(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "a,b,support_ab,support_ba\ny,x,3,2\n")
    (cobuy,) = Harvest(path).cobuys
    assert (cobuy["support"], cobuy["support_ab"], cobuy["support_ba"]) == (5, 2, 3)
    assert "leave out --directed" in Harvest(path, directed=True).rejections[0].fix


def test_minimum_support_of_pairs(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "a,b,support\nx,y,3\nx,z,1\n")
    for directed in (False, True):
        got = Harvest(path, min_support=2, directed=directed)
        assert [c["b"] for c in got.cobuys] == ["y"]
        assert got.notes["pairs below the minimum support"] == 1


DAY = datetime(2024, 5, 1, 8, tzinfo=UTC)


def test_baskets_of_a_day_with_order_and_npmi(tmp_path: Path) -> None:
    def row(user: str, item: str, hours: float) -> dict[str, object]:
        time = (DAY + timedelta(hours=hours)).isoformat()
        return {"user": user, "item": item, "time": time, "title": f"the {item}"}

    got = Harvest(
        jsonl(
            tmp_path / "f",
            *(row("u", "lamp", 0), row("u", "bulb", 1), row("u", "bulb", 2)),
            *(row("v", "lamp", 5), row("v", "bulb", 4)),
            *(row("w", "lamp", 0), row("w", "bulb", 20)),  # the next day
            row("x", "soap", 0),
        ),
        "baskets",
    )
    (cobuy,) = got.cobuys
    assert (cobuy["a"], cobuy["b"], cobuy["support"]) == ("bulb", "lamp", 2)
    assert (cobuy["support_ab"], cobuy["support_ba"]) == (1, 1)
    # 5 baskets; bulb and lamp are in 3 of them each, together in 2.
    assert cobuy["npmi"] == pytest.approx(math.log(2 * 5 / 9) / -math.log(2 / 5))
    assert {p["id"]: p["title"] for p in got.products} == {"bulb": "the bulb", "lamp": "the lamp"}
    assert got.notes["baskets (each one user's day)"] == 5 and got.notes["purchases"] == 8
    week = Harvest(tmp_path / "f", "baskets", basket="week").cobuys
    assert [c["support"] for c in week] == [3]


def test_sessions_need_neither_user_nor_time(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "session ID,item ID\n1,a\n1,b\n2,a\n2,b\n3,c\n")
    (cobuy,) = Harvest(path).cobuys
    assert (cobuy["support"], cobuy["support_ab"], cobuy["npmi"]) == (2, None, 1.0)


def test_a_pair_that_fills_every_basket_has_npmi_one(tmp_path: Path) -> None:
    (cobuy,) = Harvest(write(tmp_path / "f.csv", "session,item\n1,a\n1,b\n")).cobuys
    assert cobuy["npmi"] == 1.0


def test_large_baskets_and_rare_pairs_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        "session,item",
        *(f"big,i{n}" for n in range(20)),
        "1,a",
        "1,b",
        "2,a",
        "2,b",
        "3,a",
        "3,c",
    ]
    path = write(tmp_path / "f.csv", "\n".join(rows))
    got = Harvest(path, min_support=2, max_basket=10)
    assert [(c["a"], c["b"]) for c in got.cobuys] == [("a", "b")]
    assert sorted(got.ids("products")) == ["a", "b"]
    assert got.notes["baskets of more than 10 items, left out"] == 1
    assert got.notes["pairs below the minimum support"] == 1


def test_bad_purchases(tmp_path: Path) -> None:
    bad = ("u,b,never,", "u,,2024-01-01,", ",c,2024-01-01,", "u,d,,", "u,e,2024-01-01,☂")
    text = "\n".join(("user,item,time,title", "u,a,2024-01-01,", *bad, "u,f,2024-01-01,"))
    got = Harvest(write(tmp_path / "f.csv", text), "baskets")
    assert list(got.refused) == [3, 4, 5, 6, 7]
    assert [(c["a"], c["b"]) for c in got.cobuys] == [("a", "f")]


def test_a_basket_that_the_columns_do_not_give(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "user,item\nu,a\nu,b\n")
    with pytest.raises(InputError, match="no column for 'time'") as caught:
        Harvest(path, "baskets")
    assert "--basket" in (caught.value.fix or "")
    assert len(Harvest(path, "baskets", basket="user").cobuys) == 1
    with pytest.raises(InputError, match="'session'"):
        Harvest(path, "baskets", basket="session")


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    path = write(tmp_path / "f.csv", "session,item\n1,a\n1,b\n")
    Harvest(path, temp_dir=work)
    with pytest.raises(InputError):
        Harvest(write(tmp_path / "g.csv", "session,thing\n1,a\n"), "baskets", temp_dir=work)
    assert list(work.iterdir()) == []


def npmi(both: int, a: int, b: int, total: int) -> float:
    p = both / total
    return 1.0 if both == total else math.log(p / (a / total * b / total)) / -math.log(p)


@given(
    bought=st.lists(
        st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("abcde"), st.integers(0, 72)),
        min_size=1,
        max_size=60,
    ),
    least=st.integers(1, 3),
)
@settings(max_examples=25, deadline=None)
def test_baskets_agree_with_the_definition(bought: list[tuple[str, str, int]], least: int) -> None:
    baskets: dict[tuple[str, object], dict[str, datetime]] = defaultdict(dict)
    for user, item, hours in bought:
        time = DAY + timedelta(hours=hours)
        basket = baskets[user, time.date()]
        basket[item] = min(time, basket.get(item, time))
    single: Counter[str] = Counter(item for basket in baskets.values() for item in basket)
    both: Counter[tuple[str, str]] = Counter()
    first: Counter[tuple[str, str]] = Counter()
    for basket in baskets.values():
        for a, b in itertools.combinations(sorted(basket), 2):
            both[a, b] += 1
            first[a, b] += basket[a] < basket[b]
            first[b, a] += basket[b] < basket[a]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {"user": u, "item": i, "time": (DAY + timedelta(hours=h)).isoformat()}
            for u, i, h in bought
        ]
        got = Harvest(jsonl(Path(folder) / "f", *rows), "baskets", min_support=least)
    expected = {pair: n for pair, n in both.items() if n >= least}
    assert {(c["a"], c["b"]): c["support"] for c in got.cobuys} == expected
    for c in got.cobuys:
        a, b = c["a"], c["b"]
        assert (c["support_ab"] or 0, c["support_ba"] or 0) == (first[a, b], first[b, a])
        assert c["npmi"] == pytest.approx(npmi(both[a, b], single[a], single[b], len(baskets)))
        assert -1 <= c["npmi"] <= 1
    assert got.notes["baskets (each one user's day)"] == len(baskets)
    assert {p["id"] for p in got.products} == {item for pair in expected for item in pair}


def test_the_shopping_sessions_of_bundlerec(shared_data: Path) -> None:
    got = Harvest(shared_data / "bundle_intent/electronic/session_item.csv.gz")
    assert got.notes["purchases"] == 6539 and not got.rejections
    assert all(c["support"] >= 1 and -1 <= c["npmi"] <= 1 for c in got.cobuys)


def test_the_published_pairs(shared_data: Path) -> None:
    path = shared_data / "amazon_cobuy/also_buy_pairs.tsv.gz"
    plain, directed = Harvest(path), Harvest(path, directed=True)
    assert len(plain.cobuys) == 5993 and not plain.rejections
    # 707 pairs stand in both orders.
    assert len(set(plain.ids("cobuys"))) == len(directed.cobuys) == 5286
    assert sum(c["support"] for c in directed.cobuys) == 5993
