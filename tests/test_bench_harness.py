"""The harness of the downstream benchmarks: configuration, resuming, training, comparing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import orjson
import pytest
import torch

from benchmarks.downstream.harness import Report, Run, Table, load
from benchmarks.downstream.harness.backbones import load_backbone
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
