"""`intentkg distill export`: the rows are what pipelines ask, filtered, split, in both layouts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from door import call, quick

import intentkg
from generation.distill.export import split_of
from generation.prompt import as_data
from generation.replies import parse_aspects, parse_intention, parse_key_information, parse_verdict
from generation.store import RequestStore
from schema.errors import UsageError
from schema.identity import cobuy_id
from schema.relations import SOCIAL
from tests.distill_world import lines, make_kb, scored_kb
from tests.generate_world import evidence, generate
from tests.generate_world import make_kb as asked_kb
from tests.servers import Server

PAIR = cobuy_id("B1", "B2")


def export(kb: Path, out: Path, *more: str | Path) -> Any:
    """Export everything to train on."""
    return quick("distill", "export", kb, out, "--validation", "0", "--test", "0", *more)


def rows(out: Path, split: str = "train") -> list[dict[str, Any]]:
    return lines(out / f"sharegpt_{split}.jsonl")


def told(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(said["from"], said["value"]) for said in row["conversations"]]


def answers(out: Path, stage: str = "intentions") -> list[str]:
    return [told(row)[-1][1] for row in rows(out) if row["stage"] == stage]


def refused(*words: str | Path) -> Any:
    result = call("distill", *words)
    assert result.returncode in (1, 2), (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr and "fix:" in result.stderr
    return result


@pytest.mark.parametrize("form", [(), ("--one-each", "--no-structured", "--no-system-role")])
def test_rows_are_the_requests_that_generate_puts(
    writer: Server, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """A text-only run asks, of each stage, exactly the questions that are exported."""
    kb = asked_kb(tmp_path, pictures=False)
    other = [word for word in form if word != "--one-each"]
    generate(kb, writer, "miko", "--text-only", "--no-preflight", *form)
    generate(kb, writer, "mind", "--text-only", "--no-preflight", *other)
    every = ("key_information", "features", "intentions", "filter")
    stages = [word for stage in every for word in ("--stage", stage)]
    done = export(kb, tmp_path / "out", *stages, *form)
    assert done["left_out"] == {} or set(done["left_out"]) == {"rejected"}
    asked: dict[str, set[tuple[str, ...]]] = {}
    with RequestStore(kb / "requests.sqlite", mode="read") as store:
        for row in store.rows():
            said = tuple(message["content"] for message in row.request.messages)
            stage = row.request.stage.partition(".")[2].replace("intentions", "intention")
            asked.setdefault(stage, set()).add(said)
    mine: dict[str, set[tuple[str, ...]]] = {}
    for row in rows(tmp_path / "out"):
        stage = row["stage"].replace("intentions", "intention")
        mine.setdefault(stage, set()).add(tuple(value for _, value in told(row)[:-1]))
    assert set(mine) == {"key_information", "features", "intention", "filter"}
    rejected = done["left_out"].get("rejected", 0)
    for stage, questions in mine.items():
        assert questions <= asked[stage], stage
        missing = len(asked[stage] - questions)
        assert missing <= (rejected if stage == "intention" else 0), stage


def test_answers_are_what_the_parsers_of_the_pipelines_read_back(
    writer: Server, tmp_path: Path
) -> None:
    kb = asked_kb(tmp_path, pictures=False)
    generate(kb, writer, "miko", "--no-preflight")
    generate(kb, writer, "mind", "--no-preflight")
    stages = ("--stage", "key_information", "--stage", "intentions", "--stage", "filter")
    stored = {(row["head_id"], row["relation"], row["text"]) for row in evidence(kb)}
    verdicts = {row["rationale"] for row in evidence(kb) if row["accepted"] is not None}
    for form in ((), ("--no-structured",)):
        out = tmp_path / f"out{len(form)}"
        done = export(kb, out, *stages, *form)
        found = set()
        for row in rows(out):
            answer = told(row)[-1][1]
            if row["stage"] == "key_information":
                points = parse_key_information(answer)
                shown = [r for r in rows(out) if r["head"] == row["head"]][1]
                said = dict(told(shown))["user"]
                for name in ("concept", "action", "object", "emotion"):
                    assert f"<{name}>{as_data(getattr(points, name))}</{name}>" in said
                assert as_data(", ".join(points.keywords)) in said  # type: ignore[union-attr]
            elif row["stage"] == "filter":
                verdict = parse_verdict(answer)
                assert verdict.rationale in verdicts  # type: ignore[union-attr]
            elif "," in row["relations"]:
                aspects = parse_aspects(answer, SOCIAL)
                assert list(aspects) == row["relations"].split(", ")  # type: ignore[arg-type]
                for name, texts in aspects.items():  # type: ignore[union-attr]
                    found |= {(row["head"], name, text) for text in texts}
            else:
                (text,) = parse_intention(answer)  # type: ignore[misc]
                found.add((row["head"], row["relations"], text))
        assert found <= stored
        assert len(found) == len(stored) - done["left_out"].get("rejected", 0)


def test_what_a_picture_showed_goes_with_the_post(writer: Server, tmp_path: Path) -> None:
    kb = asked_kb(tmp_path)
    generate(kb, writer, "miko", "--no-preflight")
    export(kb, tmp_path / "out", "--form", "paper", "-p", "miko")
    shown = [dict(told(row)[:2])["user"] for row in rows(tmp_path / "out")]
    assert sum("<image_description>" in text for text in shown) == 1  # one post has a picture
    with RequestStore(kb / "requests.sqlite", mode="read") as store:
        (reply,) = [r.outcome.text for r in store.rows(stage="miko.description")]  # type: ignore[union-attr]
    assert any(" ".join(reply.split()) in " ".join(text.split()) for text in shown)


def test_tails_are_filtered_and_the_report_says_why(tmp_path: Path) -> None:
    kb = scored_kb(tmp_path)
    done = export(kb, tmp_path / "all", "--no-structured", "-p", "mind")
    assert sorted(answers(tmp_path / "all")) == [
        "cold nights", "hiking in rain", "sleep outside", "summer is here",
    ]  # fmt: skip
    assert done["left_out"] == {
        "rejected": 2,
        "mind would not keep it: none": 1,
        "relation that models are not asked for": 1,
        "about one product, not a pair": 1,
    }
    assert done["tails"] == {"UsedFor": {"train": 2}, "Cause": {"train": 1}, "Open": {"train": 1}}

    def left(*more: str) -> tuple[list[str], dict[str, int]]:
        found = export(kb, tmp_path / "some", "--no-structured", "-p", "mind", *more)
        return sorted(answers(tmp_path / "some")), found["left_out"]

    kept, why = left("--min-plausibility", "0.5", "--min-typicality", "0.5")
    assert kept == ["hiking in rain"]
    assert why["plausibility below 0.5"] == 1 and why["typicality below 0.5"] == 1
    assert why["without plausibility"] == 4
    assert left("--relation", "usedFor")[0] == ["cold nights", "hiking in rain"]
    assert left("--source", "shop")[0] == left("-m", "model-b")[0] == ["summer is here"]
    # Two judges disagree on one tail: the strictest counts.
    assert left("--rejected")[0] == ["camping gear", "see the stars"]
    assert left("--rejected")[1]["not judged"] == 5
    with pytest.raises(AssertionError, match="there is no row to write"):
        left("--accepted")
    # The customer's verdicts are lessons of their own, whatever became of the tails.
    export(kb, tmp_path / "judge", "--stage", "filter")
    assert sorted(answers(tmp_path / "judge", "filter")) == [
        '{"answer":"no","rationale":"Never."}',
        '{"answer":"no","rationale":"Says nothing."}',
        '{"answer":"yes","rationale":"I would."}',
    ]


def test_an_import_without_requests_shows_what_the_records_say(tmp_path: Path) -> None:
    kb = scored_kb(tmp_path)
    export(kb, tmp_path / "out")
    by_head = {row["head"]: dict(told(row)) for row in rows(tmp_path / "out")}
    pair = by_head[PAIR]["user"]
    assert "<title_a>Tent</title_a>" in pair and "<features_a>red; 3 kg</features_a>" in pair
    assert "<description_b>Boils a litre in 3 minutes.</description_b>" in pair
    assert "noticed" not in pair
    assert "<post>What a walk that was.</post>" in by_head["test:1"]["user"]
    assert "Key information" not in by_head["test:1"]["user"]
    # Two tails of one relation: it is asked twice, the second time for that relation only.
    mine = [row for row in rows(tmp_path / "out") if row["head"] == "test:1"]
    assert [json.loads(told(row)[-1][1]) for row in mine] == [
        {"xWant": "rest", "xNeed": "pack a bag"},
        {"xNeed": "walk far"},
    ]
    assert "- xNeed:" in told(mine[1])[0][1] and "- xWant:" not in told(mine[1])[0][1]


def test_the_papers_forms(tmp_path: Path) -> None:
    kb = scored_kb(tmp_path)
    export(kb, tmp_path / "out", "--form", "paper", "--relation", "xWant", "--relation", "xNeed",
           "--relation", "UsedFor")  # fmt: skip
    talk, *questions = rows(tmp_path / "out")
    said = told(talk)
    assert [role for role, _ in said] == ["system", *("user", "assistant") * 3]
    assert talk["relations"] == "xWant, xNeed, xNeed"
    assert "<post>What a walk that was.</post>" in said[1][1]
    assert "<post>" not in said[3][1]
    assert said[3][1].startswith('Complete: "Before posting this, the user needs to ..."')
    assert [text for role, text in said if role == "assistant"] == [
        "rest", "pack a bag", "walk far",
    ]  # fmt: skip
    assert sorted(told(row)[1][1] for row in questions) == [
        "they both are used for cold nights.",
        "they both are used for hiking in rain.",
    ]
    assert {told(row)[0] for row in questions} == {
        ("user", "A customer buys Tent and Stove. What is the most likely intention for buying "
         "them?")
    }  # fmt: skip
    bare = tmp_path / "bare"
    export(kb, bare, "--form", "paper", "--no-system-role", "-p", "miko")
    (talk,) = rows(bare)
    assert told(talk)[0][1].startswith("You infer why people post")
    assert told(talk)[2][1].startswith("Complete:")


def test_splits_go_by_head_and_do_not_change(tmp_path: Path) -> None:
    kb = make_kb(tmp_path, [f"Thing {n}" for n in range(16)])  # 120 pairs
    share = ("--validation", "0.2", "--test", "0.3", "--no-structured")
    done = quick("distill", "export", kb, tmp_path / "one", *share)
    heads = {
        split: {row["head"] for row in rows(tmp_path / "one", split)}
        for split in ("train", "validation", "test")
    }
    assert sum(map(len, heads.values())) == 120 == len(set.union(*heads.values()))
    assert {split: len(ids) for split, ids in heads.items()} == done["heads"]
    assert 12 <= len(heads["validation"]) <= 38 and 20 <= len(heads["test"]) <= 52
    for split, ids in heads.items():
        assert {split_of(head, 0.2, 0.3) for head in ids} == {split}
    again = quick("distill", "export", kb, tmp_path / "two", *share)
    assert again["files"] == done["files"]
    fewer = make_kb(tmp_path, [f"Thing {n}" for n in range(12)], name="fewer.kg")
    quick("distill", "export", fewer, tmp_path / "three", *share)
    assert {row["head"] for row in rows(tmp_path / "three", "test")} < heads["test"]


def test_both_layouts_say_the_same_and_load(tmp_path: Path) -> None:
    """As LLaMA-Factory reads them: by the columns and tags that dataset_info.json names."""
    kb = make_kb(tmp_path, [f"Thing {n}" for n in range(8)])
    scored = scored_kb(tmp_path)
    quick("distill", "export", kb, tmp_path / "pairs")
    export(scored, tmp_path / "paper", "--form", "paper")
    for out in (tmp_path / "pairs", tmp_path / "paper"):
        info = json.loads((out / "dataset_info.json").read_text(encoding="utf-8"))
        assert {entry["file_name"] for entry in info.values()} == {
            path.name for path in out.glob("*.jsonl")
        }
        for split in {name.rpartition("_")[2] for name in info}:
            one, two = info[f"intentkg_alpaca_{split}"], info[f"intentkg_sharegpt_{split}"]
            loaded = {
                name: load_dataset(
                    "json",
                    data_files=str(out / entry["file_name"]),
                    cache_dir=str(tmp_path / "cache"),
                    split="train",
                )
                for name, entry in (("alpaca", one), ("talk", two))
            }
            names = one["columns"]
            assert set(names.values()) <= set(loaded["alpaca"].column_names)
            assert set(two["columns"].values()) <= set(loaded["talk"].column_names)
            assert loaded["alpaca"].num_rows == loaded["talk"].num_rows > 0
            tags = two["tags"]
            for plain, talk in zip(loaded["alpaca"], loaded["talk"], strict=True):
                turns = [*plain.get(names.get("history"), []), None]
                turns[-1] = [plain[names["prompt"]] + plain[names["query"]], plain["output"]]
                said = [
                    (message[tags["role_tag"]], message[tags["content_tag"]])
                    for message in talk[two["columns"]["messages"]]
                ]
                system = dict(said[:1]).get(tags["system_tag"], "")
                assert system == plain[names["system"]]
                roles = (tags["user_tag"], tags["assistant_tag"])
                assert said[bool(system) :] == [
                    (role, text) for turn in turns for role, text in zip(roles, turn, strict=True)
                ]


def test_a_folder_of_others_is_left_alone_and_an_own_one_is_replaced(tmp_path: Path) -> None:
    kb = scored_kb(tmp_path)
    out = tmp_path / "out"
    export(kb, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    # What fails leaves the earlier export whole.
    result = refused("export", kb, out, "--min-plausibility", "0.99")
    assert "there is no row to write" in result.stderr and "without plausibility" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    export(kb, out, "--relation", "UsedFor", "-p", "mind")
    assert {row["relations"] for row in rows(out)} == {"UsedFor"}
    report = json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert report["options"]["relations"] == ["UsedFor"]
    assert report["files"]["sharegpt_train.jsonl"]["rows"] == 2
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert "notes.txt" in refused("export", kb, out).stderr
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    with intentkg.open(kb) as base, pytest.raises(UsageError, match="is a file"):
        base.export_instructions(file)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    kb, out = scored_kb(tmp_path), tmp_path / "out"
    assert "its sources are: test, shop" in refused("export", kb, out, "--source", "tset").stderr
    assert "its models are: " in refused("export", kb, out, "--model", "gpt").stderr
    assert "did you mean 'UsedFor'" in refused("export", kb, out, "--relation", "UsedFr").stderr
    assert "no folder of prompts" in refused("export", kb, out, "--prompts", out / "no").stderr
    assert "not a knowledge base" in refused("export", tmp_path, out).stderr
    all_held = ("--validation", "0.5", "--test", "0.499999")
    assert "no head fell" in refused("export", kb, out, *all_held).stderr
    with intentkg.open(kb) as base:
        for options, said in (
            ({"stages": ["judge"]}, "no stage 'judge'"),
            ({"form": "papers"}, "no form 'papers'"),
            ({"pipeline": "miko"}, "no option 'pipeline'"),
            ({"validation": 0.5, "test": 0.5}, "nothing to train on"),
            ({"min_typicality": 2}, "min_typicality is 2"),
        ):
            with pytest.raises(UsageError, match=said):
                base.export_instructions(out, **options)  # type: ignore[arg-type]
    assert not out.exists()


def test_the_api_gives_the_figures(tmp_path: Path) -> None:
    kb = make_kb(tmp_path)
    seen: list[tuple[str, int, int | None]] = []
    with intentkg.open(kb) as base:
        done = base.export_instructions(
            tmp_path / "out", validation=0.0, test=0.0, limit=5,
            progress=lambda *told: seen.append(told),
        )  # fmt: skip
    assert done.rows == {"train": 15} and done.heads == {"train": 5}
    assert done.tails == {name: Counter(train=5) for name in ("UsedFor", "Cause", "Open")}
    assert seen[-1] == ("co-buys", 15, 84)
