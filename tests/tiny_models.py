"""Tiny models with random weights, saved as any model is: real loading, real templates, no sense.

They run in every engine (vLLM's CPU kernels want heads of 32 or more dimensions). What they say is
noise, but the same noise for the same weights and a temperature of zero. Their words come from the
prompts and the sample that lie in this checkout, so that prompts and noise have as many tokens as
with a real model; their context is long enough for every prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

CONTEXT = 8192  # tokens
IMAGE_TOKENS = 4  # of one picture

_ROOT = Path(__file__).resolve().parent.parent
_WORDS = 2048
_SPECIAL = ["<pad>", "<s>", "</s>", "<image>", "<|system|>", "<|user|>", "<|assistant|>"]

# Content is text, or parts of text and images, as in every vision-language model's template.
_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<image>{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def text_model(folder: Path, *, width: int = 64, layers: int = 2) -> Path:
    """A language model, of some 300,000 parameters unless it is made wider or deeper."""
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = _llama(len(tokenizer), width, layers)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def vision_model(folder: Path) -> Path:
    """A LLaVA of the same size with a vision tower of two layers."""
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        projection_dim=64,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=_llama(len(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-2,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    _name_as_published(folder / "model.safetensors")
    images = CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=_TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def _name_as_published(path: Path) -> None:
    """Give the vision tower's weights their names in LLaVA's published files.

    Transformers reads these too, but writes shorter ones, which vLLM does not know.
    """
    weights = {
        re.sub(r"^vision_tower\.(?!vision_model\.)", "vision_tower.vision_model.", name): values
        for name, values in load_file(path).items()
    }
    save_file(weights, path, {"format": "pt"})


def _llama(vocabulary: int, width: int = 64, layers: int = 2) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=CONTEXT,
        initializer_range=0.4,  # so that what is said depends on the whole prompt
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )


def _texts() -> Iterator[str]:
    """What the tokenizer learns its words from."""
    sample = _ROOT / "intentkg" / "sample"
    prompts = sorted((_ROOT / "generation" / "prompts").rglob("*.toml"))
    for path in (*prompts, sample / "posts.jsonl", sample / "products.jsonl"):
        yield from path.read_text(encoding="utf-8").splitlines()


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_WORDS,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=_SPECIAL[3:],
        chat_template=_TEMPLATE,
        model_max_length=CONTEXT,
    )
