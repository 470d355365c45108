"""How many sequences and tokens a step of the engine may hold."""


def refusal(max_num_batched_tokens: int, max_num_seqs: int) -> str | None:
    """What would be allowed in place of these tokens a step; None where they are right.

    vLLM does not start with fewer than sequences (config/scheduler.py); with as many, a full
    batch leaves prompts no token of a step.
    """
    if max_num_batched_tokens > max_num_seqs:
        return None
    return f"more than max_num_seqs {max_num_seqs}: prompts get what is left of a step"
