"""The step time of a layout: from result files, typed, or scaled from another layout."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.parallel_layout import ParallelLayout
from planner.deployment import Deployment
from planner.measurement import Point, Throughput, assumed, fitted
from planner.step_time import StepTime


@dataclass(frozen=True, slots=True)
class Measurement:
    """batch: the most sequences that one rank decoded in a measured point; None: not measured."""

    throughput: Throughput
    batch: float | None


def measured_on(paths: Sequence[Path], layout: ParallelLayout) -> Measurement:
    """The fit of result files of one engine; a ValueError names file, key and value.

    A step time is that of one data parallel rank, which gets its share of the requests. Alone, a
    request has a rank for itself.
    """
    ranks = layout.data_parallel_size
    points = [
        point if point.concurrency == 1 else replace(point, duration_s=point.duration_s * ranks)
        for point in map(Point.read, paths)
    ]
    found = fitted(points)
    folders = {str(path.parent) for path in paths}
    source = f"fit of {len(paths)} results in {', '.join(sorted(folders))}"
    return Measurement(
        replace(found, source=source), max((point.batch for point in points), default=0.0)
    )


def typed(*, step_ms: float, sequence_ms: float, prefill_tokens_per_s: float) -> Measurement:
    """Assumed values of one rank: a step, each sequence in it, and the prompts."""
    time = StepTime(step_ms / 1000, sequence_ms / 1000, 1 / prefill_tokens_per_s)
    source = (
        f"{step_ms:g} ms a step, {sequence_ms:g} ms a sequence, {prefill_tokens_per_s:,.0f} prompt"
        " tokens/s"
    )
    return Measurement(assumed(time, source), None)


def scaled(
    measurement: Measurement, *, of: ParallelLayout, to: ParallelLayout, exponent: float
) -> Measurement:
    """The step of `of` on the GPUs of `to`: (GPUs / GPUs) ** exponent as fast, and assumed.

    Only from one tensor parallel size to another: what pipeline stages, data parallel ranks
    and whole experts on a GPU do to a step has no such rule.
    """
    if not scales(of, to):
        raise ValueError(f"{of} does not scale to {to}; allowed: tensor parallel sizes alone")
    factor = (of.tensor_parallel_size / to.tensor_parallel_size) ** exponent
    found = measurement.throughput.step_time
    time = StepTime(
        found.base_s * factor,
        found.per_sequence_s * factor,
        found.per_prefill_token_s * factor,
        found.per_kv_token_s * factor,
    )
    source = f"that of {of}, scaled by the ratio of GPUs ^ {exponent:g}"
    return Measurement(assumed(time, source), measurement.batch)


def scales(of: ParallelLayout, to: ParallelLayout) -> bool:
    return all(each == ParallelLayout(each.tensor_parallel_size) for each in (of, to))


def how_to_measure(deployment: Deployment) -> str:
    """The commands of a measurement of this engine, for a shell."""
    layout = deployment.layout
    flags = [f"--tensor-parallel-size {layout.tensor_parallel_size}"]
    if layout.pipeline_parallel_size > 1:
        flags.append(f"--pipeline-parallel-size {layout.pipeline_parallel_size}")
    if layout.data_parallel_size > 1:
        flags.append(f"--data-parallel-size {layout.data_parallel_size}")
    if layout.expert_parallel:
        flags.append("--enable-expert-parallel")
    flags += [
        f"--max-model-len {deployment.max_model_len}",
        f"--gpu-memory-utilization {deployment.gpu_memory_utilization:g}",
        f"--max-num-seqs {deployment.max_num_seqs}",
        f"--max-num-batched-tokens {deployment.max_num_batched_tokens}",
        "--no-enable-prefix-caching",
    ]
    name, budget = deployment.model.name, deployment.max_num_batched_tokens
    long = min(budget, deployment.max_model_len // 2)
    return "\n".join(
        [
            f"vllm serve {name} {' '.join(flags)}",
            f'for shape in "{long // 2} 256" "{long} 64"; do',
            "  set -- $shape",
            "  for n in 1 8 32 128; do",
            f"    vllm bench serve --model {name} --base-url http://ENGINE:8000 \\",
            "      --dataset-name random --random-input-len $1 --random-output-len $2"
            " --ignore-eos \\",
            "      --max-concurrency $n --num-prompts $((n * 10 + 20)) --num-warmups 5 \\",
            "      --save-result --result-dir results --result-filename $1-$2-$n.json",
            "  done",
            "done",
        ]
    )
