"""datatrove's inference runner on an endpoint, with checkpoints; see the package's docstring."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger


async def _ask(document: Any, generate: Any) -> Any:
    return await generate({"messages": [{"role": "user", "content": document.text}]})


def main() -> None:
    """Run it and print what it took."""
    base_url, prompts, folder, concurrency = sys.argv[1:]
    texts = Path(prompts).read_text(encoding="utf-8").splitlines()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    config = InferenceConfig(
        server_type="endpoint",
        endpoint_url=base_url.removesuffix("/v1"),
        model_name_or_path="stub",
        default_generation_params={"temperature": 0.2, "max_tokens": 64},
        max_concurrent_generations=int(concurrency),
    )
    writer = JsonlWriter(
        f"{folder}/out", output_filename="${rank}_chunk_${chunk_index}.jsonl", compression=None
    )
    runner = InferenceRunner(_ask, config, writer, checkpoints_local_dir=f"{folder}/checkpoints")
    documents = (Document(text=text, id=str(number)) for number, text in enumerate(texts))
    began = time.perf_counter()
    runner.run(documents)
    seconds = time.perf_counter() - began
    replies = set()
    for file in Path(folder, "out").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            replies.add(json.loads(line)["metadata"]["rollout_results"][0]["text"])
    print(json.dumps({"seconds": seconds, "replies": len(replies)}))


if __name__ == "__main__":
    main()
