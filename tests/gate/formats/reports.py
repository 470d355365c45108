"""Reports for the tests of formats: one that has everything, and any at all."""

from datetime import date

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from catalog.waivers import Waiver
from gate.report import Change, CostChange, Item, Outcome, Place, Report, Section, Step

WAIVER = Waiver(
    policy="kubernetes-container-image-pinned",
    resource="debug-shell",
    reason="Until the vendor publishes a digest",
    owner="team-serving",
    expires=date(2026, 12, 31),
)
UNUSED = WAIVER.model_copy(update={"resource": "gone"})

REFUSED = Item(
    rule="kubernetes-container-image-pinned",
    kind="violation",
    level="mandatory",
    severity="critical",
    resource="vllm",
    urn="urn:pulumi:prod::moe-serving::kubernetes:apps/v1:Deployment::vllm",
    message='Deployment "vllm", container "vllm": found tag latest; allowed: a digest; fix: pin it',
    refuses=True,
    remediation="Pin the image by its digest.",
    url="https://kubernetes.io/docs/concepts/containers/images/",
    place=Place("stacks/Pulumi.prod.yaml", 29),
)
NOT_CHECKED = Item(
    rule="kubernetes-gpu-memory-limit",
    kind="could not check",
    level="mandatory",
    severity="high",
    resource="vllm",
    urn=REFUSED.urn,
    message='Deployment "vllm": memory is not known before the deployment',
    refuses=True,
)
WAIVED = Item(
    rule="kubernetes-container-image-pinned",
    kind="violation",
    level="mandatory",
    severity="critical",
    resource="debug-shell",
    urn="urn:pulumi:prod::moe-serving::kubernetes:core/v1:Pod::debug-shell",
    message='Pod "debug-shell": found tag latest',
    refuses=False,
    waiver=WAIVER,
)
ADVICE = Item(
    rule="kubernetes-efa-used",
    kind="violation",
    level="advisory",
    severity="low",
    resource="vllm",
    urn=REFUSED.urn,
    message="EFA is asked for on one node",
    refuses=False,
)

PROD = Section(
    name="prod",
    base="1a2b3c4",
    steps=[
        Step("settings", Outcome.PASSED, "14 sections", duration_s=0.2),
        Step(
            "policies",
            Outcome.REFUSED,
            "2 refuse",
            [ADVICE, WAIVED, NOT_CHECKED, REFUSED],
            duration_s=12.5,
        ),
        Step("alert rules", Outcome.REFUSED, "ExpertDead does not fire"),
        Step("cost", Outcome.SKIPPED, "no price of p4de.24xlarge in eu-west-9"),
    ],
    changes=[
        Change("create", "urn:1", "kubernetes:core/v1:Service", "metrics", False, ["spec"]),
        Change("update", "urn:2", "aws:s3/bucket:Bucket", "weights", True, ["tags"]),
        Change("replace", "urn:3", "aws:eks/nodeGroup:NodeGroup", "gpu", False, ["a", "b"], ["b"]),
    ],
    costs=[CostChange("min_nodes", 22.03, 44.06), CostChange("max_nodes", None, 88.13)],
    waivers=[WAIVER, UNUSED],
    unused_waivers=[UNUSED],
)
DEV = Section(
    name="dev",
    steps=[Step("preview", Outcome.ERROR, "the engine ended with 255", duration_s=1.0)],
)
EVERYTHING = Report([PROD, DEV], "0.1.0")
CLEAN = Report([Section("local", [Step("settings", Outcome.PASSED, "14 sections")])], "0.1.0")

unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Of a test that must not fail because the machine is busy."""

HOSTILE = (
    "@octocat", "#1", "GH-12", "| a | b |", "`x`", "```", "<script>alert(1)</script>", "<!--",
    "-->", "[a](https://evil.example)", "![a](https://evil.example/x.png)", "https://evil.example",
    "www.evil.example", "\n# heading\n", "\n- item", "</details>", "&lt;", "\\", "**b**", "$$x$$",
    "\x1b[31m", "\x00", "\ud800", "\ufffe", "\u202e", "\u2028", "]]>", "<![CDATA[", "a@b.example",
)  # fmt: skip
"""Text that means something to one of the formats, or to a terminal."""

texts = st.one_of(
    st.text(st.characters()),
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=6).map("".join),
)
words = texts.filter(str.strip)
waivers = st.builds(
    Waiver,
    policy=words.filter(lambda text: text.isprintable()),
    resource=words.filter(lambda text: text.isprintable()),
    reason=words.filter(lambda text: text.isprintable()),
    owner=words.filter(lambda text: text.isprintable()),
    expires=st.dates(),
)
places = st.builds(Place, file=texts, line=st.none() | st.integers())
items = st.builds(
    Item,
    rule=texts,
    kind=st.sampled_from(["violation", "could not check"]),
    level=st.sampled_from(["mandatory", "advisory", "remediate"]),
    severity=st.sampled_from(["", "low", "medium", "high", "critical"]),
    resource=texts,
    urn=texts,
    message=texts,
    remediation=texts,
    url=texts,
    refuses=st.booleans(),
    waiver=st.none() | waivers,
    place=st.none() | places,
)
changes = st.builds(
    Change,
    operation=st.sampled_from(["create", "update", "replace", "delete"]) | texts,
    urn=texts,
    type=texts,
    name=texts,
    protected=st.booleans(),
    keys=st.lists(texts, max_size=2),
    replace_keys=st.lists(texts, max_size=2),
)
dollars = st.none() | st.floats(0, 1e9)
steps = st.builds(
    Step,
    name=texts,
    outcome=st.sampled_from(Outcome),
    summary=texts,
    items=st.lists(items, max_size=3),
    duration_s=st.floats(0, 1e6),
)
sections = st.builds(
    Section,
    name=texts,
    base=texts,
    steps=st.lists(steps, min_size=1, max_size=3),
    changes=st.lists(changes, max_size=3),
    costs=st.lists(st.builds(CostChange, st.just("min_nodes"), dollars, dollars), max_size=2),
    waivers=st.lists(waivers, max_size=2),
    unused_waivers=st.lists(waivers, max_size=1),
)
reports = st.builds(Report, sections=st.lists(sections, max_size=2), pack_version=texts)


def refusing(report: Report) -> list[Item]:
    return [item for each in report.sections for item in each.items if item.refuses]
