"""bespokelabs-curator's LLM against an OpenAI-compatible server; see the package's docstring.

Its limits a minute are set so high that they never hold it back; its responses go to its working
directory, as always.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

# Brings the token encoding that curator would otherwise download.
import litellm.litellm_core_utils.default_encoding  # noqa: F401
from bespokelabs import curator

_NEVER = 1_000_000_000


def main() -> None:
    """Run it and print what it took."""
    base_url, prompts, folder, concurrency = sys.argv[1:]
    texts = Path(prompts).read_text(encoding="utf-8").splitlines()
    logging.getLogger("bespokelabs.curator").setLevel(logging.WARNING)
    began = time.perf_counter()
    model = curator.LLM(
        model_name="stub",
        backend="openai",
        generation_params={"temperature": 0.2, "max_tokens": 64},
        backend_params={
            "base_url": base_url,
            "api_key": "none",
            "max_concurrent_requests": int(concurrency),
            "max_requests_per_minute": _NEVER,
            "max_tokens_per_minute": _NEVER,
        },
    )
    response = model(texts, working_dir=folder)
    replies = set(response.dataset["response"])
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "replies": len(replies)}))


if __name__ == "__main__":
    main()
