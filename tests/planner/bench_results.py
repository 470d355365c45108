"""Result files as `vllm bench serve --save-result` writes them, of an engine that is known."""

import json
from pathlib import Path

from planner.step_time import StepTime


def write_results(
    folder: Path, step_time: StepTime, *, concurrencies: tuple[int, ...] = (1, 8, 32)
) -> list[Path]:
    """Two shapes at each concurrency, as docs/how-to/plan-capacity.md measures."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for prompt, output in ((1024, 256), (2048, 64)):
        for concurrency in concurrencies:
            path = folder / f"{prompt}-{output}-{concurrency}.json"
            path.write_text(json.dumps(_result(step_time, prompt, output, concurrency)))
            paths.append(path)
    return paths


def _result(step_time: StepTime, prompt: int, output: int, concurrency: int) -> dict[str, object]:
    """The fixed point of a steady state: steps are as long as what is in them makes them."""
    ttft_s = step_time.seconds(sequences=0, prefill_tokens=prompt)
    token_s = step_time.seconds(sequences=concurrency)
    for _ in range(200):
        requests_per_s = concurrency / (ttft_s + (output - 1) * token_s)
        batch = requests_per_s * (output - 1) * token_s
        token_s = (
            step_time.base_s
            + step_time.per_sequence_s * batch
            + step_time.per_prefill_token_s * requests_per_s * prompt * token_s
        )
    completed = 400
    return {
        "duration": completed / requests_per_s,
        "completed": completed,
        "failed": 0,
        "total_input_tokens": completed * prompt,
        "total_output_tokens": completed * output,
        "mean_ttft_ms": ttft_s * 1000,
        "mean_tpot_ms": token_s * 1000,
        "request_rate": "inf",
        "max_concurrency": concurrency,
    }
