"""A-MESS's modules: shapes, gradients, and the same as written out example by example."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from benchmarks.downstream.amess import naive, synthetic
from benchmarks.downstream.amess.alignment import CTCAlignment
from benchmarks.downstream.amess.ame import AnchorEmbedding, PlainSum
from benchmarks.downstream.amess.anchors import choose, reliability
from benchmarks.downstream.amess.arms import ARMS, build
from benchmarks.downstream.amess.features import Layout, convert, padded, read_pickle
from benchmarks.downstream.amess.model import Batch, Sizes
from benchmarks.downstream.amess.synchronisation import describe, triplet_contrastive
from kg.embed import load_embedder
from schema.errors import InputError, UnsuitableFileError, UsageError


class Malicious:
    """Makes a file when it is unpickled by somebody trusting."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return (Path.touch, (self.place,))


def write(file: Path, content: Any, protocol: int = 4) -> Path:
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    return file


@pytest.mark.parametrize("protocol", range(6))
def test_a_published_pickle_becomes_padded_arrays(tmp_path: Path, protocol: int) -> None:
    frames = np.arange(6, dtype=np.float32).reshape(3, 1, 2)
    file = write(tmp_path / "video_feats.pkl", {"dia0_utt3": frames, "b": frames[:1]}, protocol)
    values, lengths = padded(file, ["b", "dia0_utt3"], 2, 2)
    assert values.tolist() == [[[0, 1], [0, 0]], [[0, 1], [2, 3]]]  # padded behind, cut at 2
    assert lengths.tolist() == [1, 2]
    assert file.with_suffix(".safetensors").exists()


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<i8", ">i2", "u1"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numbers_of_every_kind_are_read(tmp_path: Path, kind: str, protocol: int) -> None:
    frames = np.asfortranarray(np.arange(6).reshape(3, 2)).astype(kind)
    file = tmp_path / "kinds.pkl"
    file.write_bytes(pickle.dumps({"a": frames, "b": frames[1:]}, protocol=protocol))
    found = read_pickle(file)
    assert found["a"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert found["b"].dtype == np.float32


def built(what: bytes, state: object) -> bytes:
    """A pickle that has a state set on what it pushed."""
    return b"\x80\x02" + what + pickle.dumps(state, protocol=2)[2:-1] + b"b."


ARRAY = b"cnumpy\nndarray\n"
DOUBLE = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R"


@pytest.mark.parametrize(
    ("what", "state"),
    [
        (ARRAY, {"__doc__": "set"}),
        (ARRAY, (None, {"_call": 1})),
        (b"c_codecs\nencode\n", (None, {"__defaults__": (1,)})),
        (DOUBLE, (3, "|", None, None, None, -1, -1, 63)),  # "it holds objects"
        (DOUBLE, (3, "<", None, ("x",), {"x": 1}, -1, -1, 0)),
        (DOUBLE, (3, "O", None, None, None, -1, -1, 0)),
        (b"cnumpy.core.multiarray\n_reconstruct\n" + ARRAY + b"K\x00\x85C\x01b\x87R", (1, (1,))),
    ],
)
def test_nothing_is_set_on_what_a_pickle_names(tmp_path: Path, what: bytes, state: object) -> None:
    file = tmp_path / "built.pkl"
    file.write_bytes(built(what, state))
    with pytest.raises(UnsuitableFileError, match=r"built\.pkl: (refused|no pickle)"):
        read_pickle(file)
    good = tmp_path / "good.pkl"
    good.write_bytes(pickle.dumps({"a": np.ones((2, 3), np.float64)}))
    assert read_pickle(good)["a"].shape == (2, 3)


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    file = write(tmp_path / "bad.pkl", {"a": np.zeros((1, 2)), "b": Malicious(trap)})
    with pytest.raises(UnsuitableFileError, match="refused"):
        padded(file, ["a"], 1)
    assert not trap.exists()
    assert not file.with_suffix(".safetensors").exists()
    pickle.loads(file.read_bytes())  # noqa: S301  # the trap is a real one
    assert trap.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nndarray\n((I9\ntI9\ntR.",
        b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.",
        b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.",
    ],
)
def test_odd_programs_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.pkl").write_bytes(content)
    with pytest.raises(UnsuitableFileError, match=r"odd\.pkl: (refused|no pickle)"):
        read_pickle(tmp_path / "odd.pkl")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((0, 4)), "shape"),
        (np.zeros(4), "shape"),
        (np.zeros((2, 3)), "3 wide"),
        (np.array([[1.0, np.nan, 0, 0]]), "not finite in frame 0"),
        (["a"], "not numbers"),
    ],
)
def test_bad_features_name_file_and_key(tmp_path: Path, value: Any, message: str) -> None:
    file = write(tmp_path / "f.pkl", {"ok": np.zeros((1, 4)), "S05_E16_329": value})
    with pytest.raises(InputError, match=rf"f\.pkl.*S05_E16_329.*{message}"):
        convert(file, tmp_path / "f.safetensors")


def test_a_missing_key_and_another_width(tmp_path: Path) -> None:
    file = write(tmp_path / "f.pkl", {"a": np.zeros((1, 4))})
    with pytest.raises(InputError, match=r"f\.pkl: no features .* dia7_utt1"):
        padded(file, ["a", "dia7_utt1"], 3)
    with pytest.raises(InputError, match="4 wide, not 256"):
        padded(file, ["a"], 3, 256)


def test_padding_changes_nothing_in_the_alignment() -> None:
    net = CTCAlignment(8, 5)
    frames = torch.randn(2, 12, 8)
    long = torch.cat([frames, torch.zeros(2, 6, 8)], 1)
    mask = torch.arange(18) < 12
    found = net(frames, torch.ones(2, 12, dtype=torch.bool))
    assert found.shape == (2, 5, 8)
    torch.testing.assert_close(found, net(long, mask.expand(2, -1)))


def test_the_surest_tokens_are_the_anchors() -> None:
    text = torch.eye(6).unsqueeze(0)
    words = torch.tensor([[True, True, True, True, True, False]])
    tokens = torch.full((1, 6, 6), 1.0)
    tokens[0, 3] = text[0, 1]  # like one word only
    tokens[0, 5] = text[0, 0]  # so is this, but it is padding
    scores = reliability(tokens, text, words)
    anchors, places = choose(tokens, scores, words, 2)
    assert places[0, 0] == 3
    assert anchors.shape == (1, 2, 6)
    assert 5 not in places


def test_the_module_gives_what_the_paper_says_line_by_line() -> None:
    torch.manual_seed(0)
    net = AnchorEmbedding(16, 6, 10, length=7, k=3).eval()
    text = torch.randn(2, 7, 16)
    words = torch.tensor([[True] * 7, [True] * 2 + [False] * 5])  # fewer words than anchors
    video = torch.randn(2, 9, 6), torch.arange(9).expand(2, -1) < torch.tensor([[9], [5]])
    audio = torch.randn(2, 11, 10), torch.ones(2, 11, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(
            net(text, words, video, audio),
            naive.embed(net, text, words, video, audio),
            rtol=1e-4,
            atol=1e-5,
        )


def test_synchronisation_pulls_positives() -> None:
    said = describe(["Agree", "Joke", "UNK"], load_embedder())
    assert said.shape == (3, 3, 384)
    near, far = said[0].mean(0, keepdim=True), said[1].mean(0, keepdim=True)
    label = torch.tensor([0])
    loss = triplet_contrastive(near, label, said)
    assert loss < triplet_contrastive(far, label, said)
    token = far.clone().requires_grad_()
    triplet_contrastive(token, label, said).backward()
    moved = (token - 0.5 * token.grad).detach()
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(moved, near) > cosine(far, near)
    assert triplet_contrastive(far, torch.tensor([2]), said) == 0  # out of scope: no part in it
    with pytest.raises(InputError, match="does not describe the label 'Sulk'"):
        describe(["Sulk"], load_embedder())


def test_every_label_is_described(shared_data: Path) -> None:
    labels = {
        line.split("\t")[3 if name == "mintrec2" else 4].strip()
        for name in ("mintrec", "mintrec2")
        for line in (shared_data / name / "train.tsv").read_text("utf-8").splitlines()[1:]
    }
    assert describe(sorted(labels), load_embedder()).shape == (30, 3, 384)


def tiny() -> Any:
    shape = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return BertModel(shape, add_pooling_layer=False)


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_classifies_and_learns(arm: str) -> None:
    torch.manual_seed(0)
    said = torch.randn(4, 3, 12)
    options = {"k": 3, "length": 8, "temperature": 0.7, "dimension": 5}
    net = build(arm, tiny(), Sizes(6, 10, 4), said, **options)
    beside = (torch.randn(3, 2, 5), torch.ones(3, 2, dtype=torch.bool)) if "+" in arm else None
    batch = Batch(
        torch.randint(0, 50, (3, 8)),
        torch.arange(8).expand(3, -1) < torch.tensor([[8], [5], [2]]),
        (torch.randn(3, 9, 6), torch.ones(3, 9, dtype=torch.bool)),
        (torch.randn(3, 11, 10), torch.ones(3, 11, dtype=torch.bool)),
        beside,
    )
    logits, token = net(batch)
    assert logits.shape == (3, 4)
    assert (token is None) == (arm.partition("+")[0] not in ("text-ss", "amess", "no-ame"))
    labels = torch.tensor([0, 1, 2])
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    before = net.eval().loss(batch, labels).item()
    for _ in range(8):
        optimizer.zero_grad()
        net.loss(batch, labels).backward()
        optimizer.step()
    assert net.loss(batch, labels).item() < before


def test_intentions_are_read_behind_the_words() -> None:
    from benchmarks.downstream.amess.model import AMess

    net = AMess(tiny(), Sizes(6, 10, 4), None, dimension=5).eval()
    tokens, words = torch.randint(0, 50, (2, 8)), torch.ones(2, 8, dtype=torch.bool)
    some = torch.randn(2, 3, 5)
    there, none = torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)
    plain = net(Batch(tokens, words))[0]
    assert not torch.allclose(plain, net(Batch(tokens, words, intentions=(some, there)))[0])
    torch.testing.assert_close(plain, net(Batch(tokens, words, intentions=(some, none)))[0])


def test_an_unknown_arm() -> None:
    with pytest.raises(UsageError, match="no arm 'tcl'"):
        build("tcl", tiny(), Sizes(6, 10, 4), torch.randn(4, 3, 12), k=3, length=8, temperature=1)


def test_the_ablation_has_the_shape_of_the_module() -> None:
    net = PlainSum(16, 6, 10)
    video = torch.randn(2, 9, 6), torch.ones(2, 9, dtype=torch.bool)
    audio = torch.randn(2, 11, 10), torch.ones(2, 11, dtype=torch.bool)
    found = net(torch.randn(2, 7, 16), torch.ones(2, 7, dtype=torch.bool), video, audio)
    assert found.shape == (2, 7, 16)


def test_made_frames_tell_the_label_only_where_they_are_anchors() -> None:
    made = synthetic.make(
        40, 4, Layout((50, 8), (48, 32), (64, 24)), seed=1, noise=0.0, decoys=True
    )
    means = made.video.mean(1)
    marker = (made.video[0, made.anchors[0]].sum(0) - 0) / len(made.anchors[0])
    assert np.allclose(means, means[0], atol=1e-5)  # the mean of all says nothing
    assert not np.allclose(marker, means[0])
