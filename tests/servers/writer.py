"""A server that writes as models do, in the form that the request asks for: no model, no chance.

``python tests/servers/writer.py [--manners JSON]`` prints its port. What it writes is a pure
function of the request, so that runs can be compared. Manners:

===========  ====================================================================================
``decline``  share of the replies that decline, in an assistant's words
``ramble``   share of the replies that have no form at all
``fence``    write JSON in a fence, behind a preface
``phrase``   repeat the relation's phrase before the tail
``say``      JSON object: a reply for requests whose text holds the key
``blind``    answer 400 to pictures, as a model without vision does
``deaf``     take no notice of a reply schema
``plain``    answer 400 to a reply schema, however it is asked for
``context``  answer 400 to more characters than that, as a short context does
``models``   names of the models it has; another name is answered 404
``key``      the key it wants
``latency``  seconds that a reply takes
===========  ====================================================================================

``GET /asked`` gives the bodies of the requests so far; ``POST /manners`` sets the manners.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import socket
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn

sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.answers import Book
from servers.faulty import Receive, Send, answer, error

_VERBS = "keep share find carry fix cook plan learn show warm clean pack draw sell grow test"
_NOUNS = "bread tents shoes lamps plants music photos bikes books gloves cables games tea maps"
_PLACES = "at home|on the train|with friends|in winter|before work|by the sea|for school"


class Writer:
    """The ASGI application."""

    def __init__(self, manners: dict[str, Any]) -> None:
        self.manners = manners
        self.asked: list[Any] = []
        self.book = Book()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raw = b""
        while True:
            event = await receive()
            raw += event.get("body", b"")
            if not event.get("more_body"):
                break
        path = scope["path"]
        if path == "/asked":
            await answer(send, 200, orjson.dumps(self.asked))
        elif path == "/book":
            await answer(send, 200, self.book.report())
        elif path == "/manners":
            self.manners, self.asked = orjson.loads(raw), []
            await answer(send, 200, b"{}")
        elif refused := self.refuse(raw, path, dict(scope["headers"])):
            await answer(send, *refused)
        elif path.endswith("/models"):
            names = self.manners.get("models", [])
            await answer(send, 200, orjson.dumps({"data": [{"id": name} for name in names]}))
        elif path.endswith("/chat/completions"):
            digest = self.book.open(raw)
            await asyncio.sleep(self.manners.get("latency", 0.001))
            status, body = self.chat(orjson.loads(raw), raw)
            self.book.paid[digest] += 1
            self.book.close()
            await answer(send, status, body)
        else:
            await answer(send, 404, orjson.dumps({"detail": "Not Found"}))

    def refuse(self, raw: bytes, path: str, headers: dict[bytes, bytes]) -> Any:
        key, models = self.manners.get("key"), self.manners.get("models")
        if key and headers.get(b"authorization") != f"Bearer {key}".encode():
            given = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
            return 401, error(f"Incorrect API key provided: {given}.", "invalid_api_key")
        name = orjson.loads(raw).get("model") if raw and path.endswith("completions") else None
        if models and name is not None and name not in models:
            return 404, error(f"The model `{name}` does not exist.", "model_not_found")
        return None

    def chat(self, body: dict[str, Any], raw: bytes) -> tuple[int, bytes]:
        self.asked.append(body)
        system, told, pictures = read(body["messages"])
        asks_form = "response_format" in body or "guided_json" in body
        if self.manners.get("plain") and asks_form:
            return 400, error("response_format is not supported by this server", "BadRequestError")
        if len(system) + len(told) > self.manners.get("context", 10**9):
            said = "This model's maximum context length is 512 tokens. Please reduce the length."
            return 400, error(said, "BadRequestError")
        if pictures and self.manners.get("blind"):
            return 400, error("This model does not support image input.", "BadRequestError")
        seed = hashlib.blake2b(raw, digest_size=16).digest()
        text = self.reply(body, system, told, seed)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        prompt = len(system + told) // 4
        usage = {"prompt_tokens": prompt, "completion_tokens": len(text) // 4 + 1}
        found = {"id": "1", "object": "chat.completion", "model": body["model"]}
        return 200, orjson.dumps({**found, "choices": [choice], "usage": usage})

    def reply(self, body: dict[str, Any], system: str, told: str, seed: bytes) -> str:
        for key, said in self.manners.get("say", {}).items():
            if key in told:
                return str(said)
        if seed[14] < 256 * self.manners.get("decline", 0):
            return "I'm sorry, but I can't help with that request."
        if seed[15] < 256 * self.manners.get("ramble", 0):
            return "{{ well"
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        if schema and not self.manners.get("deaf"):
            text = orjson.dumps(self.fill(schema, system, told, seed)).decode()
            return f"Sure, here it is:\n```json\n{text}\n```" if self.manners.get("fence") else text
        return self.in_words(system, told, seed)

    def fill(self, schema: dict[str, Any], system: str, told: str, seed: bytes) -> Any:
        found: dict[str, Any] = {}
        for name, kind in schema["properties"].items():
            mine = hashlib.blake2b(seed + name.encode(), digest_size=16).digest()
            if "enum" in kind:
                found[name] = kind["enum"][mine[0] % len(kind["enum"])]
            elif kind["type"] == "array":
                found[name] = [_NOUNS.split()[(mine[0] + i) % 14] for i in range(kind["minItems"])]
            else:
                found[name] = self.tail(name, system, told, mine)
        return found

    def tail(self, name: str, system: str, told: str, seed: bytes) -> str:
        text = words(seed)
        if not self.manners.get("phrase"):
            return text
        here = re.search(rf"^- {name}: (.+?) \.\.\.", system, re.MULTILINE)
        here = here or re.search(r'Complete: "(?:I bought both because )?(.+?) \.\.\."', told)
        return f"{here[1]} {text}" if here else text

    def in_words(self, system: str, told: str, seed: bytes) -> str:
        """Write in the papers' forms, as the system message asks."""
        if "Keywords: ..." in system:
            labels = ("Concept", "Action", "Object", "Emotion")
            lines = [f"{label}: {words(label.encode() + seed)}" for label in labels]
            return "\n".join([*lines, "Keywords: bread, lamps, tea"])
        if aspects := re.findall(r"^- (\w+): (.+?) \.\.\.", system, re.MULTILINE):
            return "\n".join(
                f"{number}. **{name}**: {phrase} {words(name.encode() + seed)}."
                for number, (name, phrase) in enumerate(aspects, 1)
            )
        if '"Yes, ..."' in system:
            return f"{'Yes' if seed[0] % 2 else 'No'}, {words(seed)} matters to me."
        if here := re.search(r'Complete: "(?:I bought both because )?(.+?) \.\.\."', told):
            return f"{here[1]} {words(seed)}"
        return f"There is a person who wants to {words(seed)}; the light is soft."


def words(seed: bytes) -> str:
    number = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "little")
    verb, noun = _VERBS.split()[number % 16], _NOUNS.split()[number // 16 % 14]
    return f"{verb} {noun} {_PLACES.split('|')[number // 224 % 7]} {number % 9973}"


def read(messages: list[dict[str, Any]]) -> tuple[str, str, int]:
    """The system's text, the user's text, and how many pictures there are."""
    system, told, pictures = "", "", 0
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        pictures += sum(part["type"] == "image_url" for part in parts)
        if message["role"] == "system":
            system += text
        else:
            told += text
    return system or told, told, pictures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--manners", default="{}")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    app = Writer(orjson.loads(options.manners))
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=300,  # else it may close a connection just as it is used again
    )
    print(listener.getsockname()[1], flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
