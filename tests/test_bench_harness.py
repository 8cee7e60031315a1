"""The harness of the downstream benchmarks: configuration, resuming, training, comparing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
import torch
import transformers

from benchmarks.downstream.harness import Report, Run, Table, load
from benchmarks.downstream.harness.backbones import load_backbone
from benchmarks.downstream.harness.classifying import _freeze
from benchmarks.downstream.harness.comparing import interval, paired
from benchmarks.downstream.harness.metrics import by_group, classification, gains
from benchmarks.downstream.harness.training import Schedule, fit, seeded
from schema.errors import CorruptError, InputError, UsageError


@dataclasses.dataclass(frozen=True)
class Config:
    seed: int
    rate: float
    inputs: tuple[str, ...]
    backbone: str = "minilm"
    way: Literal["tokens", "stream"] = "tokens"


DEFAULT = 'seed = 1\nrate = 1\ninputs = ["text"]\n[quick]\nrate = 0.5\n'


@pytest.fixture
def default(tmp_path: Path) -> Path:
    (tmp_path / "default.toml").write_text(DEFAULT, encoding="utf-8")
    return tmp_path / "default.toml"


def test_defaults_then_quick_then_own_then_seed(default: Path) -> None:
    own = default.with_name("own.toml")
    own.write_text('inputs = ["a", "b"]\n', encoding="utf-8")
    assert load(Config, default) == Config(1, 1.0, ("text",))
    assert load(Config, default, own=own, quick=True, seed=7) == Config(7, 0.5, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("rates = 1", "there is no setting 'rates'", "did you mean rate"),
        ("nothing_like_it = 1", "there is no setting", "its settings: seed, rate"),
        ('seed = "one"', "seed = 'one' is no int", "default.toml"),
        ("seed = true", "seed = True is no int", "default.toml"),
        ("seed = ", "is not TOML", "default.toml"),
        ('way = "both"', "way = 'both' is not known", "use one of tokens, stream"),
    ],
)
def test_a_wrong_setting(default: Path, text: str, message: str, fix: str) -> None:
    own = default.with_name("own.toml")
    own.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as raised:
        load(Config, default, own=own)
    assert fix in str(raised.value.fix)


def test_a_setting_that_nothing_gives(default: Path) -> None:
    default.write_text("seed = 1\nrate = 2\n", encoding="utf-8")
    with pytest.raises(UsageError, match="inputs is not set"):
        load(Config, default)


def test_a_cell_is_done_once(tmp_path: Path) -> None:
    config = Config(1, 1.0, ("text",))
    calls: list[Path] = []

    def work(folder: Path) -> dict[str, float]:
        assert folder.is_dir()
        calls.append(folder)
        return {"accuracy": 50.0}

    first = Run(tmp_path / "out", config).cell("text/seed-0", work)
    again = Run(tmp_path / "out", config)
    assert again.cell("text/seed-0", work) == first
    assert (len(calls), again.kept) == (1, 1)
    assert not calls[0].exists()


def test_a_cell_that_failed_is_done_again(tmp_path: Path) -> None:
    run = Run(tmp_path, Config(1, 1.0, ("text",)))

    def fails(folder: Path) -> dict[str, float]:
        (folder / "half").write_text("kept")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.cell("a", fails)
    assert run.cell("a", lambda folder: {"half": (folder / "half").read_text()})["half"] == "kept"


def test_another_configuration_is_not_mixed_in(tmp_path: Path) -> None:
    Run(tmp_path, Config(1, 1.0, ("text",)))
    with pytest.raises(UsageError, match="another configuration"):
        Run(tmp_path, Config(2, 1.0, ("text",)))


def test_a_kept_result_that_is_damaged(tmp_path: Path) -> None:
    run = Run(tmp_path, Config(1, 1.0, ("text",)))
    run.cell("a", lambda folder: {})
    (tmp_path / "cells" / "a.json").write_text("{")
    with pytest.raises(CorruptError, match=r"a\.json is not JSON"):
        run.cell("a", lambda folder: {})


def test_data_that_is_not_there(tmp_path: Path) -> None:
    run = Run(tmp_path / "out", Config(1, 1.0, ("text",)), data=tmp_path)
    with pytest.raises(InputError, match=r"mintrec.*: it is not there") as raised:
        run.data("mintrec", "train.tsv")
    assert "--data DIR" in str(raised.value.fix)


def test_files_that_changed_are_not_mixed_in(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "set").mkdir(parents=True)
        (tmp_path / place / "set" / "train.tsv").write_text("a")
    config, out = Config(1, 1.0, ("text",)), tmp_path / "out"
    Run(out, config, data=tmp_path / "one").data("set", "train.tsv")
    Run(out, config, data=tmp_path / "two").data("set")  # the same, elsewhere
    (tmp_path / "two" / "set" / "train.tsv").write_text("b")
    for asked in (("set",), ("set", "train.tsv")):
        run = Run(out, config, data=tmp_path / "two")
        with pytest.raises(UsageError, match=r"train\.tsv is not what it was when the run"):
            run.data(*asked)
    Run(tmp_path / "other", config, data=tmp_path / "two").data("set")


def test_a_file_beside_the_data_is_noted_too(tmp_path: Path) -> None:
    config, file = Config(1, 1.0, ("text",)), tmp_path / "features.pkl"
    file.write_text("a")
    Run(tmp_path / "out", config, data=tmp_path / "data").reads(file)
    file.write_text("b")
    with pytest.raises(UsageError, match=r"features\.pkl is not what it was"):
        Run(tmp_path / "out", config, data=tmp_path / "data").reads(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0\nfix: set epochs to 1 or more"),
        ({"patience": 0}, "patience is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"rate": 0.0}, "rate is 0.0"),
        ({"head_rate": -1.0}, "head_rate is -1.0"),
    ],
)
def test_a_schedule_that_cannot_be_followed(change: dict[str, float], message: str) -> None:
    settings: dict[str, Any] = {"epochs": 1, "patience": 1, "batch": 1, "rate": 0.1, **change}
    with pytest.raises(UsageError, match=message):
        Schedule(**settings)


def test_one_class_of_three() -> None:
    scores = classification([0, 1, 2, 2], [0, 2, 2, 1], positive=2)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (50.0, 50.0, 50.0)


def test_one_pair_shows_nothing() -> None:
    gap = paired([5.0], [1.0])
    assert (gap.mean, gap.p, gap.n) == (4.0, 1.0, 1)


def test_fewer_layers_than_are_to_learn() -> None:
    model = transformers.BertModel(
        transformers.BertConfig(
            hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
        )
    )
    _freeze(model, 6)
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())
    assert not any(parameter.requires_grad for parameter in model.embeddings.parameters())
    other = transformers.DistilBertModel(
        transformers.DistilBertConfig(dim=8, n_layers=1, n_heads=2, hidden_dim=8)
    )
    with pytest.raises(UsageError, match=r"a distilbert model has no layers"):
        _freeze(other, 1)


def test_a_report_as_json_and_markdown(tmp_path: Path) -> None:
    table = Table(
        "scores", "Scores", ["input", "accuracy"], [["a|b", 50.125], ["c", None]], "n = 2"
    )
    report = Report([table], ["c was not measured."], {"curve": lambda path: path.touch()})
    written = report.write(tmp_path, "a benchmark")
    assert [file.name for file in written] == ["results.json", "results.md", "curve.svg"]
    stored = orjson.loads(written[0].read_bytes())
    assert stored["tables"]["scores"]["rows"] == [["a|b", 50.125], ["c", None]]
    text = written[1].read_text(encoding="utf-8")
    assert "| a\\|b | 50.12 |\n| c | – |" in text
    assert "- c was not measured." in text


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.3)
        )
        self.head = torch.nn.Linear(16, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(rows))
        return logits


def trained(
    folder: Path, *, stop_after: int | None = None
) -> tuple[list[float], dict[str, object]]:
    """Train on what is learnable; with `stop_after` a Ctrl-C comes in the midst of an epoch."""
    seeded(3)
    rows = torch.randn(96, 8)
    labels = (rows[:, 0] > 0).long()
    net, calls = Net(), 0

    def loss(chosen: list[int]) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if stop_after is not None and calls > stop_after:
            raise KeyboardInterrupt
        return torch.nn.functional.cross_entropy(net(rows[chosen]), labels[chosen])

    def score() -> float:
        return float((net(rows).argmax(1) == labels).float().mean())

    schedule = Schedule(epochs=6, patience=6, batch=16, rate=0.01, head_rate=0.02)
    history = fit(net, 96, loss, score, schedule, seed=5, folder=folder, encoder=net.body)
    return history.losses, dict(net.state_dict())


def test_training_learns_and_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, weights = trained(tmp_path)
    (tmp_path / "cut").mkdir()
    for steps in (9, 13):  # in the second epoch, and again two epochs later
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "cut", stop_after=steps)
    losses, same = trained(tmp_path / "cut")
    assert losses == whole
    assert whole[-1] < 0.75 * whole[0]
    assert all(torch.equal(same[name], value) for name, value in weights.items())  # type: ignore[arg-type]


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    net = Net()
    rows = torch.randn(8, 8)
    scores = iter([1.0, 3.0, 2.0, 2.0, 9.0])
    history = fit(
        net,
        8,
        lambda chosen: net(rows[chosen]).sum(),
        lambda: next(scores),
        Schedule(epochs=5, patience=2, batch=4, rate=0.01),
        seed=0,
        folder=tmp_path,
    )
    assert (history.scores, history.best) == ([1.0, 3.0, 2.0, 2.0], 1)


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(CorruptError, match=r"checkpoint\.pt cannot be read"):
        trained(tmp_path)


def test_scores_of_classes() -> None:
    gold, predicted = [0, 0, 1, 2], [0, 1, 1, 1]
    found = classification(gold, predicted)
    assert found["accuracy"] == 50.0
    assert found["recall"] == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    assert found["precision"] == pytest.approx(100 * (1 + 1 / 3 + 0) / 3)


def test_scores_of_rankings() -> None:
    found = gains([1, 3, 11])
    assert found["recall"].tolist() == [100.0, 100.0, 0.0]
    assert found["ndcg"] == pytest.approx([100.0, 50.0, 0.0])
    assert by_group(found["recall"], [7, 7, 2]) == pytest.approx([0.0, 100.0])


def test_differences() -> None:
    assert interval([3.0]).half == 0.0
    noise = [0.3, -0.2, 0.1, -0.3, 0.2, -0.1] * 5
    assert not paired(noise, [0.0] * 30).significant
    clear = paired([1 + each for each in noise], [0.0] * 30)
    assert clear.significant
    assert clear.low < 1.0 < clear.high
    assert paired([1.0, 2.0], [1.0, 2.0]).p == 1.0


def test_a_backbone_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not on this machine"):
        load_backbone("nobody/has-this-model")
    with pytest.raises(UsageError, match="is not a model"):
        load_backbone(str(tmp_path))
    assert load_backbone().width == 384
