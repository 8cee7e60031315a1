"""The embedder: same vectors as sentence-transformers, in order, offline, cached once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.embed import DEFAULT_MODEL, Embedder, ReferenceEmbedder, load_embedder
from kg.embed_openvino import TOKENS_PER_BATCH, OpenVinoEmbedder, batches
from schema.errors import CorruptError, UsageError
from tests.helpers import HashingEmbedder

TEXTS = [
    "keep warm in winter",
    "They both are used for making coffee at home.",
    "",
    "keep warm in winter",
    "After posting this, the user wants to thank everyone who came.",
    "Straße, naïve café, 保持联系 🙂",
    "x",
    " ".join(["because they are going camping and need a light that works in the rain;"] * 40),
    *(f"a gift for the {n}th birthday of a friend who likes {'tea ' * (n % 7)}" for n in range(60)),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def reference() -> ReferenceEmbedder:
    return ReferenceEmbedder(load_embedder().description)  # type: ignore[attr-defined]


def test_vectors_are_those_of_sentence_transformers(
    embedder: Embedder, reference: ReferenceEmbedder
):
    expected = reference.load("cpu").encode(TEXTS)
    found = embedder.encode(TEXTS)
    assert found.shape == (len(TEXTS), 384) and found.dtype == np.float32
    cosines = np.sum(found * expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.mean() >= 0.999
    assert cosines.min() >= 0.995
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    np.testing.assert_array_equal(found[0], found[3])


def test_the_default_model_runs_on_openvino(embedder: Embedder):
    assert isinstance(embedder, OpenVinoEmbedder)
    assert embedder.name.startswith(f"{DEFAULT_MODEL}@")
    assert embedder.precision in {"bf16", "f32"}
    assert embedder.dimension == 384


def test_order_does_not_matter_and_one_is_as_many(embedder: Embedder):
    together = embedder.encode(TEXTS)
    backwards = embedder.encode(TEXTS[::-1])[::-1]
    assert np.sum(together * backwards, axis=1).min() > 0.999
    for row in (0, 2, 7):
        assert together[row] @ embedder.encode([TEXTS[row]])[0] > 0.999


def test_f32_agrees_more_closely(reference: ReferenceEmbedder):
    exact = OpenVinoEmbedder(reference.description, precision="f32")
    assert np.sum(exact.encode(TEXTS) * reference.encode(TEXTS), axis=1).min() > 0.9999


def test_duplicates_are_embedded_once_and_progress_ends_at_the_total(embedder: Embedder):
    calls: list[tuple[int, int]] = []
    found = embedder.encode(
        ["to keep dry", "to keep warm"] * 5000,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert found.shape == (10_000, 384)
    assert calls == [(2, 2)]


def test_nothing_gives_nothing(embedder: Embedder):
    assert embedder.encode([]).shape == (0, 384)


def test_half_a_surrogate_pair_is_no_reason_to_fail(embedder: Embedder):
    found = embedder.encode(["warm \ud83d socks", "warm ? socks"])
    assert found[0] @ found[1] > 0.999


def test_a_name_leads_back_to_the_same_model(embedder: Embedder):
    assert load_embedder(embedder.name).name == embedder.name


def test_other_weights_under_the_same_name_are_refused():
    with pytest.raises(CorruptError, match="other weights") as caught:
        load_embedder(f"{DEFAULT_MODEL}@000000000000")
    assert "--fresh" in (caught.value.fix or "")


@pytest.mark.parametrize("model", ["no/such-model", "nowhere", "/does/not/exist"])
def test_an_unknown_model_is_said_to_be_so(model: str):
    with pytest.raises(UsageError, match="no embedding model") as caught:
        load_embedder(model)
    assert caught.value.fix and DEFAULT_MODEL in caught.value.fix


def test_a_folder_without_a_model_is_said_to_be_so(tmp_path: Path):
    with pytest.raises(UsageError, match="does not hold a sentence-transformers model"):
        load_embedder(tmp_path)


def test_embedders_satisfy_the_protocol(embedder: Embedder, reference: ReferenceEmbedder):
    for candidate in (embedder, reference, HashingEmbedder()):
        assert isinstance(candidate, Embedder)


@given(st.lists(st.integers(1, 3000), max_size=300))
def test_each_row_is_in_one_batch_and_no_batch_is_too_large(widths: list[int]):
    groups = batches(np.array(widths, dtype=np.int64))
    assert sorted(row for group in groups for row in group.tolist()) == list(range(len(widths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(widths[r] for r in group) <= TOKENS_PER_BATCH


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_the_test_embedder_gives_unit_vectors(texts: list[str]):
    found = HashingEmbedder(32).encode(texts)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


# In a process of its own ------------------------------------------------------------------


def run(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter, from the checkout; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_no_connection_is_tried_and_no_telemetry_loaded(embedder: Embedder):
    embedder.encode(["the conversion is in the cache after this"])
    printed = run(
        """
import socket, sys
def refuse(*arguments, **named):
    raise SystemExit("the network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from kg.embed import load_embedder
print(load_embedder().encode(["keep warm"]).shape)
print(sorted({"openvino_telemetry", "torch", "transformers"} & set(sys.modules)))
"""
    )
    assert printed.splitlines() == ["(1, 384)", "[]"]


def test_importing_the_modules_loads_nothing_heavy():
    printed = run(
        """
import sys
import kg.embed, kg.vectors, kg.vector_index, kg.vector_checks
heavy = {"torch", "transformers", "openvino", "faiss", "sentence_transformers", "duckdb"}
print(sorted(heavy & set(sys.modules)))
"""
    )
    assert printed.strip() == "[]"


def test_an_embedder_can_be_thrown_away(embedder: Embedder):
    embedder.encode(["the conversion is in the cache after this"])
    printed = run(
        """
from kg.embed import load_embedder
for _ in range(3):
    embedder = load_embedder()
    embedder.encode(["one"])
    embedder.encode([f"number {n}" for n in range(300)])
    del embedder
print("still here")
"""
    )
    assert printed.strip() == "still here"


# Other models -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Folders of tiny untrained models, one per way of pooling, and a cache of their own."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as parts
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("models")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=48,
    ).save_pretrained(root / "body")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
    )
    BertModel(config).save_pretrained(root / "body")
    body = parts.Transformer(str(root / "body"))
    folders: dict[str, Path] = {}
    for mode in ("mean", "cls", "max"):
        folders[mode] = root / mode
        pooling = parts.Pooling(32, pooling_mode=mode)
        SentenceTransformer(modules=[body, pooling]).save(str(folders[mode]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTENTKG_CACHE_DIR", str(root / "cache"))
        yield folders


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_a_model_in_a_folder_is_converted(tiny: dict[str, Path], mode: str):
    embedder = load_embedder(tiny[mode])
    assert isinstance(embedder, OpenVinoEmbedder)
    expected = ReferenceEmbedder(embedder.description).encode(TEXTS)
    assert np.sum(embedder.encode(TEXTS) * expected, axis=1).mean() >= 0.999
    assert load_embedder(embedder.name).name == embedder.name


def test_what_cannot_be_converted_runs_on_sentence_transformers(tiny: dict[str, Path]):
    embedder = load_embedder(tiny["max"])
    assert isinstance(embedder, ReferenceEmbedder)
    expected = embedder.load("cpu").encode(TEXTS)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.encode(TEXTS), expected, atol=1e-5)
    with pytest.raises(UsageError, match="it pools by max"):
        load_embedder(tiny["max"], engine="openvino")


def test_a_conversion_with_other_vectors_is_refused(tiny: dict[str, Path]):
    # As if the reader of the model's settings had misunderstood how it pools.
    right = load_embedder(tiny["cls"]).description  # type: ignore[attr-defined]
    wrong = replace(right, pooling="mean", fingerprint="0" * 12)
    with pytest.raises(UsageError, match="gives other vectors"):
        OpenVinoEmbedder(wrong, fall_back=False).encode(["keep warm"])
    found = OpenVinoEmbedder(wrong).encode(TEXTS)
    np.testing.assert_allclose(found, ReferenceEmbedder(right).encode(TEXTS), atol=1e-5)


def test_other_weights_have_another_name(tiny: dict[str, Path], tmp_path: Path):
    folder = shutil.copytree(tiny["mean"], tmp_path / "model")
    before = load_embedder(folder).name
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert load_embedder(folder).name != before
    with pytest.raises(CorruptError, match="other weights"):
        load_embedder(before)


def test_a_damaged_cache_is_made_anew(
    tiny: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INTENTKG_CACHE_DIR", str(tmp_path))
    expected = load_embedder(tiny["mean"]).encode(TEXTS)
    (kept,) = (tmp_path / "models").iterdir()
    weights = kept / "model.bin"
    good = weights.read_bytes()
    weights.write_bytes(good[: len(good) // 2])
    np.testing.assert_array_equal(load_embedder(tiny["mean"]).encode(TEXTS), expected)
    assert weights.read_bytes() == good
    (kept / "sha256.json").write_text("{", encoding="utf-8")
    np.testing.assert_array_equal(load_embedder(tiny["mean"]).encode(TEXTS), expected)
    assert json.loads((kept / "sha256.json").read_text(encoding="utf-8"))
    assert [path.name for path in (tmp_path / "models").iterdir()] == [kept.name]


def test_where_nothing_can_be_kept_the_model_still_runs(
    tiny: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("INTENTKG_CACHE_DIR", str(tmp_path / "file"))
    assert load_embedder(tiny["mean"]).encode(TEXTS).shape == (len(TEXTS), 32)
