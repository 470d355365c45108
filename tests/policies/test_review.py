from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.aws.node_groups import LAUNCH_TEMPLATE
from policies.images_and_secrets import image_pinned
from policies.kubernetes.helm_releases import RELEASE
from policies.network import efa_used
from policies.pack import listed
from policies.review import (
    Config,
    CouldNotCheckError,
    Place,
    Resource,
    Review,
    of_resource,
    of_stack,
)
from tests.policies import engine_group, engine_input
from tests.policies.efa_stack import Stack
from tests.policies.engine_input import (
    DEPLOYMENT,
    FUZZ,
    IMAGE,
    MIXTRAL,
    TYPES,
    UNKNOWN,
    check,
    check_stack,
    deployment,
    mend,
    resource,
    server,
)

POLICIES: list[Policy] = [each.policy for each in listed()]
OF_RESOURCE = [p for p in POLICIES if isinstance(p, ResourceValidationPolicy)]
OF_STACK = [p for p in POLICIES if isinstance(p, StackValidationPolicy)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_says_what_it_is(policy: Policy) -> None:
    assert policy.description.endswith(".")
    assert policy.display_name
    assert isinstance(policy.severity, Severity)
    assert policy.remediation_steps
    assert policy.tags == sorted(policy.tags or [])
    assert (policy.url or "").startswith("https://")
    # The pack's level holds: mandatory, unless a stack's policy configuration says otherwise.
    mends = isinstance(policy, ResourceValidationPolicy) and policy.has_remediation()
    level = EnforcementLevel.REMEDIATE if mends else None
    assert policy.enforcement_level is (
        EnforcementLevel.ADVISORY if policy is efa_used.POLICY else level
    )
    assert ("remediated" in (policy.tags or [])) == mends


def test_names_are_unique() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)


def args_of_resource() -> ResourceValidationArgs:
    return ResourceValidationArgs(
        DEPLOYMENT, {}, "urn:a", "model-server", engine_input.options(), None
    )


def collector(said: list[str]) -> ReportViolation:
    def report(message: str, urn: str | None = None) -> None:
        said.append(message)

    return report


def test_a_policy_that_fails_refuses() -> None:
    def broken(review: Review, subject: Resource, config: Config) -> None:
        raise ZeroDivisionError("by nought")

    said: list[str] = []
    of_resource(broken)(args_of_resource(), collector(said))
    assert 'Deployment "model-server"' in said[0]
    assert "ZeroDivisionError: by nought" in said[0]

    def broken_too(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
        raise RecursionError

    of_stack(broken_too)(StackValidationArgs([]), collector(said))
    assert "the stack: found properties at which the policy itself failed" in said[1]


def test_what_could_not_be_checked_is_the_sdks_own_kind_of_error() -> None:
    def reads_unknowns(review: Review, subject: Resource, config: Config) -> None:
        for name in ("a", "b"):
            with review.reading(subject.place.inside(name)):
                engine_input.proxied({"image": UNKNOWN})["image"]
        review.refuse(Place("c", "urn:c"), found="1", allowed="2", fix="3")

    said: list[str] = []
    with pytest.raises(UnknownValueError) as raised:
        of_resource(reads_unknowns)(args_of_resource(), collector(said))
    assert said == ["c: found 1; allowed: 2; fix: 3"]
    assert isinstance(raised.value, CouldNotCheckError)
    # What the SDK shows is `message`.
    assert raised.value.message == (
        'could not check Deployment "model-server", a: string value at .image can\'t be known'
        ' during preview; Deployment "model-server", b: string value at .image can\'t be known'
        " during preview"
    )


def test_an_unknown_outside_of_any_check_is_noted_too() -> None:
    def careless(review: Review, subject: Resource, config: Config) -> None:
        engine_input.proxied({"image": UNKNOWN})["image"]

    with pytest.raises(CouldNotCheckError):
        of_resource(careless)(args_of_resource(), collector([]))


def test_names_cannot_write_on_the_terminal() -> None:
    props = deployment({"name": "\x1b[2Ja\nb", "image": "x" * 5000 + "\x1b[0m"})
    refusal = check(image_pinned.POLICY, props).only()
    assert refusal.isprintable()
    assert len(refusal) < 500


scalars = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            UNKNOWN,
            IMAGE,
            MIXTRAL,
            "-tp",
            "8",
            "--max-model-len=1k",
            "--headless",
            "--enable-expert-parallel",
            "--nnodes=2",
            "--shutdown-timeout=5",
            "640Gi",
            "efa",
            "efa-only",
            "sh",
            "AL2023_x86_64_NVIDIA",
            "CAPACITY_BLOCK",
            "Exists",
            "NO_SCHEDULE",
            "capacity-block",
            "cr-1",
            "HF_TOKEN",
            "--api-key",
            "$(HF_TOKEN)",
            "25%",
        ]
    )
)
keys = st.sampled_from(
    [
        "annotations",
        "labels",
        "minAvailable",
        "maxUnavailable",
        "runAsUser",
        "privileged",
        "capabilities",
        "securityContext",
        "hostNetwork",
        "hostPath",
        "enableServiceLinks",
        "data",
        "matchExpressions",
        "matchLabels",
        "metadata",
        "from",
        "policyTypes",
        "podSelector",
        "selector",
        "lifecycle",
        "preStop",
        "sleep",
        "seconds",
        "exec",
        "terminationGracePeriodSeconds",
        "rollingUpdate",
        "maxSurge",
        "leaderWorkerTemplate",
        "size",
        "restartPolicy",
        "amiType",
        "args",
        "blockDeviceMappings",
        "capacityReservationId",
        "capacityReservationSpecification",
        "capacityReservationTarget",
        "command",
        "containers",
        "daemonsets",
        "deviceIndex",
        "driver",
        "ebs",
        "effect",
        "emptyDir",
        "enabled",
        "env",
        "failureThreshold",
        "instanceMarketOptions",
        "instanceType",
        "key",
        "livenessProbe",
        "marketType",
        "maxSize",
        "metadataOptions",
        "mountPath",
        "operator",
        "periodSeconds",
        "scalingConfig",
        "startupProbe",
        "taints",
        "timeout",
        "tolerations",
        "vpc.amazonaws.com/efa",
        "image",
        "initContainers",
        "instanceTypes",
        "interfaceType",
        "labels",
        "limits",
        "medium",
        "memory",
        "name",
        "networkCardIndex",
        "networkInterfaces",
        "nodeSelector",
        "nvidia.com/gpu",
        "placement",
        "groupName",
        "protocol",
        "ingress",
        "egress",
        "self",
        "strategy",
        "subnetIds",
        "subnetId",
        "capacityType",
        "launchTemplate",
        "requests",
        "resources",
        "securityGroups",
        "sizeLimit",
        "spec",
        "template",
        "value",
        "volumeMounts",
        "volumes",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
maps = st.dictionaries(keys, anything, max_size=6)


@FUZZ
@given(container=maps, pod=maps, kind=st.sampled_from(sorted(TYPES)))
def test_no_workload_crashes_a_policy(
    container: dict[str, object], pod: dict[str, object], kind: str
) -> None:
    props = engine_input.workload(kind, {**pod, "containers": [server() | container, container]})
    for policy in OF_RESOURCE:
        check(policy, props, resource_type=TYPES[kind])
        if policy.has_remediation():
            mend(policy, props, resource_type=TYPES[kind])
    stack = [*Stack().resources, resource(TYPES[kind], "moe", props)]
    for stack_policy in OF_STACK:
        check_stack(stack_policy, stack)


@FUZZ
@given(
    interfaces=st.lists(maps | scalars, max_size=5) | scalars,
    template=maps,
    node_group=maps,
    dependencies=st.booleans(),
)
def test_no_launch_template_crashes_a_policy(
    interfaces: object,
    template: dict[str, object],
    node_group: dict[str, object],
    dependencies: bool,
) -> None:
    given_interfaces = {"networkInterfaces": interfaces, **template}
    for resource_policy in OF_RESOURCE:
        check(resource_policy, given_interfaces, resource_type=LAUNCH_TEMPLATE)
    stack = Stack(template=given_interfaces, node_group=node_group)
    resources = stack.resources if dependencies else stack.without_dependencies
    for policy in OF_STACK:
        check_stack(policy, resources)


@FUZZ
@given(
    chart=st.sampled_from(["gpu-operator", "aws-efa-k8s-device-plugin"]) | scalars,
    values=maps | scalars,
    release=maps,
    node_group=maps,
)
def test_no_release_crashes_a_policy(
    chart: object, values: object, release: dict[str, object], node_group: dict[str, object]
) -> None:
    props = {"chart": chart, "values": values, **release}
    for policy in OF_RESOURCE:
        check(policy, props, resource_type=RELEASE)
    stack = [*Stack(node_group=node_group).resources, resource(RELEASE, "chart", props)]
    for stack_policy in OF_STACK:
        check_stack(stack_policy, stack)


@FUZZ
@given(
    leader=maps,
    worker=maps,
    of_group=maps,
    network_policy=maps,
    budget=maps,
    kind=st.sampled_from(["LeaderWorkerSet", "Deployment"]),
)
def test_no_group_of_pods_crashes_a_policy(
    leader: dict[str, object],
    worker: dict[str, object],
    of_group: dict[str, object],
    network_policy: dict[str, object],
    budget: dict[str, object],
    kind: str,
) -> None:
    props = engine_group.group(
        engine_group.template(engine_group.member() | leader),
        engine_group.template(engine_group.member(), **worker),
        **of_group,
    )
    others = (
        engine_group.around(engine_group.NETWORK_POLICY, network_policy),
        engine_group.around(engine_group.BUDGET, budget),
    )
    for policy in OF_STACK:
        check_stack(policy, engine_group.stack(props, *others, kind=kind))


@FUZZ
@given(props=maps, config=st.dictionaries(st.sampled_from(["exempt", "x"]), scalars))
def test_no_properties_crash_a_policy(props: dict[str, object], config: dict[str, object]) -> None:
    for policy in OF_RESOURCE:
        check(policy, props, config=config)
    for stack_policy in OF_STACK:
        check_stack(stack_policy, [resource(DEPLOYMENT, "moe", props)], config)
