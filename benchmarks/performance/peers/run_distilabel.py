"""distilabel's pipeline with its OpenAI model; see the package's docstring.

A batch is sent at once and awaited whole, so a batch has as many rows as may be in flight. The
cache, from which it would go on after a crash, is on and empty.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration


def main() -> None:
    """Run it and print what it took."""
    base_url, prompts, folder, concurrency = sys.argv[1:]
    texts = Path(prompts).read_text(encoding="utf-8").splitlines()
    rows = [{"instruction": text} for text in texts]
    logging.disable(logging.INFO)
    model = OpenAILLM(
        model="stub",
        base_url=base_url,
        api_key="none",
        generation_kwargs={"temperature": 0.2, "max_new_tokens": 64},
    )
    size = int(concurrency)
    began = time.perf_counter()
    with Pipeline("peer", cache_dir=Path(folder) / "cache") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=size)
        load >> TextGeneration(llm=model, input_batch_size=size)
    answered = pipeline.run(use_cache=True)
    replies = set(answered["default"]["train"]["generation"])
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "replies": len(replies)}))


if __name__ == "__main__":
    main()
