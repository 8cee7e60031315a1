"""The student that is shipped: what it writes, what it refuses, and what it says nothing of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from generation import weights
from generation.heads import CoBuyHead, PostHead, Product
from generation.student import Student
from generation.student.beam import search
from generation.student.choosing import FEATURES, Candidate, Confidence, choose
from generation.student.student import SHIPPED
from generation.student.wording import clean_title, first_person, texts_of
from schema.errors import CorruptError, UnknownRelationError
from schema.relations import Family, get

PAIR = ("Witch Costume for Girls", "Black Witch Hat with Veil")
STRANGE = [
    "Ho perso il treno e adesso aspetto sotto la pioggia",
    "Dün akşam arkadaşlarımla yemeğe gittik ve çok güldük",
    "Wczoraj zgubiłem klucze i musiałem czekać na klucznika",
    "今日は友達と映画を見に行きました",
    "xqzv wplkj rrtgh bnmzx qwlkp",
]
PLAIN = [
    "I lost my keys and had to wait for two hours",
    "I went to dinner with my friends last night and we laughed a lot",
    "I missed the train and now I am waiting in the rain",
    "My daughter got the job she wanted",
    "I finally finished my first marathon",
]


@pytest.fixture(scope="module")
def student() -> Student:
    return Student.load()


def test_what_is_shipped_is_small_and_no_pickle() -> None:
    files = [file for file in SHIPPED.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 30_000_000
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".md"}
    found = weights.load(SHIPPED)
    assert sum(tensor.numel() for tensor in found.tensors.values()) <= 60_000_000
    assert {source.licence for source in found.sources} == {"CC-BY-4.0", "MIT"}
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(source.licence in card for source in found.sources)


def test_it_writes_of_events_posts_and_pairs(student: Student) -> None:
    feels, wants, used = (
        get("xReact", Family.SOCIAL),
        get("xWant", Family.SOCIAL),
        get("UsedFor", Family.COBUY),
    )
    rows = [
        ((PLAIN[0],), feels),
        (("PersonX loses PersonX's keys",), wants),
        (PAIR, used),
    ]
    written = student.write([head for head, _ in rows], [one for _, one in rows], most=3)
    assert all(tails for tails in written)
    for tails in written:
        texts = [tail.text for tail in tails]
        assert len(set(texts)) == len(texts)
        assert all(0 < tail.confidence < 1 for tail in tails)
        assert all(text == text.strip() and "##" not in text for text in texts)
    assert "costume" in " ".join(tail.text for tail in written[2])
    again = student.write([head for head, _ in rows], [one for _, one in rows], most=3)
    assert again == written


def test_a_relation_that_it_never_saw_is_refused(student: Student) -> None:
    with pytest.raises(UnknownRelationError, match="MadeOf") as error:
        student.write([PAIR], [get("MadeOf", Family.COBUY)])
    assert "UsedFor" in str(error.value.fix) and "xWant" not in str(error.value.fix)


def test_its_beam_search_finds_what_that_of_transformers_finds(student: Student) -> None:
    import torch
    from transformers import EncoderDecoderModel
    from transformers.modeling_outputs import BaseModelOutput

    net, beams = student._net, 5
    heads = [(text,) for text in PLAIN] + [PAIR, ("Tent", "Rope"), (STRANGE[0],)]
    names = [name for name in net.shape.relations if name.startswith("social")][:5]
    starts = [net.shape.relations.index(name) for name in [*names, "cobuy:Can", "cobuy:IsA"]]
    starts.append(starts[0])
    ids, mask, kinds = net.batch([net.tokens(head) for head in heads])
    with torch.inference_mode():
        read = net.upper(net.lower(ids, mask, kinds), mask)
        ours = search(net, read, mask, starts, beams)
        theirs = EncoderDecoderModel(encoder=net.reader, decoder=net.writer).generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=read),
            attention_mask=mask,
            decoder_start_token_id=starts,
            num_beams=beams,
            num_return_sequences=beams,
            max_new_tokens=net.shape.most_written,
            length_penalty=0.0,
            pad_token_id=net.pad,
            eos_token_id=net.end,
            do_sample=False,
            output_scores=True,
            return_dict_in_generate=True,
        )
    tokens = [tuple(at for at in row if at >= net.first_piece) for row in theirs.sequences.tolist()]
    assert [one.tokens for row in ours for one in row] == tokens
    scores = [one.log_probability for row in ours for one in row]
    assert scores == pytest.approx(theirs.sequences_scores.tolist(), abs=1e-3)


def test_of_a_strange_language_it_is_not_sure(student: Student) -> None:
    relations = [get(name, Family.SOCIAL) for name in ("xIntent", "xReact", "xWant")]
    sure = {}
    for name, texts in (("strange", STRANGE), ("plain", PLAIN)):
        rows = [((text,), relation) for text in texts for relation in relations]
        written = student.write([head for head, _ in rows], [one for _, one in rows])
        sure[name] = [tails[0].confidence if tails else 0.0 for tails in written]
    assert sum(sure["strange"]) < 0.6 * sum(sure["plain"])
    assert max(sure["strange"]) < 0.5


def test_of_nothing_it_writes_nothing(student: Student) -> None:
    used, feels = get("UsedFor", Family.COBUY), get("xReact", Family.SOCIAL)
    assert student.write([("", "Rope Dog Lead"), ("",)], [used, feels]) == [[], []]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_altered_weights_are_refused(tmp_path: Path, name: str) -> None:
    shutil.copytree(SHIPPED, tmp_path / "w")
    data = bytearray((tmp_path / "w" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "w" / name).write_bytes(data)
    with pytest.raises(CorruptError, match=name):
        Student.load(tmp_path / "w")


def test_another_minilm_is_refused(tmp_path: Path) -> None:
    found = weights.load(SHIPPED)
    weights.save(
        tmp_path,
        name=found.name,
        version=found.version,
        config={**found.config, "minilm": "0" * 64},
        tensors=found.tensors,
    )
    with pytest.raises(CorruptError, match="MiniLM"):
        Student.load(tmp_path)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("PersonX loses PersonX's keys", "I lose my keys"),
        ("PersonX goes to PersonY's house", "I go to someone's house"),
        ("PersonX is angry with PersonX", "I am angry with me"),
        ("PersonX tries ___", "I try something"),
        ("PersonX misses the bus", "I miss the bus"),
        ("It is raining", "It is raining"),
    ],
)
def test_an_event_as_one_would_say_it(event: str, said: str) -> None:
    assert first_person(event) == said


def test_what_is_put_to_it() -> None:
    post = PostHead("s:1", "@ann Look &amp; see #sunset https://example.org/x", notes="a red sky")
    assert texts_of(post) == ("someone Look & see sunset (a red sky)",)
    assert clean_title("Women&#39;s Witch 83412XL Costume") == "Women's Witch Costume"
    pair = CoBuyHead("co_1", Product("A", "Tent"), Product("B", features=("sleeping bag, down",)))
    assert texts_of(pair) == ("Tent", "sleeping bag, down")
    assert texts_of(CoBuyHead("co_2", Product("A", "Tent"), Product("B"))) == ()


def test_the_candidate_that_most_others_agree_with_comes_first() -> None:
    import numpy as np

    words = np.eye(10, dtype=np.float32)
    found = choose(
        [
            Candidate((5,), -1.2),  # the likeliest, but alone
            Candidate((1, 2), -1.5),
            Candidate((1, 2, 3), -1.5),
            Candidate((1, 3), -1.6),
            Candidate((0,), -3.0),
        ],
        words,
        nothing=(0,),
        letters=4.0,
        pair=False,
        most=3,
    )
    assert found[0].tokens == (1, 2, 3)
    assert (0,) not in [choice.tokens for choice in found]
    assert dict(zip(FEATURES, found[0].features, strict=True))["log_nothing"] == pytest.approx(-3)
    silent = Confidence((0.0,) * len(FEATURES), 0.0, 0.1, 0.04)
    assert silent.is_silent(found[0]) and silent.of(found[0]) == 0.5
    assert (
        choose([Candidate((0,), -0.1)], words, nothing=(0,), letters=4.0, pair=False, most=1) == []
    )


def test_the_configuration_is_plain_json() -> None:
    config = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    assert Confidence.read(config["confidence"]).least > 0
