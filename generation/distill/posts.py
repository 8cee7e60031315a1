"""The rows of a post: its key points, and its intentions as MIKO asks for them.

In the form ``pipeline`` a row is one request of `generation.miko`, word for word, so that the
student answers what ``intentkg generate`` asks. In the form ``paper`` a post is one conversation
(MIKO, arXiv 2402.18169, section 5.3): it opens with the post, what its picture shows and its key
points; then each aspect is asked for in turn, and every answer is the assistant's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generation.distill.chosen import Tail
from generation.distill.known import KEY_POINTS
from generation.distill.rows import Row, fields_reply, row, tail_reply, tails_reply
from generation.heads import PostHead
from generation.miko import Miko, MikoOptions
from generation.prompt import Prompt, as_data
from generation.tails import Told, clean_tail
from schema.relations import SOCIAL, Family

type Fields = Mapping[str, str | None]


class PostRows:
    """Writes the rows of posts.

    Parameters
    ----------
    options
        How the pipeline is set up that the student will answer.
    paper
        The form of the paper.
    """

    family = Family.SOCIAL

    def __init__(self, options: MikoOptions, *, paper: bool = False) -> None:
        self._options = options
        self._paper = paper
        self._pipelines: dict[tuple[str, ...], Miko] = {}
        self._miko = self._asking(())
        self._as_json = options.structured and not paper

    def rows(
        self, head: PostHead, tails: Sequence[Tail], known: Mapping[str, str], left: Counter[str]
    ) -> Iterator[Row]:
        """Yield the rows of a post.

        Parameters
        ----------
        known
            What `generation.distill.known` knows of it.
        left
            Counts tails that the pipeline itself would not keep, by reason.
        """
        if not as_data(head.text) and not known.get("image_description"):
            left["post with neither text nor a description of its picture"] += len(tails)
            return
        description = known.get("image_description")
        fields = self._miko.fields(head, [description] if description else [])
        if any(known.get(name) for name in KEY_POINTS):
            if not self._paper:
                answer = fields_reply(_key_points(known), as_json=self._as_json)
                yield row(head.id, "key_information", (), self._miko.key_request(fields), answer)
            fields |= {name: known.get(name) for name in KEY_POINTS}
        together = self._options.together and not self._paper
        prompt = self._miko.prompts["miko/intentions" if together else "miko/intention"]
        kept = self._kept(tails, prompt, (head.text, description or ""), left)
        if self._paper:
            yield from self._conversation(head, fields, kept)
        elif together:
            yield from self._together(head, fields, kept)
        else:
            for tail in kept:
                request = self._miko.single_request(fields, tail.relation)
                answer = tail_reply(tail.text, as_json=self._as_json)
                yield row(head.id, "intentions", (tail.relation.name,), request, answer)

    def _kept(
        self, tails: Sequence[Tail], prompt: Prompt, texts: Sequence[str], left: Counter[str]
    ) -> list[Tail]:
        """Give the tails that can be kept, cleaned, in the order of the registry."""
        told = Told.of(prompt.words, texts)
        return sorted(kept_tails(tails, told, self._miko, left), key=_place)

    def _together(self, head: PostHead, fields: Fields, tails: Sequence[Tail]) -> Iterator[Row]:
        """Ask for all relations that have a tail; for second tails once more."""
        rounds: list[dict[str, str]] = []
        for tail in tails:
            name = tail.relation.name
            fresh = next((one for one in rounds if name not in one), None)
            if fresh is None:
                rounds.append(fresh := {})
            fresh[name] = tail.text
        for answers in rounds:
            request = self._asking(tuple(answers)).together_request(fields)
            answer = tails_reply(answers, as_json=self._as_json)
            yield row(head.id, "intentions", tuple(answers), request, answer)

    def _conversation(self, head: PostHead, fields: Fields, tails: Sequence[Tail]) -> Iterator[Row]:
        if not tails:
            return
        first = self._miko.single_request(fields, tails[0].relation)
        opening = row(head.id, "intentions", (), first, tails[0].text)
        turns = list(opening.turns)
        prompt = self._miko.prompts["miko/intention"]
        for tail in tails[1:]:
            # Without the post, the prompt is only its last block.
            asked = {"phrase": tail.relation.phrase, "hint": prompt.hints.get(tail.relation.name)}
            turns.append((prompt.messages(asked)[-1]["content"], tail.text))
        names = tuple(tail.relation.name for tail in tails)
        yield Row(head.id, "intentions", names, opening.system, tuple(turns))

    def _asking(self, relations: tuple[str, ...]) -> Miko:
        """Give the pipeline that asks for these relations only; for none of them: for all."""
        if relations not in self._pipelines:
            told: dict[str, Any] = {
                name: getattr(self._options, name) for name in MikoOptions.__dataclass_fields__
            }
            told["relations"] = relations or None
            if self._paper:
                told["structured"] = False
            self._pipelines[relations] = Miko(MikoOptions(**told))
        return self._pipelines[relations]


def kept_tails(
    tails: Sequence[Tail], told: Told, pipeline: Any, left: Counter[str]
) -> Iterator[Tail]:
    """Yield tails as the pipeline would keep them, each once; count the others by reason."""
    seen = set()
    for tail in tails:
        text, reason = clean_tail(tail.text, tail.relation, told=told)
        if reason is None and (tail.relation.name, text) in seen:
            reason = "duplicate"
        if reason is not None:
            left[f"{pipeline.name} would not keep it: {reason}"] += 1
            continue
        seen.add((tail.relation.name, text))
        yield Tail(tail.relation, text)


def _key_points(known: Mapping[str, str]) -> dict[str, Any]:
    words = [word.strip() for word in known.get("keywords", "").split(",")]
    told: dict[str, Any] = {name: known.get(name, "") for name in KEY_POINTS[:-1]}
    return {**told, "keywords": [word for word in words if word]}


def _place(tail: Tail) -> int:
    return SOCIAL.index(tail.relation)
