"""The pack over plain manifests: good ones pass, bad ones are found, hostile ones are one error."""

import inspect
import json
import os
import re
import resource
import subprocess
import sys
import tracemalloc
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pulumi_kubernetes.apps.v1
import pulumi_kubernetes.batch.v1
import pulumi_kubernetes.core.v1
import pulumi_kubernetes.networking.v1
import pulumi_kubernetes.policy.v1
import pulumi_kubernetes.rbac.v1
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pulumi_policy import EnforcementLevel
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from catalog.waivers import Waiver
from gate.manifests.check import Asked, check
from gate.manifests.files import Limits, documents
from gate.manifests.objects import Objects, read, type_token
from gate.manifests.premises import why_not_run
from gate.manifests.problem import ManifestError
from gate.manifests.yaml_values import MAX_ALIASED, MAX_DEPTH, YamlError, load
from gate.policy_config import PolicyConfig
from gate.report import Item, Outcome, Section
from policies.pack import listed
from tests.gate.manifest_texts import DRY_RUN, GOOD, HELM, POD, SERVER
from tests.policies.engine_input import FUZZ, IMAGE

ON_P4D = Asked(instance_types=("p4d.24xlarge",))
DEFAULT = Limits()
ROOT = Path(__file__).parents[2]


def piped(text: str | bytes, limits: Limits = DEFAULT) -> Objects:
    given = text.encode() if isinstance(text, str) else text
    return read(documents(["-"], BytesIO(given), limits))


def judged(text: str, asked: Asked = ON_P4D) -> Section:
    return check(piped(text), asked)


def refusal(text: str | bytes, limits: Limits = DEFAULT) -> str:
    with pytest.raises(ManifestError) as error:
        piped(text, limits)
    assert "\n" not in str(error.value)
    return str(error.value)


def of_paths(*paths: Path) -> Objects:
    return read(documents(map(str, paths), BytesIO(), DEFAULT))


def only(items: list[Item], rule: str) -> Item:
    (item,) = [item for item in items if item.rule == rule]
    return item


PINNED = "kubernetes-container-image-pinned"


class TestGoodManifests:
    @pytest.mark.parametrize(
        "text",
        [
            GOOD,
            GOOD.replace("\n", "\r\n"),
            f"\ufeff{GOOD}",
            f"%YAML 1.1\n---\n{GOOD}...\n",
            HELM,
            DRY_RUN,
            json.dumps({"apiVersion": "v1", "kind": "List", "items": [load(SERVER)]})
            + f"\n---{GOOD.rpartition('---')[2]}",
        ],
        ids=["plain", "windows", "bom", "directive", "helm", "dry run", "list in json"],
    )
    def test_nothing_is_found(self, text: str) -> None:
        section = judged(text)
        assert section.items == []
        assert section.outcome is Outcome.PASSED

    def test_every_policy_runs_or_says_why_not(self) -> None:
        section = judged(GOOD)
        skipped = [s.summary for s in section.steps if s.outcome is Outcome.SKIPPED]
        not_run = {name for said in skipped for name in said.partition(": ")[2].split(", ")}
        assert not_run == {
            each.policy.name for each in listed() if why_not_run(each.policy) is not None
        }
        assert "aws-launch-template-efa-interfaces" in not_run
        assert "kubernetes-llm-server-model-fits" not in not_run

    def test_a_policy_that_the_configuration_disables_is_named(self) -> None:
        config = PolicyConfig(levels={PINNED: EnforcementLevel.DISABLED})
        section = judged(POD.format(name="a", image="x:1"), Asked(policy_config=config))
        assert section.items == []
        skipped = [s.summary for s in section.steps if s.outcome is Outcome.SKIPPED]
        assert f"disabled by the policy configuration: {PINNED}" in skipped


class TestFindings:
    def test_a_container_is_found_by_name_file_and_line(self) -> None:
        text = HELM.replace(IMAGE, "vllm/vllm-openai:latest")
        item = only(judged(text).items, PINNED)
        assert item.refuses
        assert item.resource == "serving/moe"
        assert "found image vllm/vllm-openai:latest" in item.message
        assert "rendered from serving/templates/deployment.yaml" in item.message
        assert item.place is not None
        assert item.place.file == "<stdin>"
        assert item.place.line is not None
        assert text.splitlines()[item.place.line - 1].strip() == "- name: vllm"

    def test_two_of_a_name_are_two(self) -> None:
        text = f"{POD.format(name='a', image='x:1')}---\n{POD.format(name='a', image='y:1')}"
        items = judged(text).items
        assert len({item.urn for item in items}) == len(items) == 2
        assert {item.resource for item in items} == {"a"}

    def test_colons_of_a_name_are_no_way_to_the_waiver_of_another(self) -> None:
        item = only(judged(POD.format(name="system::moe", image="x")).items, PINNED)
        assert item.resource == "system:%3Amoe"
        assert item.message.startswith('Pod "system::moe"')

    def test_items_of_a_list_are_objects_of_their_own(self) -> None:
        pods = [{"metadata": {"name": n}, "spec": {"containers": [{"image": "x"}]}} for n in "ab"]
        for listing in (
            {"apiVersion": "v1", "kind": "PodList", "items": pods},
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [{"apiVersion": "v1", "kind": "Pod", **each} for each in pods],
            },
        ):
            objects = piped(json.dumps(listing))
            assert [(o.type, o.name) for o in objects.found] == [
                ("kubernetes:core/v1:Pod", "a"),
                ("kubernetes:core/v1:Pod", "b"),
            ]
            assert len(check(objects, Asked()).items) == 2

    def test_without_nodes_a_model_that_may_not_fit_is_not_passed_in_silence(self) -> None:
        item = only(judged(GOOD, Asked()).items, "kubernetes-llm-server-model-fits")
        assert item.kind == "could not check"
        assert not item.refuses
        item = only(judged(GOOD, Asked(is_strict=True)).items, "kubernetes-llm-server-model-fits")
        assert item.refuses

    def test_nodes_judge_whether_it_fits_whatever_labels_it_selects(self) -> None:
        text = GOOD.replace("Mixtral-8x7B", "Mixtral-8x22B").replace(
            "      enableServiceLinks", "      nodeSelector: {pool: gpu}\n      enableServiceLinks"
        )
        item = only(judged(text).items, "kubernetes-llm-server-model-fits")
        assert item.kind == "violation"
        assert "p4d.24xlarge" in item.message

    def test_pods_of_a_kind_that_nobody_knows_are_judged_or_said_not_to_be(self) -> None:
        custom = "apiVersion: example.com/v1\nkind: Custom\nmetadata: {name: x}\n"
        pod = "{containers: [{name: a, image: b}]}"
        read = judged(f"{custom}spec: {{template: {{spec: {pod}}}}}\n")
        assert only(read.items, PINNED).refuses
        unread = judged(f"{custom}spec: {{jobs: [{pod}]}}\n", Asked(is_strict=True))
        item = only(unread.items, "kubernetes-workload-known")
        assert (item.kind, item.refuses) == ("could not check", True)

    def test_what_is_of_no_object_is_shown_at_the_first_file(self) -> None:
        expired = Waiver.model_construct(
            policy=PINNED, resource="a", reason="x", owner="y", expires=date(2020, 1, 1)
        )
        items = judged(GOOD, Asked(waivers=[expired])).items
        assert items
        assert all(item.place is not None for item in items)

    def test_a_run_remembers_nothing_of_the_one_before(self) -> None:
        assert judged(GOOD).items == []
        bad = judged(GOOD.replace("nvidia.com/gpu: 8", "nvidia.com/gpu: 4"))
        assert bad.outcome is Outcome.REFUSED
        assert judged(GOOD).items == []


@pytest.mark.parametrize(
    "resource_class",
    [
        pulumi_kubernetes.apps.v1.Deployment,
        pulumi_kubernetes.batch.v1.CronJob,
        pulumi_kubernetes.core.v1.Pod,
        pulumi_kubernetes.networking.v1.NetworkPolicy,
        pulumi_kubernetes.policy.v1.PodDisruptionBudget,
        pulumi_kubernetes.rbac.v1.ClusterRole,
    ],
)
def test_type_tokens_are_those_of_the_sdk(resource_class: type) -> None:
    text = inspect.getsource(resource_class)
    values = dict(re.findall(r"__props__.__dict__\[\"(api_version|kind)\"\] = '(.+)'", text))
    assert f"\n            '{type_token(values['api_version'], values['kind'])}',\n" in text


class TestBrokenInput:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: 1\na: 2\n", "<stdin>:2: document 1: key 'a' twice"),
            ("# x\n---\na: b: c\n", "<stdin>:3: document 1: not YAML"),
            (f"{POD.format(name='a', image='b')}---\nx: [\n", "document 2: not YAML"),
            (
                "a:\n\tb: 1\n",
                "<stdin>:2: document 1: not YAML: while scanning for the next token,"
                " found character that cannot start any token; the line begins with a tab",
            ),
            ("a: \x00\n", "U+0000, which no text has: is it binary?"),
            (b"\x89PNG\r\n", "<stdin>:1: byte 0x89 is not UTF-8 text"),
            ("a: b\n".encode("utf-16"), "<stdin>:1: byte 0xff is not UTF-8 text"),
            ("a: !!python/object/apply:os.system [ls]\n", "tag !!python/object/apply:os.system"),
            ("a: !Ref b\n", "tag !Ref, which no manifest has"),
            ("- a\n", "no map, so no Kubernetes object"),
            ("text\n", "no map, so no Kubernetes object"),
            ("kind: Pod\n", "no apiVersion, so no Kubernetes object"),
            ("apiVersion: v1\nkind: 7\n", "'7.0' for kind, so no Kubernetes object"),
            ("apiVersion: v1\nkind: List\nitems: [1]\n", "no map, so no Kubernetes object"),
            ("a: .inf\n", ".inf, which is no number of JSON"),
            ("a: *b\n", "alias *b of no anchor"),
            ("a: &a [*a]\n", "alias *a stands for a value that it is a part of"),
            ("a: 1\n<<: {a: 2}\n", "key 'a' before the << that has it too"),
            ("a: 1\r---\rb: 2\r", "a second document, which no line `---` begins"),
            ("{{- if .Values.on }}\na: 1\n{{- end }}\n", "a template that nobody has rendered"),
            (POD.format(name="'{{ .Release.Name }}'", image="b"), "nobody has rendered"),
            (POD.format(name="a/b", image="b"), "metadata.name 'a/b', which Kubernetes does not"),
            (POD.format(name="'x::ns/other'", image="b"), "metadata.name 'x::ns/other'"),
            (POD.format(name="a%3A", image="b"), "metadata.name 'a%3A'"),
            (
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
                "an input of kustomize",
            ),
        ],
    )
    def test_is_one_error_with_its_place(self, text: str | bytes, said: str) -> None:
        assert said in refusal(text)

    def test_a_mark_of_pulumi_hides_nothing_from_a_policy(self) -> None:
        text = GOOD.replace(IMAGE, UNKNOWN_STRING_VALUE)
        assert "Pulumi marks what is not known yet" in refusal(text)

    def test_aliases_that_multiply(self) -> None:
        lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
        lines += [
            f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ]
        assert f"more than {MAX_ALIASED} values" in refusal("\n".join(lines))

    @pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
    def test_deep_nesting(self, depth: int) -> None:
        assert "nest" in refusal(f"a: {'[' * depth}{']' * depth}\n")
        assert "nest" in refusal('{"a":' * depth + "1" + "}" * depth)

    def test_too_many_documents(self) -> None:
        text = "---\n".join([POD.format(name="a", image="b")] * 4)
        assert "more than 3 documents; --max-documents" in refusal(text, Limits(max_documents=3))


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("yes", True),
            ("Off", False),
            ("~", None),
            ("0644", 420.0),
            ("0o644", 420.0),
            ("0x1F", 31.0),
            ("1_000", 1000.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("08", 8.0),
            ("-7", -7.0),
            ("2222:22", "2222:22"),
            ("2026-11-25", "2026-11-25"),
            ("1e999", "1e999"),
            ("'yes'", "yes"),
            ("!!str 5", "5"),
            ("640Gi", "640Gi"),
            ("-", None),
        ],
    )
    def test_mean_what_kubectl_reads(self, text: str, value: Any) -> None:
        found = load(f"a: {text}")["a"] if text != "-" else load("a:")["a"]
        assert found == value
        assert type(found) is type(value)

    def test_json_escapes(self) -> None:
        text = json.dumps({"a": "\U0001f600 \\ud83d / \t"}).replace("/", "\\/")
        assert load(text) == {"a": "\U0001f600 \\ud83d / \t"}

    def test_merged_maps(self) -> None:
        assert load("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  x: 3\n")["b"] == {"x": 3, "z": 2}


class TestFolders:
    def test_are_read_all_the_way_down_without_what_is_hidden(self, tmp_path: Path) -> None:
        for name in ("a.yaml", "b/c.yml", "b/d.JSON", ".e/f.yaml", "b/.g.yaml", "h.txt"):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(POD.format(name="x", image="y"))
        (tmp_path / "values.yaml").write_text("image: x\n")
        (tmp_path / "b/round").symlink_to(tmp_path)
        objects = of_paths(tmp_path)
        assert [Path(o.file).name for o in objects.found] == ["a.yaml", "c.yml", "d.JSON"]
        assert objects.others == [f"{tmp_path}/values.yaml:1"]

    def test_what_somebody_names_must_be_an_object(self, tmp_path: Path) -> None:
        file = tmp_path / "values.yaml"
        file.write_text("image: x\n")
        with pytest.raises(ManifestError, match="no apiVersion, so no Kubernetes object"):
            of_paths(file)

    def test_a_link_to_a_folder_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real/a.yaml").write_text(POD.format(name="x", image="y"))
        (tmp_path / "given").mkdir()
        (tmp_path / "given/link").symlink_to(tmp_path / "real")
        assert len(of_paths(tmp_path / "given").found) == 1

    def test_nobody_waits_for_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.yaml")
        for path in (tmp_path, tmp_path / "a.yaml", Path("/dev/zero")):
            with pytest.raises(ManifestError, match="a pipe, a socket or a device"):
                of_paths(path)

    @pytest.mark.parametrize("path", ["missing.yaml", "broken.yaml"])
    def test_what_cannot_be_opened(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "broken.yaml").symlink_to(tmp_path / "nowhere")
        with pytest.raises(ManifestError, match=f"{path}: cannot be read: No such file"):
            of_paths(tmp_path / path)

    def test_a_chart_and_a_kustomization_are_told_from_manifests(self, tmp_path: Path) -> None:
        (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: x\n")
        with pytest.raises(ManifestError, match="a Helm chart"):
            of_paths(tmp_path)
        (tmp_path / "Chart.yaml").rename(tmp_path / "kustomization.yaml")
        with pytest.raises(ManifestError, match="an input of kustomize"):
            of_paths(tmp_path)


class TestDryRuns:
    """Nothing is left out that would be applied."""

    BAD = POD.format(name="bad", image="x:1")

    def test_no_document_may_follow_the_notes(self) -> None:
        said = refusal(f"NAME: x\nNOTES:\nThanks\n---\n{self.BAD}")
        assert "<stdin>:4: --- after NOTES:, which Helm prints last" in said

    @pytest.mark.parametrize(
        "text",
        [
            f"NAME: x\nHOOKS:\n---\n# LAST DEPLOYED\n{BAD}MANIFEST:\n---\n",
            f"NAME: x\nLAST DEPLOYED: y\n{BAD}MANIFEST:\n---\n",
            f"NAME: x\n{BAD}NOTES:\n",
        ],
    )
    def test_no_object_passes_for_the_fields_of_a_release(self, text: str) -> None:
        assert [each.name for each in piped(text).found] == ["bad"]

    def test_files_of_a_folder_are_read_whole(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(f"NAME: x\nNOTES:\n---\n{self.BAD}")
        assert [each.name for each in of_paths(tmp_path).found] == ["bad"]
        with pytest.raises(ManifestError, match="after NOTES:"):
            of_paths(tmp_path / "a.yaml")


class TestMemory:
    """Ratios, as bytes differ between machines."""

    def test_a_large_file_is_refused_unread(self, tmp_path: Path) -> None:
        file = tmp_path / "large.yaml"
        with file.open("wb") as stream:
            stream.truncate(100 * 1024**2)
        tracemalloc.start()
        try:
            with pytest.raises(ManifestError, match="more than 16 MiB of manifests; --max-mib"):
                of_paths(file)
            assert tracemalloc.get_traced_memory()[1] < file.stat().st_size / 50
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("line", ["x" * 1024**2, f"- {'x' * 60}\n"], ids=["one line", "lines"])
    def test_a_stream_is_read_no_further_than_allowed(self, line: str) -> None:
        stream = _Endless(f"{line}".encode())
        tracemalloc.start()
        try:
            with pytest.raises(ManifestError, match="more than 4 MiB"):
                read(documents(["-"], stream, Limits(max_mib=4)))
            assert stream.given < 6 * 1024**2
            assert tracemalloc.get_traced_memory()[1] < 8 * 4 * 1024**2
        finally:
            tracemalloc.stop()

    def test_only_one_document_at_a_time_is_text(self) -> None:
        count = 2_000
        text = "".join(f"---\n# {'x' * 4000}\na: &a {i}\n" for i in range(count)).encode()
        tracemalloc.start()
        try:
            for each in documents(["-"], BytesIO(text), DEFAULT):
                load(each.text)
            assert tracemalloc.get_traced_memory()[1] < len(text) / 10
        finally:
            tracemalloc.stop()


class _Endless(BytesIO):
    """100 MiB of one piece after the other, and what of it was asked for."""

    def __init__(self, piece: bytes) -> None:
        self._piece, self.given = piece, 0
        super().__init__()

    def readline(self, size: int | None = -1, /) -> bytes:
        found = self._piece
        if not found.endswith(b"\n"):
            found = found * ((size or 0) // len(found) + 1)
        found = found[: size if size and size > 0 else None]
        self.given += len(found)
        assert self.given < 100 * 1024**2
        return found


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)
_PIECES = st.sampled_from(
    ["---", "...", "- ", "a", ": ", "\n", "\n  ", "{", "}", "[", "]", "&a ", "*a", "<<", "!!str ",
     "!x ", "{{", "}}", "'", '"', "|", ">", "#", "\t", "\r", "%", "kind: Pod\n",
     "apiVersion: v1\n", "\x00", "\x85", "\u2028", "0", ".inf", "? "]
)  # fmt: skip


class TestHostileInput:
    """A report, or one error; never anything else."""

    @FUZZ
    @given(st.lists(_PIECES, max_size=60).map("".join))
    def test_pieces_of_yaml(self, text: str) -> None:
        _report_or_error(text.encode())

    @FUZZ
    @given(st.binary(max_size=200))
    @example(b"\xef\xbb\xbf")
    @example(b'{"a": "\\ud83d"}')
    def test_bytes(self, given: bytes) -> None:
        _report_or_error(given)

    @FUZZ
    @given(
        st.sampled_from(["Deployment", "Pod", "LeaderWorkerSet", "CronJob", "PodList", "Service"]),
        _PLAIN,
        _PLAIN,
        _PLAIN,
    )
    def test_objects_of_odd_types(self, kind: str, spec: Any, container: Any, items: Any) -> None:
        template = {"spec": {"containers": [container, container]}}
        odd = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "items": items}
        for each in (spec, {"template": template}, {"containers": [container], "volumes": spec}):
            _report_or_error(json.dumps({**odd, "spec": each}).encode())

    @FUZZ
    @given(_PLAIN)
    def test_json_means_in_yaml_what_it_means_in_json(self, value: Any) -> None:
        found, error = _loaded(json.dumps({"a": value}))
        # A half of a character, or a key longer than YAML has them.
        assert found == json.loads(json.dumps({"a": value}), parse_int=float) or "not YAML" in error


def _loaded(text: str) -> tuple[Any, str]:
    try:
        return load(text), ""
    except YamlError as error:
        return None, error.why


def _report_or_error(given: bytes) -> None:
    if (objects := _read(given)) is not None:
        section = check(objects, ON_P4D)
        assert not [i.message for i in section.items if "policy itself failed" in i.message]


def _read(given: bytes) -> Objects | None:
    try:
        return piped(given)
    except ManifestError as error:
        return None if str(error).startswith("<stdin>") else piped(given)


def test_the_command_ends_without_a_trace_of_python(tmp_path: Path) -> None:
    """In a process of its own, with a stack as small as a thread's of musl."""
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text("a: " + "[" * 500_000)
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import app; app()", "check", "manifests", str(bomb)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (1024**2, 1024**2)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{bomb}:1: document 1: not YAML")
    assert "Traceback" not in done.stderr
