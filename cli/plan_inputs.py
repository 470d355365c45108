"""The options of `moe plan`, checked and put together before anything is simulated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from catalog import instance_types, models
from catalog.cost import Purchase
from catalog.memory_fit import MAX_GPU_MEMORY_UTILIZATION, MIN_GPU_MEMORY_UTILIZATION
from catalog.parallel_layout import ParallelLayout
from cli.answer import CommandError
from cli.plan_options import Options, checked, option
from cli.plan_step_times import (
    assumed_layouts,
    measurements_of,
    named_files,
    no_step_time,
    refuse_strangers,
)
from planner.compare import Place
from planner.deployment import Deployment
from planner.lengths import Lengths
from planner.plan import PlanRequest
from planner.target import Target
from planner.throughput import Measurement
from stacks import reading
from stacks.settings import Settings
from stacks.settings.engines import VllmEngine


@dataclass(frozen=True)
class Inputs:
    """A request, and the step times of its own layout and of others."""

    request: PlanRequest
    measurements: Mapping[Place, Measurement] = field(default_factory=dict)


def inputs(options: Options) -> Inputs:
    """Raises CommandError for the first thing that is wrong, and SettingsError of the stack."""
    settings = None if options.stack is None else reading.from_file(options.stack)
    _refuse_missing(options)
    if options.assume_scaling is not None and not options.compare:
        raise CommandError("--assume-scaling goes with --compare")
    files, layouts = named_files(options), assumed_layouts(options)
    places = [place for place, _ in (*files, *layouts) if place]
    deployment = _deployment(options, settings, places)
    own = Place(deployment.instance_type.name, deployment.layout)
    measurements = measurements_of(options, files, layouts, own)
    refuse_strangers(options, measurements, deployment, own)
    if own not in measurements and not (options.compare and measurements):
        raise CommandError(no_step_time(own, deployment))
    measurement = measurements.get(own) or next(iter(measurements.values()))
    return Inputs(_request(options, settings, deployment, measurement), measurements)


def _request(
    options: Options,
    settings: Settings | None,
    deployment: Deployment,
    measurement: Measurement,
) -> PlanRequest:
    most = deployment.max_model_len
    prompt = _lengths("--prompt", options.prompt_mean, options.prompt_p99, most - 1)
    output = _lengths("--output", options.output_mean, options.output_p99, most)
    if prompt.p99 + output.p99 > most:
        raise CommandError(
            f"--prompt-p99 {prompt.p99:g} with --output-p99 {output.p99:g} is not allowed;"
            f" allowed: together up to max_model_len {most}"
        )
    target = checked(
        "--ttft-p99-s, --itl-p99-ms, --max-rejected",
        lambda: Target(
            ttft_p99_s=options.ttft_p99_s or 0.0,
            itl_p99_s=(options.itl_p99_ms or 0.0) / 1000,
            rejected_share=options.max_rejected,
        ),
    )
    purchase: Purchase = "on_demand"
    region = options.region
    if settings is not None:
        purchase = settings.gpu_node_group.capacity.kind
        region = region or settings.aws.region
    request = PlanRequest(
        deployment=deployment,
        requests_per_s=options.rps or 0.0,
        burst_factor=options.burst_factor,
        burst_s=options.burst_s,
        prompt=prompt,
        output=output,
        target=target,
        throughput=measurement.throughput,
        measured_batch=measurement.batch,
        region=region,
        purchase=purchase,
        replicas=options.replicas,
        requests=options.requests,
        seed=options.seed,
    )
    checked("--rps, --burst-factor, --burst-s", lambda: request.workload)
    return request


def _refuse_missing(options: Options) -> None:
    names = [
        "rps",
        "prompt_mean",
        "prompt_p99",
        "output_mean",
        "output_p99",
        "ttft_p99_s",
        "itl_p99_ms",
    ]
    of_stack = ["model", "max_model_len"]
    if not options.compare:
        of_stack += ["instance_type", "tensor_parallel_size"]
    missing = [name for name in names if getattr(options, name) is None]
    lacking = [name for name in of_stack if getattr(options, name) is None]
    if options.stack is not None or not (missing or lacking):
        lacking = []
    if missing or lacking:
        listed = ", ".join(option(name) for name in [*lacking, *missing])
        hint = f"; --stack says {', '.join(map(option, lacking))}" if lacking else ""
        raise CommandError(f"missing: {listed}{hint}")


def _deployment(options: Options, settings: Settings | None, places: list[Place]) -> Deployment:
    base = _of_stack(settings) if settings else _without_stack(options, places)
    if options.model is not None:
        name = options.model
        base = replace(base, model=checked("--model", lambda: models.model(name)))
    if options.instance_type is not None:
        kind = options.instance_type
        base = replace(
            base,
            instance_type=checked("--instance-type", lambda: instance_types.instance_type(kind)),
        )
    base = replace(base, layout=_layout(options, base.layout))
    for name in (
        "max_model_len",
        "max_num_seqs",
        "max_num_batched_tokens",
        "gpu_memory_utilization",
    ):
        if (value := getattr(options, name)) is not None:
            base = replace(base, **{name: value})
    if settings is not None and not _as_in(settings, base):
        # The file's host memory and cores are of another pod.
        base = replace(base, given_pod=None)
    _refuse_deployment(base, options)
    return base


def _of_stack(settings: Settings) -> Deployment:
    engine = settings.model_server.engine
    if not isinstance(engine, VllmEngine):
        raise CommandError(
            f"model_server.engine.kind {engine.kind} is not allowed; allowed: vllm, whose"
            " scheduler is simulated"
        )
    return Deployment.of_settings(settings, engine)


def _as_in(settings: Settings, deployment: Deployment) -> bool:
    there = _of_stack(settings)
    return all(
        getattr(there, name) == getattr(deployment, name)
        for name in ("model", "instance_type", "layout")
    )


def _without_stack(options: Options, places: list[Place]) -> Deployment:
    """What options say next overwrites the first measured place, which `--compare` begins with."""
    if places:
        kind, layout = places[0].instance_type, places[0].layout
    elif options.instance_type is not None and options.tensor_parallel_size is not None:
        kind, layout = options.instance_type, ParallelLayout(options.tensor_parallel_size)
    else:
        raise CommandError(
            "missing: --measured LAYOUT=PATH or --assume-layout LAYOUT=VALUES, or --instance-type"
            " and --tensor-parallel-size"
        )
    return Deployment(
        model=checked("--model", lambda: models.model(options.model or "")),
        instance_type=checked("--instance-type", lambda: instance_types.instance_type(kind)),
        layout=layout,
        max_model_len=options.max_model_len or 0,
    )


def _layout(options: Options, base: ParallelLayout) -> ParallelLayout:
    given = {
        name: getattr(options, name)
        for name in (
            "tensor_parallel_size",
            "pipeline_parallel_size",
            "data_parallel_size",
            "expert_parallel",
            "redundant_experts",
        )
        if getattr(options, name) is not None
    }
    if options.expert_parallel is False:
        base = replace(base, data_parallel_size=1, redundant_experts=0)
    return replace(base, **given)


def _refuse_deployment(deployment: Deployment, options: Options) -> None:
    if deployment.max_model_len < 1024:
        raise CommandError(
            f"--max-model-len {deployment.max_model_len} is not allowed; allowed: 1024 or more"
        )
    share = deployment.gpu_memory_utilization
    low, high = MIN_GPU_MEMORY_UTILIZATION, MAX_GPU_MEMORY_UTILIZATION
    if not low <= share <= high:
        raise CommandError(
            f"--gpu-memory-utilization {share:g} is not allowed; allowed: {low:g} to {high:g}"
        )
    layout = deployment.layout
    if layout.data_parallel_size > 1 and not layout.expert_parallel:
        raise CommandError(
            f"--data-parallel-size {layout.data_parallel_size} is not allowed; allowed: 1 without"
            " --expert-parallel yes: more engines do the same, and one can fail"
        )
    if layout.redundant_experts and not layout.expert_parallel:
        raise CommandError(
            f"--redundant-experts {layout.redundant_experts} is not allowed; allowed: 0 without"
            " --expert-parallel yes"
        )
    if options.compare:
        return
    for name, value, allowed in deployment.refusals():
        raise CommandError(f"{option(name)} {value} is not allowed; allowed: {allowed}")


def _lengths(option: str, mean: float | None, p99: float | None, longest: int) -> Lengths:
    return checked(
        f"{option}-mean, {option}-p99", lambda: Lengths(mean or 0.0, p99 or 0.0, longest)
    )
