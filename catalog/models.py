"""Mixture-of-Experts models: the shapes that decide memory.

Each figure is read from the model's config.json; the parameter counts that
follow from them match the published ones (46.7B, 140.6B, 132B), which a test
holds. DBRX: several test configs carry ffn_hidden_size 3584; only 10752, the
value of the released model, gives 132B.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class MoeModel:
    """The shape of one decoder-only MoE transformer.

    `intermediate_size` is one expert's hidden width; every layer has
    `experts` of them and routes a token to `experts_per_token`.
    """

    name: str
    layers: int
    hidden_size: int
    intermediate_size: int
    experts: int
    experts_per_token: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context_tokens: int

    @property
    def _expert_parameters(self) -> int:
        # gate, up and down projections of a SwiGLU expert
        return 3 * self.hidden_size * self.intermediate_size

    @property
    def _shared_parameters(self) -> int:
        query_and_output = 2 * self.hidden_size * self.attention_heads * self.head_dim
        key_and_value = 2 * self.hidden_size * self.kv_heads * self.head_dim
        router = self.experts * self.hidden_size
        embeddings = 2 * self.vocabulary * self.hidden_size
        return self.layers * (query_and_output + key_and_value + router) + embeddings

    @property
    def parameters(self) -> int:
        """All parameters: every expert counts, since every expert is resident."""
        return self._shared_parameters + self.layers * self.experts * self._expert_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters that work on one token."""
        active = self.layers * self.experts_per_token * self._expert_parameters
        return self._shared_parameters + active


MIXTRAL_8X7B = MoeModel(
    name="mistralai/Mixtral-8x7B-Instruct-v0.1",
    layers=32,
    hidden_size=4096,
    intermediate_size=14336,
    experts=8,
    experts_per_token=2,
    attention_heads=32,
    kv_heads=8,
    head_dim=128,
    vocabulary=32000,
    context_tokens=32768,
)

MIXTRAL_8X22B = MoeModel(
    name="mistralai/Mixtral-8x22B-Instruct-v0.1",
    layers=56,
    hidden_size=6144,
    intermediate_size=16384,
    experts=8,
    experts_per_token=2,
    attention_heads=48,
    kv_heads=8,
    head_dim=128,
    vocabulary=32768,
    context_tokens=65536,
)

DBRX = MoeModel(
    name="databricks/dbrx-instruct",
    layers=40,
    hidden_size=6144,
    intermediate_size=10752,
    experts=16,
    experts_per_token=4,
    attention_heads=48,
    kv_heads=8,
    head_dim=128,
    vocabulary=100352,
    context_tokens=32768,
)

MODELS = MappingProxyType({m.name: m for m in (MIXTRAL_8X7B, MIXTRAL_8X22B, DBRX)})


def model(name: str) -> MoeModel:
    """The catalogue entry of `name`; a ValueError names the models that exist."""
    try:
        return MODELS[name]
    except KeyError:
        raise ValueError(f"unknown model {name!r}; allowed: {', '.join(MODELS)}") from None
