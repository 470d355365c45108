"""`moe check manifests`: the pack over Kubernetes YAML, for teams without Pulumi."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from catalog.instance_types import INSTANCE_TYPES
from catalog.policy_pack import pack_version
from cli import check_output, exit_codes
from cli.answer import CommandError, answering
from gate.formats import Format, json_document
from gate.manifests.check import Asked, check
from gate.manifests.files import DEFAULT_MAX_DOCUMENTS, DEFAULT_MAX_MIB, Limits, documents
from gate.manifests.objects import read
from gate.manifests.problem import ManifestError
from gate.policy_config import PolicyConfig, PolicyConfigError
from gate.policy_config import read as read_policy_config
from gate.report import Report
from gate.waivers_file import WaiversError
from gate.waivers_file import read as read_waivers
from policies.pack import listed

EPILOG = (
    "Example: helm template serving ./chart | .venv/bin/moe check manifests -"
    " --instance-type p4d.24xlarge\n\n"
    "Exit codes: 0 nothing refuses, 1 error (input that cannot be read is one), 2 refused,"
    " 3 no Kubernetes object found."
)


def manifests(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|-|FILE...",
            help="Folders (*.yaml, *.yml, *.json, all the way down, hidden ones left out), files,"
            " or - for standard input.",
        ),
    ],
    instance_type: Annotated[
        list[str] | None,
        typer.Option(
            help="Instance type of nodes that the objects will run on, once for each; without it,"
            " whether a model fits GPU memory cannot be checked."
        ),
    ] = None,
    waivers: Annotated[
        Path | None,
        typer.Option(
            help="A list of waivers in YAML; a resource is namespace/name, or name"
            " where it has no namespace."
        ),
    ] = None,
    policy_config: Annotated[
        Path | None,
        typer.Option(help="Levels and settings of policies, as --policy-pack-config of Pulumi."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse as well what a policy could not check.")
    ] = False,
    form: check_output.Form = Format.TERMINAL,
    as_json: check_output.AsJson = False,
    output: check_output.Files = [],  # noqa: B006
    github_summary: check_output.GithubSummary = False,
    max_mib: Annotated[
        int, typer.Option(min=1, help="The most that is read, in MiB; memory grows with it.")
    ] = DEFAULT_MAX_MIB,
    max_documents: Annotated[
        int, typer.Option(min=1, help="The most YAML documents that are read.")
    ] = DEFAULT_MAX_DOCUMENTS,
) -> None:
    """Judge Kubernetes manifests by the policies that a Pulumi preview is judged by.

    No engine, no cluster, no account. YAML of several documents, JSON, lists, and what Helm and
    kustomize print.
    """
    empty = {**json_document.empty(), "error": None, "problems": []}
    with answering(as_json or form is Format.JSON, empty):
        outlet = check_output.Outlet.of(as_json, form, output, github_summary)
        try:
            asked = Asked(
                _known_types(instance_type or []),
                read_waivers(waivers) if waivers else (),
                str(waivers or ""),
                _policy_config(policy_config),
                strict,
            )
            objects = read(documents(paths, sys.stdin.buffer, Limits(max_mib, max_documents)))
        except (ManifestError, PolicyConfigError, WaiversError) as error:
            raise CommandError(str(error)) from None
        report = Report([check(objects, asked)], pack_version())
        outlet.tell(report)
        if not objects.found:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def _known_types(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in INSTANCE_TYPES:
            allowed = ", ".join(INSTANCE_TYPES)
            raise CommandError(f"--instance-type {name} is not allowed; allowed: {allowed}")
    return tuple(dict.fromkeys(names))


def _policy_config(path: Path | None) -> PolicyConfig:
    if path is None:
        return PolicyConfig()
    return read_policy_config(path, [each.policy for each in listed()])
