"""The critic's network on OpenVINO, put together from its tensors: no conversion, no PyTorch graph.

A BERT encoder of a few layers reads head and tail together (a cross-encoder); a small perceptron
turns the first token and the mean of all tokens into two logits, plausibility and typicality.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

type Tensor = npt.NDArray[Any]
type Tensors = Mapping[str, Tensor]

INPUTS = ("input_ids", "token_type_ids", "attention_mask")
_EPSILON = 1e-12


def build(tensors: Tensors, words: Tensor, *, heads: int) -> Any:
    """Put the network together.

    Parameters
    ----------
    tensors
        ``embeddings.*``, ``layer.N.*`` and ``score.*``, named as in Hugging Face's BERT.
    words
        The encoder's word embeddings, shape (vocabulary, width).
    heads
        Number of attention heads.

    Returns
    -------
    openvino.Model
        Inputs of shape (batch, tokens), int64; output (batch, 2), float32 logits.
    """
    return _Builder(tensors, heads).model(words)


class _Builder:
    def __init__(self, tensors: Tensors, heads: int) -> None:
        self.ov = openvino()
        self.ops = self.ov.opset13
        self.tensors = tensors
        self.heads = heads

    def model(self, words: Tensor) -> Any:
        ops, shape = self.ops, self.ov.PartialShape([-1, -1])
        ids, types, mask = (ops.parameter(shape, np.int64, name=name) for name in INPUTS)
        seen = ops.convert(mask, "f32")
        x = self.embed(ids, types, words)
        # What is padding must not be attended to.
        bias = ops.multiply(ops.subtract(seen, self.number(1.0)), self.number(1e4))
        bias = ops.unsqueeze(bias, self.axes(1, 2))
        layers = 1 + max(int(k.split(".")[1]) for k in self.tensors if k.startswith("layer."))
        for number in range(layers):
            x = self.layer(x, bias, f"layer.{number}")
        logits = self.score(x, ops.unsqueeze(seen, self.axes(2)))
        model = self.ov.Model([logits], [ids, types, mask], "critic")
        for port, name in zip(model.inputs, INPUTS, strict=True):
            port.get_tensor().set_names({name})
        return model

    def embed(self, ids: Any, types: Any, words: Tensor) -> Any:
        ops, axis = self.ops, self.axes(0)
        x = ops.convert(ops.gather(ops.constant(words.astype(np.float16)), ids, axis), "f32")
        kind = ops.gather(self.constant("embeddings.token_type"), types, axis)
        # Positions count up along the tokens.
        tokens = ops.gather(ops.shape_of(ids), self.axes(1), axis)
        upto = ops.squeeze(tokens, axis)
        steps = ops.range(ops.constant(np.int64(0)), upto, ops.constant(np.int64(1)), "i64")
        place = ops.gather(self.constant("embeddings.position"), steps, axis)
        return self.normal(ops.add(ops.add(x, kind), place), "embeddings.norm")

    def layer(self, x: Any, bias: Any, name: str) -> Any:
        ops = self.ops
        query, key, value = (self.split(self.linear(x, f"{name}.{part}")) for part in "qkv")
        seen = ops.scaled_dot_product_attention(query, key, value, bias)
        joined = ops.reshape(
            ops.transpose(seen, self.axes(0, 2, 1, 3)), self.axes(0, 0, -1), special_zero=True
        )
        x = self.normal(ops.add(x, self.linear(joined, f"{name}.out")), f"{name}.norm1")
        inner = ops.gelu(self.linear(x, f"{name}.up"), "erf")
        return self.normal(ops.add(x, self.linear(inner, f"{name}.down")), f"{name}.norm2")

    def score(self, x: Any, seen: Any) -> Any:
        ops, axis = self.ops, self.axes(1)
        first = ops.squeeze(ops.gather(x, self.axes(0), axis), axis)
        total = ops.reduce_sum(ops.multiply(x, seen), axis)
        mean = ops.divide(total, ops.reduce_sum(seen, axis))
        inner = ops.gelu(self.linear(ops.concat([first, mean], 1), "score.inner"), "erf")
        return self.linear(inner, "score.outer")

    def split(self, x: Any) -> Any:
        """Go from (batch, tokens, width) to (batch, heads, tokens, width of a head)."""
        wide = self.ops.reshape(x, self.axes(0, 0, self.heads, -1), special_zero=True)
        return self.ops.transpose(wide, self.axes(0, 2, 1, 3))

    def linear(self, x: Any, name: str) -> Any:
        product = self.ops.matmul(x, self.constant(f"{name}.weight"), False, True)
        return self.ops.add(product, self.constant(f"{name}.bias"))

    def normal(self, x: Any, name: str) -> Any:
        flat = self.ops.mvn(x, self.axes(-1), True, _EPSILON, "inside_sqrt")
        scaled = self.ops.multiply(flat, self.constant(f"{name}.weight"))
        return self.ops.add(scaled, self.constant(f"{name}.bias"))

    def constant(self, name: str) -> Any:
        return self.ops.constant(self.tensors[name].astype(np.float32))

    def number(self, value: float) -> Any:
        return self.ops.constant(np.float32(value))

    def axes(self, *values: int) -> Any:
        return self.ops.constant(np.array(values, dtype=np.int64))


def openvino() -> Any:
    """Import OpenVINO without its telemetry, which would otherwise report every import."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    before = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
        import openvino.opset13
    finally:
        if before is None:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = before
    return openvino
