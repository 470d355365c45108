"""How long a sequence a server may promise to take."""

from catalog.models import Model


def refusal(model: Model, max_model_len: int) -> str | None:
    """What would be allowed in place of `max_model_len` tokens; None where it is right."""
    if max_model_len <= model.context_tokens:
        return None
    return f"up to {model.context_tokens}, the context of {model.name}"
