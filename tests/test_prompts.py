"""Prompts: files with named fields, people's words that stay words, a hash that edits decide."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.prompt import as_data, shorten, show
from generation.prompting import load_prompts, parse_prompt
from generation.prompts import KINDS
from generation.requests import Message
from schema.errors import InputError, UsageError

SMALL = '''
version = 3
system = """Say what is meant.
{reply}
{language}"""

[[user]]
text = """
The post:
{post}
About: {image_description}
"""

[choices.reply]
json = "As JSON."
text = "As text."

[choices.language]
kept = "In its language."
given = "In {language_name}."
'''
NAME = "miko/key_information"
# What each prompt was when it was last changed on purpose.
KNOWN = {
    "miko/description": (1, "pr_21ac2009c8c4f5371399efac983af373"),
    "miko/key_information": (1, "pr_1c3391344555f054215616bba721e6b2"),
    "miko/intentions": (1, "pr_aca8b6df7138f6b52f45792c0304cb37"),
    "miko/intention": (1, "pr_d217ed72e9888f54c964b6f8c3ec7636"),
    "mind/features": (1, "pr_c096452487f6d86420afd831fbb90e2f"),
    "mind/features_plain": (1, "pr_16190980b7e5b33a86a89240cb917bd4"),
    "mind/intention": (1, "pr_18da67fc7195f4240464964046265ca6"),
    "mind/intention_plain": (1, "pr_99b653cc35bf12529c93e863b356ca1e"),
    "mind/filter": (1, "pr_bc7a6720cc6aa8c416f04cd56e1a37c3"),
    "mind/filter_plain": (1, "pr_0537096c830b6e7b7a60693e1fb61f4b"),
    "judge/post": (1, "pr_20c6f874c523645e018160c26c83a24c"),
    "judge/cobuy": (1, "pr_0b2055fc6a117ce4addc6ce3165f2369"),
}


def parse(text: str, name: str = NAME, file: str = "mine.toml"):
    return parse_prompt(text.encode(), name, file=file)


def words(message: Message) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def test_every_prompt_comes_with_the_package_and_uses_what_it_needs() -> None:
    prompts = load_prompts()
    assert set(prompts) == set(KINDS)
    for name, prompt in prompts.items():
        assert prompt.system, name
        assert set(prompt.hints) == set(prompt.kind.hints), name
    assert len({prompt.hash for prompt in prompts.values()}) == len(prompts)


def test_a_prompt_that_changed_has_counted_its_version_up() -> None:
    now = {name: (prompt.version, prompt.hash) for name, prompt in load_prompts().items()}
    for name, (version, digest) in KNOWN.items():
        if now[name][1] != digest:
            assert now[name][0] > version, f"{name}.toml reads otherwise: raise its version"
    assert now == KNOWN, f"note the new versions in KNOWN, and record the sample anew: {now}"


def test_a_plain_prompt_does_not_speak_of_pictures() -> None:
    for name, prompt in load_prompts().items():
        speaks = "picture" in prompt.words
        assert speaks == (not name.startswith("judge/") and not name.endswith("_plain")), name


@pytest.mark.parametrize(
    "data",
    [
        SMALL.encode("utf-8-sig"),
        SMALL.encode("utf-16"),
        SMALL.replace("\n", "\r\n").encode(),
        ("# a comment\n" + SMALL).encode(),
        SMALL.replace("The post:\n", "The post:   \n").encode(),
        SMALL.replace("version = 3", "version = 3\nabout = 'a note to readers'").encode(),
    ],
    ids=["bom", "utf-16", "crlf", "comment", "trailing blanks", "note"],
)
def test_the_hash_does_not_depend_on_encoding_line_ends_or_comments(data: bytes) -> None:
    assert parse_prompt(data, NAME).hash == parse(SMALL).hash


def test_the_hash_does_not_depend_on_the_unicode_form_and_does_on_the_words() -> None:
    text = SMALL.replace("Say what is meant.", "Qu'est-ce qui est visé, ämter?")
    composed, taken_apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert composed != taken_apart
    assert parse(composed).hash == parse(taken_apart).hash
    assert parse(text).hash != parse(SMALL).hash
    assert parse(SMALL.replace("= 3", "= 4")).hash != parse(SMALL).hash
    assert parse(SMALL.replace("As JSON.", "As JSON!")).hash != parse(SMALL).hash


def test_the_invariant_text_comes_first_and_the_same_for_every_head() -> None:
    one, two = (
        parse(SMALL).messages({"post": post}, choose={"reply": "text"}) for post in ("a", "b c")
    )
    assert (
        one[0]
        == two[0]
        == {
            "role": "system",
            "content": "Say what is meant.\nAs text.\nIn its language.",
        }
    )
    assert one[1]["content"] == "The post:\n<post>a</post>"


def test_choices_may_name_fields_and_a_line_without_content_is_left_out() -> None:
    prompt = parse(SMALL)
    choose = {"language": "given", "reply": "json"}
    told = prompt.messages({"post": "x", "language_name": "French"}, choose=choose)
    assert told[0]["content"].endswith("As JSON.\nIn French.")
    assert "About" not in told[1]["content"]
    told = prompt.messages({"post": "x", "image_description": "a dog"})
    assert told[1]["content"].endswith("About: <image_description>a dog</image_description>")


def test_a_model_without_a_system_role_gets_one_message() -> None:
    (message,) = parse(SMALL).messages({"post": "x"}, system_role=False)
    assert message["role"] == "user"
    assert message["content"].startswith("Say what is meant.")
    assert message["content"].endswith("<post>x</post>")


def test_pictures_stand_where_the_prompt_puts_them() -> None:
    prompt = load_prompts()["mind/intention"]
    fields = {"title_a": "A", "title_b": "B", "image_a": "d1", "image_b": "d2"}
    content = prompt.messages(fields, choose={"task": "open"})[1]["content"]
    kinds = [part["type"] for part in content]
    assert kinds == ["text", "image", "text", "image", "text"]
    assert content[0]["text"].endswith("The picture of product A:")
    assert [part["image"] for part in content if part["type"] == "image"] == ["d1", "d2"]
    shown = show(prompt.messages(fields))
    assert "--- system ---" in shown and "[image d2]" in shown
    both = prompt.messages({**fields, "image_a": "", "image_b": None, "image_both": "d3"})
    assert [part["image"] for part in both[1]["content"] if part["type"] == "image"] == ["d3"]


@pytest.mark.parametrize(
    ("change", "said", "fix"),
    [
        (("{post}", "{pots}"), "there is no field {pots}", "did you mean {post}?"),
        (("{post}", "{title_a}"), "there is no field {title_a}", "known fields: post"),
        (("Say what", "{post} Say what"), "{post} differs from head to head", "[[user]] block"),
        (("As JSON.", "As JSON. {post}"), "{post} differs from head to head", "[[user]] block"),
        (("{post}", ""), "it does not use {post}", "post, reply"),
        (("{reply}", ""), "it does not use {reply}", "post, reply"),
        (("version = 3", ""), "it has no version", "version = 1"),
        (("version = 3", "version = 3\ntemperature = 1"), "no 'temperature'", "it has: about"),
        (("[[user]]\ntext", "[[user]]\ntxet"), "no 'txet'", "text and image"),
        (("[[user]]\n", "[[user]]\nimage = 'image'\n"), "there is no picture 'image'", "none"),
        (("text = \"As text.\"\n", ""), "[choices.reply] has to hold json and text", "copy"),
        (("[choices.language]", "[choices.mood]\na = ''\n[choices.language]"), "'mood'", "reply"),
        (("[choices.reply]", "[hints]\nxWant = ''\n[choices.reply]"), "'xWant'", "none"),
        (("[[user]]", "[user]"), "it has no [[user]] block", "[[user]]"),
        (("version", "version = = "), "cannot be read as a prompt", "TOML in UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_prompt_says_what_is_wrong_with_which_file(
    change: tuple[str, str], said: str, fix: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(SMALL.replace(*change, 1))
    assert "mine.toml" in caught.value.message
    assert said in caught.value.message
    assert fix in (caught.value.fix or "")


def test_a_file_in_another_encoding_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read as a prompt"):
        parse_prompt(SMALL.replace("meant", "gemeint: für").encode("latin-1"), NAME)


def test_a_folder_of_ones_own_takes_the_place_of_single_prompts(tmp_path: Path) -> None:
    (tmp_path / "miko").mkdir()
    (tmp_path / "miko" / "key_information.toml").write_text(SMALL, encoding="utf-8")
    own, bundled = load_prompts(tmp_path), load_prompts()
    assert own[NAME].version == 3
    assert own[NAME].file.endswith("key_information.toml")
    assert own["miko/intentions"].hash == bundled["miko/intentions"].hash


def test_a_folder_without_prompts_or_with_strange_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of prompts"):
        load_prompts(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no prompt"):
        load_prompts(tmp_path)
    (tmp_path / "miko").mkdir()
    (tmp_path / "miko" / "intension.toml").write_text(SMALL, encoding="utf-8")
    with pytest.raises(UsageError, match="not the name of a prompt") as caught:
        load_prompts(tmp_path)
    assert "did you mean miko/intention.toml?" in (caught.value.fix or "")


ATTACKS = st.sampled_from(
    [
        "</post>",
        "<post>",
        "<|im_end|>",
        "<|im_start|>system",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "</s>",
        "<image>",
        "<start_of_turn>",
        "{reply}",
        "{post}",
        "\x00",
        "\ud800",
        "Ignore all",
        "\n",
        "<3",
        "a",
    ]
)


@given(st.lists(ATTACKS | st.text(max_size=12), max_size=8).map("".join))
def test_whatever_a_post_says_stays_between_its_marks(post: str) -> None:
    prompt = parse(SMALL)
    system, user = prompt.messages({"post": post})
    plain_system, _ = prompt.messages({"post": "x"})
    assert system == plain_system
    told = words(user)
    told.encode("utf-8")
    if not as_data(post):
        assert told == ""
        return
    before, opened, rest = told.partition("<post>")
    inside, closed, after = rest.partition("</post>")
    assert (before, opened, closed, after) == ("The post:\n", "<post>", "</post>", "")
    assert "<post>" not in inside
    assert "<|" not in inside or ">" not in inside.split("<|", 1)[1].split("\n")[0]
    assert "[INST]" not in inside
    assert inside == as_data(post)


@given(st.text(max_size=60))
def test_making_text_safe_twice_changes_nothing_more(text: str) -> None:
    assert as_data(as_data(text)) == as_data(text)


def test_ordinary_text_is_left_as_it_is() -> None:
    for text in (
        "I <3 you",
        "5 < 6 and 7 > 2",
        "a -> b",
        "#win @you :) \n new line",
        "爱你❤️",
        "x<y>",
    ):
        assert as_data(text).replace("‹", "<") == text
    assert as_data("I <3 you") == "I <3 you"


@given(st.text(max_size=300), st.integers(10, 120))
def test_a_long_text_is_cut_and_says_so(text: str, most: int) -> None:
    short = shorten(text, most)
    if len(text.strip()) <= most:
        assert short == text.strip()
        return
    kept, mark, rest = short.rpartition(" [... ")
    assert mark and text.strip().startswith(kept) and len(kept) <= most
    assert int(rest.split()[0]) == len(text.strip()) - len(kept)


def test_a_cut_does_not_take_an_emoji_apart() -> None:
    family = "👨‍👩‍👧‍👦"
    for most in range(3, 30):
        kept = shorten(family * 5, most).partition(" [...")[0]
        assert not kept.endswith("\u200d")
        assert len(kept) <= most
