"""Prompts: files that people read and change, turned into messages.

A prompt is a TOML file::

    version = 1
    system = '''
    What never changes comes first, so that servers can reuse their work on it.
    {reply}'''

    [[user]]                      # blocks, in order; a head's own data stands only here
    text = '''The post:
    {post}'''

    [[user]]
    image = "image"               # a picture, after the block's text if it has one

    [choices.reply]               # {reply} is one of these, as the run is set up
    json = 'Reply with JSON: {"emotion": "..."}'
    text = 'Reply with one line, "Emotion: ..."'

    [hints]                       # what each relation asks for, in a few words
    xWant = "what the user would like to happen next"

``{name}`` in braces stands for a field; braces around anything else are text. What comes from
people or from models is written as ``<post>...</post>`` wherever its field stands, and nothing in
it can close that mark or look like a model's own control words: it stays data. In the blocks a
line whose fields are all empty is left out, and a block of which nothing remains.

A prompt's hash is over what the model may read, in Unicode form C, with line ends as ``\\n``: it
does not change with a comment, an encoding or an editor.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any

from generation.prompt import FIELD, Block, Prompt
from generation.prompts import KINDS, PromptKind
from generation.requests import dumps
from schema.errors import InputError, UsageError

_KEYS = {"version", "about", "system", "user", "choices", "hints"}

type Prompts = Mapping[str, Prompt]


def load_prompts(folder: Path | str | None = None) -> Prompts:
    """Read the prompts that come with IntentKG; those in a folder take their place.

    Parameters
    ----------
    folder
        Holds some of the same files, such as ``miko/intentions.toml``.

    Raises
    ------
    InputError
        If a file is not a prompt, or names a field that does not exist.
    UsageError
        If the folder is not there, or holds a prompt that nobody asks for.
    """
    bundled = files("generation.prompts")
    found = {
        name: parse_prompt(bundled.joinpath(f"{name}.toml").read_bytes(), name) for name in KINDS
    }
    if folder is None:
        return found
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder of prompts at {folder}",
            fix="give a folder that holds, say, miko/intentions.toml",
        )
    own = sorted(folder.rglob("*.toml"))
    if not own:
        raise UsageError(
            f"{folder} holds no prompt",
            fix=f"put a file there: one of {', '.join(f'{name}.toml' for name in KINDS)}",
        )
    for path in own:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name not in KINDS:
            close = get_close_matches(name, KINDS, n=1, cutoff=0.4)
            raise UsageError(
                f"{path} is not the name of a prompt",
                fix=(f"did you mean {close[0]}.toml? " if close else "")
                + f"known are: {', '.join(KINDS)}",
            )
        found[name] = parse_prompt(path.read_bytes(), name, file=str(path))
    return found


def parse_prompt(data: bytes, name: str, *, file: str | None = None) -> Prompt:
    """Read one prompt; see the module for its form.

    Raises
    ------
    InputError
        If it is not one.
    """
    kind, file = KINDS[name], file or f"{name}.toml"
    try:
        told = tomllib.loads(_decode(data).replace("\r\n", "\n").replace("\r", "\n"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"cannot be read as a prompt: {error}", file=file, fix="write it as TOML in UTF-8"
        ) from None
    if unknown := sorted(told.keys() - _KEYS):
        raise InputError(
            f"a prompt has no {unknown[0]!r}", file=file, fix=f"it has: {', '.join(sorted(_KEYS))}"
        )
    version = told.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError("it has no version", file=file, fix="write version = 1")
    texts = _Texts(kind, file)
    blocks = tuple(texts.block(row) for row in texts.rows(told.get("user")))
    choices = texts.choices(told.get("choices", {}))
    hints = texts.hints(told.get("hints", {}))
    opening = texts.text(told.get("system", ""), "system")
    texts.check(opening, blocks, choices)
    body = {
        "name": name,
        "version": version,
        "system": opening,
        "user": [[block.text, block.image] for block in blocks],
        "choices": choices,
        "hints": hints,
    }
    digest = blake2b(dumps(body), digest_size=16, person=b"prompt").hexdigest()
    words = [opening, *(block.text for block in blocks), *hints.values()]
    words += [text for group in choices.values() for text in group.values()]
    return Prompt(
        kind, version, opening, blocks, choices, hints, f"pr_{digest}", file, "\n".join(words)
    )


def _decode(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding)
    return data.decode("utf-8-sig")


class _Texts:
    """Reads the texts of one file, and knows what they may say."""

    def __init__(self, kind: PromptKind, file: str) -> None:
        self.kind = kind
        self.file = file

    def fail(self, message: str, fix: str) -> InputError:
        return InputError(message, file=self.file, fix=fix)

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise self.fail(f"{where} is not text", f'write {where} = """..."""')
        lines = unicodedata.normalize("NFC", value).split("\n")
        return "\n".join(line.rstrip() for line in lines).strip("\n")

    def rows(self, value: Any) -> Iterable[Mapping[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self.fail("it has no [[user]] block", "write [[user]] and below it text = '...'")
        return value

    def block(self, row: Mapping[str, Any]) -> Block:
        if unknown := sorted(row.keys() - {"text", "image"}):
            raise self.fail(f"a [[user]] block has no {unknown[0]!r}", "it has text and image")
        name = self.text(row.get("image", ""), "image")
        if name and self.kind.fields.get(name) != "image":
            pictures = [field for field, kind in self.kind.fields.items() if kind == "image"]
            raise self.fail(
                f"there is no picture {name!r}",
                f"the pictures here are: {', '.join(pictures) or 'none'}",
            )
        return Block(self.text(row.get("text", ""), "text"), name)

    def choices(self, value: Any) -> dict[str, dict[str, str]]:
        wanted = self.kind.choices
        given = value if isinstance(value, dict) else {}
        found: dict[str, dict[str, str]] = {}
        for name, options in wanted.items():
            group = given.get(name)
            group = group if isinstance(group, dict) else {}
            if set(group) != set(options):
                raise self.fail(
                    f"[choices.{name}] has to hold {' and '.join(options)}, and nothing else",
                    "copy that part from the prompt that comes with IntentKG",
                )
            found[name] = {option: self.text(group[option], option) for option in options}
        if unknown := sorted(set(given) - set(wanted)):
            raise self.fail(
                f"there is no choice {unknown[0]!r}", f"the choices here are: {', '.join(wanted)}"
            )
        return found

    def hints(self, value: Any) -> dict[str, str]:
        given = value if isinstance(value, dict) else {}
        if unknown := sorted(set(given) - set(self.kind.hints)):
            raise self.fail(
                f"[hints] has {unknown[0]!r}, which is not a relation here",
                f"known are: {', '.join(self.kind.hints) or 'none'}",
            )
        return {name: self.text(given[name], name) for name in self.kind.hints if name in given}

    def check(
        self, opening: str, blocks: Sequence[Block], choices: Mapping[str, Mapping[str, str]]
    ) -> None:
        """See that every field is known, that data stands in blocks, and that nothing is missing.

        Raises
        ------
        InputError
            If not.
        """
        fields = self.kind.fields
        known = [name for name, kind in fields.items() if kind != "image"] + list(choices)
        used: set[str] = {block.image for block in blocks}
        options = [text for group in choices.values() for text in group.values()]
        outside = [(text, True) for text in (opening, *options)]
        for text, is_outside in (*outside, *((block.text, False) for block in blocks)):
            names = FIELD.findall(text)
            used.update(names)
            for name in names:
                if name not in known:
                    close = get_close_matches(name, known, n=1)
                    raise self.fail(
                        f"there is no field {{{name}}}",
                        (f"did you mean {{{close[0]}}}? " if close else "")
                        + f"known fields: {', '.join(known)}",
                    )
                if is_outside and fields.get(name) == "data":
                    raise self.fail(
                        f"{{{name}}} differs from head to head and stands outside the blocks",
                        "move it into a [[user]] block: what never changes has to come first",
                    )
        if missing := [name for name in self.kind.needed if name not in used]:
            raise self.fail(
                f"it does not use {{{missing[0]}}}",
                f"this prompt needs: {', '.join(self.kind.needed)}",
            )
