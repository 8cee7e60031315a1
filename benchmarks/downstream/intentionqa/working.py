"""The benchmark's parts, each done once: what is chosen on bundles, and what each step answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Run
from benchmarks.downstream.harness.training import Schedule
from benchmarks.downstream.intentionqa import mapping
from benchmarks.downstream.intentionqa.answering import ask
from benchmarks.downstream.intentionqa.bundles import Bundle, make_questions, read_bundles
from benchmarks.downstream.intentionqa.mapping import Mapping as Mapped
from benchmarks.downstream.intentionqa.mapping import identity
from benchmarks.downstream.intentionqa.others import held_places, judged
from benchmarks.downstream.intentionqa.questions import (
    FILES,
    Questions,
    Task,
    level,
    read_questions,
)
from benchmarks.downstream.intentionqa.scoring import (
    READINGS,
    Blend,
    Head,
    Scorer,
    bundle_heads,
    letters,
    made_accuracy,
    score,
)
from benchmarks.downstream.intentionqa.steps import FROZEN, Tried, kept, scorers_of, word_weight
from benchmarks.downstream.intentionqa.titles import cut
from benchmarks.downstream.intentionqa.vectors import Vectors
from generation.backends import open_backend

if TYPE_CHECKING:
    from benchmarks.downstream.intentionqa import Config


type Letters = dict[str, list[str]]
"""Answers by file."""

type Scores = dict[str, list[list[float]]]
"""Each option's score, by file and question."""

TASKS: tuple[Task, ...] = ("understanding", "utilization")
_DRAWS = 3  # questions made of each held bundle


class Work:
    """Data, vectors and parts of one run.

    Parameters
    ----------
    config
        The benchmark's settings.
    run
        Where data and results lie.
    """

    def __init__(self, config: Config, run: Run) -> None:
        self.config = config
        self.run = run
        self.files: Mapping[str, Questions] = {
            name: _part(read_questions(run.data("intentionqa", file), task), config.questions)
            for name, (task, file) in FILES.items()
        }

    @cached_property
    def vectors(self) -> Vectors:
        """MiniLM's."""
        return Vectors(folder=self.run.place("vectors"))

    @cached_property
    def bundles(self) -> tuple[list[Bundle], list[Bundle]]:
        """Bundles to learn from, and those to choose by; none has a product of a question."""
        asked = frozenset[str]().union(*(file.keys for file in self.files.values()))
        found = read_bundles(self.run.data("bundle_intent"), without=asked)
        random.Random(f"bundles/{self.config.seed}").shuffle(found)
        found = found[: self.config.bundles or None]
        held = max(1, round(len(found) * self.config.held))
        return found[held:], found[:held]

    def choose(self, found: Mapped = identity) -> dict[str, Any]:
        """Try readings and temperatures on questions made of held bundles."""
        made = self._made()
        accuracy = {
            task: {
                f"{reading}/{temperature}": made_accuracy(
                    Blend([Scorer(reading, "pmi", temperature, found)]), made, task, self.vectors
                )
                for reading in READINGS
                for temperature in self.config.temperatures
            }
            for task in TASKS
        }
        tried = {"accuracy": accuracy, "bundles": len(self.bundles[1])}
        words = {
            task: {
                str(weight): made_accuracy(
                    Blend(scorers_of(settings, found), weight), made, task, self.vectors
                )
                for weight in self.config.words
            }
            for task in TASKS
            for settings in [kept(tried)[task]]
        }
        return {**tried, "words": words}

    def frozen(self, tried: Tried) -> dict[str, Letters]:
        """Answer by the steps that learn nothing."""
        found = {}
        for step in FROZEN:
            scores = self._scores(step.blends(tried), bundled=step.bundled, short=step.cut)
            found[step.name] = {
                name: letters(file.questions, scores[name]) for name, file in self.files.items()
            }
        return found

    def mapped(self, tried: Tried, seed: int, folder: Path, *, shuffled: bool) -> dict[str, Any]:
        """Learn a map, choose settings for it, and score with it against both pools."""
        config, made, before = self.config, self._made(), kept(tried)
        schedule = Schedule(config.epochs, config.patience, config.batch, config.rate, decay=0.0)
        change = mapping.learn(
            self.bundles[0],
            self.vectors,
            mapping.Lesson(config.contrast, config.nearness, schedule),
            lambda found: (
                sum(
                    made_accuracy(Blend(scorers_of(before[task], found)), made, task, self.vectors)
                    for task in TASKS
                )
                / len(TASKS)
            ),
            seed=seed,
            folder=folder,
            shuffled=shuffled,
            progress=self.run.progress,
        )
        found = mapping.applied(change)
        anew = self.choose(found)
        blends = {
            task: Blend(scorers_of(settings, found), word_weight(anew, task))
            for task, settings in kept(anew).items()
        }
        return {
            "tried": anew,
            "questions": self._scores(blends, bundled=False),
            "bundles": self._scores(blends, bundled=True),
        }

    def by_words(self) -> Letters:
        """Answer by the words that question and option share (tf-idf)."""
        found = self._scores(dict.fromkeys(TASKS, Blend((), 1.0)), bundled=False)
        return {name: letters(file.questions, found[name]) for name, file in self.files.items()}

    def critic(self) -> dict[str, Any]:
        """Let the shipped critic answer understanding, on pairs that it did not learn from."""
        asked = self.files["by relation"].questions
        return {"places": (places := held_places(asked)), "letters": judged(asked, places)}

    def levels(self) -> dict[str, Any]:
        """Say how hard each question is, by the cosine of its products' titles."""
        found: dict[str, Any] = {}
        for name, file in self.files.items():
            first, second = (
                self.vectors.of([question.products[end] for question in file.questions])
                for end in (0, 1)
            )
            found[name] = [level(float(cosine)) for cosine in (first * second).sum(1)]
        return found

    def ask(self, task: Task) -> dict[str, Any]:
        """Ask the backend all questions of a task, in its own file."""
        config = self.config
        options: dict[str, Any] = {}
        if config.backend == "openai":
            options = {"base_url": config.base_url or None}
        elif config.backend in ("transformers", "vllm"):
            options = {"model": config.model}
        answers = ask(
            self.files[task].questions,
            open_backend(config.backend, **options),
            config.model,
            self.run.place("replies.sqlite"),
            tokens=config.tokens,
            progress=self.run.progress,
        )
        return {"letters": list(answers.letters), "failed": answers.failed}

    def _scores(self, blends: Mapping[str, Blend], *, bundled: bool, short: bool = False) -> Scores:
        found: Scores = {}
        for name, file in self.files.items():
            task = FILES[name][0]
            pool: list[Head] | None = None
            corpus: list[str] | None = None
            if bundled:
                every = [*self.bundles[0], *self.bundles[1]]
                pool = bundle_heads(every, task)
                corpus = [text for one in every for text in (one.intent, *one.titles)]
            asked = [cut(one) for one in file.questions] if short else file.questions
            found[name] = score(blends[task], asked, self.vectors, pool=pool, corpus=corpus)
        return found

    def _made(self) -> list[Any]:
        held = self.bundles[1]
        seeds = [self.config.seed * _DRAWS + draw for draw in range(_DRAWS)]
        return [one for seed in seeds for one in make_questions(held, seed=seed)]


def _part(questions: Questions, most: int) -> Questions:
    """Take `most` questions from all over a file; 0: all."""
    asked = questions.questions
    if not most or most >= len(asked):
        return questions
    return replace(questions, questions=asked[:: -(-len(asked) // most)])
