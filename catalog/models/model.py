"""The shape of a decoder-only transformer, as far as memory and parallelism depend on it."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Count = Annotated[int, Field(ge=1)]

SIXTEEN_BITS = 2.0
"""Bytes of a bfloat16 or float16 parameter."""


class Quantization(BaseModel):
    """How the weight matrices of attention and experts are stored; embeddings keep 16 bits."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: str
    """As config.json names it: awq, gptq, ..."""
    bits: Literal[4, 8]
    """Bits of one weight."""
    group_size: Count | None
    """Weights that share one 16-bit scale and one zero point; None for those of a whole column,
    whose scales are too few to count."""

    @property
    def bytes_per_parameter(self) -> float:
        weight = self.bits / 8
        if self.group_size is None:
            return weight
        zero_point = self.bits / 8
        return weight + (SIXTEEN_BITS + zero_point) / self.group_size


class Model(BaseModel):
    """One model; each figure is read from its config.json.

    `intermediate_size` is one expert's hidden width; every layer has `experts` of them and
    routes a token to `experts_per_token`. A dense model has one, which works on every token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    """Hugging Face id."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Commit of the repository whose config.json the figures are from; None where no source
    gives one. A stack pins the commit that it serves in its own file."""
    architecture: str
    """Class that vLLM serves it with."""
    gated: bool = False
    """Whether Hugging Face wants a token of somebody who accepted the licence."""
    layers: Count
    """Decoder layers."""
    hidden_size: Count
    """Width of the residual stream."""
    intermediate_size: Count
    """Hidden width of one expert."""
    experts: Count = 1
    """Routed experts of a layer."""
    experts_per_token: Count = 1
    """Routed experts that work on one token."""
    shared_intermediate_size: Annotated[int, Field(ge=0)] = 0
    """Hidden width of the experts that work on every token, together; 0 for none."""
    attention_heads: Count
    """Query heads."""
    kv_heads: Count
    """Key and value heads."""
    head_dim: Count
    """Width of one head."""
    vocabulary: Count
    """Tokens of the vocabulary."""
    context_tokens: Count
    """Longest sequence that the model was trained for."""
    tied_embeddings: bool = False
    """Whether the output embedding is the input embedding."""
    quantization: Quantization | None = None
    """None for weights of 16 bits."""

    @model_validator(mode="after")
    def _experts_of_a_token_exist(self) -> Self:
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token {self.experts_per_token} is not allowed;"
                f" allowed: up to experts {self.experts}"
            )
        return self

    @property
    def is_moe(self) -> bool:
        return self.experts > 1

    @property
    def bytes_per_parameter(self) -> float:
        """Of the weight matrices in the layers."""
        return self.quantization.bytes_per_parameter if self.quantization else SIXTEEN_BITS

    @property
    def expert_parameters(self) -> int:
        """Gate, up and down projections of one SwiGLU expert in one layer."""
        return 3 * self.hidden_size * self.intermediate_size

    @property
    def shared_expert_parameters(self) -> int:
        return 3 * self.hidden_size * self.shared_intermediate_size

    @property
    def query_parameters(self) -> int:
        """Query and output projections of one layer."""
        return 2 * self.hidden_size * self.attention_heads * self.head_dim

    def kv_parameters(self, kv_heads: int | None = None) -> int:
        """Key and value projections of one layer, of `kv_heads` heads or of all."""
        heads = self.kv_heads if kv_heads is None else kv_heads
        return 2 * self.hidden_size * heads * self.head_dim

    @property
    def router_parameters(self) -> int:
        return self.experts * self.hidden_size if self.is_moe else 0

    @property
    def embedding_parameters(self) -> int:
        """One of the two embeddings, input or output."""
        return self.vocabulary * self.hidden_size

    @property
    def parameters(self) -> int:
        """All parameters: every expert counts, since every expert is resident."""
        return self._parameters_with(self.experts)

    @property
    def active_parameters(self) -> int:
        """Parameters that work on one token."""
        return self._parameters_with(self.experts_per_token)

    @property
    def weights_bytes(self) -> float:
        """Size of the weights: what is downloaded, and what all GPUs hold at the least."""
        embeddings = self.embedding_parameters * (1 if self.tied_embeddings else 2)
        sixteen_bits = embeddings + self.layers * self.router_parameters
        return (
            sixteen_bits * SIXTEEN_BITS
            + (self.parameters - sixteen_bits) * self.bytes_per_parameter
        )

    def _parameters_with(self, experts: int) -> int:
        layer = (
            self.query_parameters
            + self.kv_parameters()
            + self.router_parameters
            + self.shared_expert_parameters
            + experts * self.expert_parameters
        )
        embeddings = self.embedding_parameters * (1 if self.tied_embeddings else 2)
        return self.layers * layer + embeddings
