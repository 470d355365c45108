"""On a real Prometheus with six hours of a past that was written for these tests."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY

from catalog.alerts import Alert, RuleGroup, rule_groups
from promotion.gate import GateResult, Outcome
from promotion.gates.alerts_quiet import Window, judge
from promotion.pulumi_stack import Resource
from sandbox.endpoints import LOOPBACK, free_ports
from sandbox.monitoring.configuration import command
from sandbox.toolchain.ensure import PrometheusTools
from stacks import reading

NOW_S = time.time() // 60 * 60
LOCAL = reading.from_file("local")
CATALOGUE = rule_groups(LOCAL.served(startup_s=0), LOCAL.alerts)
RENAMED = 'Was."Renamed" (since)'
"""An alert that the checkout does not have any more; as nobody would call one, but may."""
NEWEST = "GPUMemoryHot"
"""One that the checkout has, and that was not deployed yet."""
GROUPS = [
    *(
        replace(group, rules=tuple(each for each in group.rules if each.name != NEWEST))
        for group in CATALOGUE
    ),
    RuleGroup('of "yesterday" (1)', (Alert(RENAMED, "vector(0) > 1", "1m", "critical", "s", "d"),)),
]
"""What is deployed."""
COUNTED = sum(each.severity != "info" for group in GROUPS for each in group.alerts)
RUNBOOK_URL = "https://runbooks.example.com/{alert}"
TYPE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
SECRET = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "ciphertext": "v1:abc"}
NOBODY = "http://127.0.0.1:1"
NODE = 'node="ip-10-0-0-1"'


def ago(hours: float) -> datetime:
    return datetime.fromtimestamp(NOW_S, UTC) - timedelta(hours=hours)


def resource(spec: Any, name: str = "alerts") -> Resource:
    return {
        "type": TYPE,
        "urn": f"urn:pulumi:dev::moe-serving::{TYPE}::{name}",
        "outputs": {"spec": spec},
    }


def state(groups: list[RuleGroup]) -> list[Resource]:
    spec = {"groups": [group.as_dict(RUNBOOK_URL) for group in groups]}
    return [{"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev"}, resource(spec)]


def window(since_h: float, until_h: float = 0, soak_hours: float = 24) -> Window | None:
    return Window.of(ago(since_h), soak_hours, ago(until_h))


def past() -> Iterator[str]:
    """In hours before now: scraped from 6 on but for 5 to 4.5; its own metrics from 4 on, and from
    3 to 2.5 one group of rules was not evaluated; an alert fired for ten minutes from 1.5 on, and
    one for three from 5.2 on."""
    for at_s in range(int(NOW_S) - 6 * 3600, int(NOW_S) + 1, 60):
        if not 4.5 < (NOW_S - at_s) / 3600 < 5:
            yield f'up{{job="any"}} 1 {at_s}'
    for group in GROUPS:
        labels = f"{{rule_group={json.dumps(f'/etc/rules/moe.yaml;{group.name}')}}}"
        for at_s in range(int(NOW_S) - 4 * 3600, int(NOW_S) + 1, 60):
            stood = group is GROUPS[-1] and 2.5 < (NOW_S - at_s) / 3600 < 3
            evaluated_s = NOW_S - 3 * 3600 if stood else at_s
            yield (
                f"prometheus_rule_group_last_evaluation_timestamp_seconds{labels} {evaluated_s}"
                f" {at_s}"
            )
    began_s = int(NOW_S - 1.5 * 3600)
    for name, state, severity in (
        ("GPULost", "firing", "critical"),
        ("GPUXidWarning", "pending", "warning"),
        ("ModelServerDown", "firing", "info"),
        ("SomebodyElses", "firing", "critical"),
    ):
        labels = f'{{alertname="{name}",alertstate="{state}",severity="{severity}",{NODE}}}'
        for at_s in range(began_s, began_s + 600):
            yield f"ALERTS{labels} 1 {at_s}"
    labels = f'{{alertname={json.dumps(RENAMED)},alertstate="firing",severity="critical",{NODE}}}'
    for at_s in range(int(NOW_S - 5.2 * 3600), int(NOW_S - 5.2 * 3600) + 180):
        yield f"ALERTS{labels} 1 {at_s}"


@pytest.fixture(scope="module")
def url(
    prometheus_tools: PrometheusTools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    source = folder / "past"
    source.write_text("\n".join([*past(), "# EOF\n"]))
    create = ("tsdb", "create-blocks-from", "openmetrics", "--quiet")
    subprocess.run([prometheus_tools.promtool, *create, source, folder / "data"], check=True)
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"groups": [group.as_dict(RUNBOOK_URL) for group in GROUPS]}))
    (folder / "prometheus.json").write_text(
        json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules)]})
    )
    (port,) = free_ports(1)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command(prometheus_tools.prometheus, folder, port, speed=1), stdout=log, stderr=log
        )
    try:
        address = f"http://{LOOPBACK}:{port}"
        _wait_for_rules(address, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for_rules(address: str, log: Path) -> None:
    """Until each was evaluated once."""
    ends_s = time.monotonic() + 60
    while time.monotonic() < ends_s:
        try:
            with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=5) as answer:
                groups = json.load(answer)["data"]["groups"]
        except OSError:
            groups = []
        rules = [rule for group in groups for rule in group["rules"]]
        if rules and all(rule["health"] == "ok" for rule in rules):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def judged(
    url: str,
    since_h: float,
    until_h: float = 0,
    soak_hours: float = 24,
    groups: list[RuleGroup] | None = None,
) -> GateResult:
    return judge("dev", url, state(groups or GROUPS), window(since_h, until_h, soak_hours), {})


def shown(hours_ago: float) -> str:
    return f"{ago(hours_ago):%Y-%m-%d %H:%M} UTC"


def test_nothing_fired(url: str) -> None:
    result = judged(url, 1)
    assert result.outcome is Outcome.PASSED, result
    assert result.evidence == (
        f"of {COUNTED} alerts of dev none fired in the 1 h since the last change"
        f" ({shown(1)} to {shown(0)})"
    )
    assert result.details == ()


def test_an_alert_that_fired_is_named_with_its_labels_and_how_long(url: str) -> None:
    result = judged(url, 2)
    assert result.outcome is Outcome.FAILED, result
    assert result.details == ("GPULost fired for 10 min (node=ip-10-0-0-1, severity=critical)",)
    assert " alerts of dev 1 fired in the 2 h since the last change (" in result.evidence


def test_the_alerts_are_those_that_are_deployed(url: str) -> None:
    result = judged(url, 5.4, 5.02)
    assert result.outcome is Outcome.FAILED, result
    (line,) = result.details
    assert line == f"{RENAMED} fired for 3 min (node=ip-10-0-0-1, severity=critical)"


def test_only_the_soak_that_is_demanded_is_asked_for(url: str) -> None:
    """Before it an alert has fired, rules were not evaluated, and Prometheus had no data."""
    result = judged(url, 400, soak_hours=1.2)
    assert result.outcome is Outcome.PASSED, result
    assert result.evidence.endswith(f"none fired in the last 1.2 h ({shown(1.2)} to {shown(0)})")
    assert judged(url, 400, soak_hours=1.6).outcome is Outcome.FAILED


def test_where_no_soak_is_demanded_an_hour_is_asked_for(url: str) -> None:
    assert judged(url, 400, soak_hours=0).outcome is Outcome.PASSED
    result = judged(url, 400, 0.5, soak_hours=0)
    assert result.outcome is Outcome.FAILED
    assert "fired in the last 1 h (" in result.evidence


def test_the_remedy_says_until_when_to_wait(url: str) -> None:
    """A value holds for five minutes here, where no end of it was written."""
    result = judged(url, 400, soak_hours=2)
    until = shown(1.5 - 15 / 60 - 2)
    assert f"soak with none firing, until {until} at the earliest" in result.remedy
    fires_still = judged(url, 400, 1.4, soak_hours=1)
    assert f" until {shown(1.4 - 1)} at the earliest" in fires_still.remedy


def test_what_fired_before_the_soak_and_goes_on_counts(url: str) -> None:
    result = judged(url, 1.5 - 5 / 60)
    assert result.details == ("GPULost fired for 5 min (node=ip-10-0-0-1, severity=critical)",)


def test_what_ended_before_the_soak_does_not(url: str) -> None:
    assert judged(url, 1.3).outcome is Outcome.PASSED


def test_a_gap_in_its_data_is_no_quiet(url: str) -> None:
    result = judged(url, 5.5, 4.1)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "has no data for a part of the 1 h 24 min since the last change" in result.evidence
    assert result.remedy.startswith("wait until it has 24 h without a gap, or look at the alerts")
    (gap,) = result.details
    # A value holds for five minutes.
    assert gap == f"from {ago(5 - 5 / 60):%Y-%m-%d %H:%M} UTC to {ago(4.5):%Y-%m-%d %H:%M} UTC"


def test_one_that_came_later_than_the_soak_is_no_quiet(url: str) -> None:
    result = judged(url, 7, 5.5)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    (gap,) = result.details
    assert gap.endswith(f"to {ago(6):%Y-%m-%d %H:%M} UTC")


def test_only_after_a_change_it_may_take_a_while_to_have_data(url: str) -> None:
    begins_h, until_h = 4.55, 3.55
    result = judged(url, 5.9, until_h, soak_hours=begins_h - until_h)
    assert result.details == (f"from {shown(begins_h)} to {shown(4.5)}",)
    assert "has no data" not in judged(url, begins_h, until_h).evidence


def test_rules_that_were_not_evaluated_are_no_quiet(url: str) -> None:
    result = judged(url, 3.5, 2.2)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "did not evaluate all rules" in result.evidence
    assert len(result.details) == 1


def test_without_its_own_metrics_scraping_counts_and_is_told(url: str) -> None:
    result = judged(url, 4.45, 4.1)
    assert result.outcome is Outcome.PASSED, result
    assert "Prometheus does not scrape itself" in result.details[0]


def test_a_rule_that_it_lacks_is_no_quiet(url: str) -> None:
    alert = Alert("Newest", "vector(1)", "1m", "critical", "s", "d")
    beside = Alert("Beside", "vector(1)", "1m", "info", "s", "d")
    result = judged(url, 1, groups=[*GROUPS, RuleGroup("new.rules", (alert, beside))])
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.details == ("no rule Newest",)


def test_a_state_that_does_not_tell_its_alerts_is_no_quiet() -> None:
    resources = [*state(GROUPS), resource({"groups": [SECRET]}, "hidden")]
    result = judge("dev", NOBODY, resources, window(1), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.evidence == "the state of dev does not tell which alerts it has"
    assert result.details == ('PrometheusRule "hidden" is secret in part, or cannot be read',)


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ((), 0),
        (state([]), 1),
        (state([RuleGroup("g", (Alert("Beside", "vector(1)", "1m", "info", "s", "d"),))]), 1),
    ],
)
def test_of_a_state_without_alerts_nothing_is_quiet(resources: list[Resource], count: int) -> None:
    result = judge("dev", NOBODY, resources, window(1), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.evidence == (
        f"the state of dev has no alert that is critical or warning (in {count} PrometheusRules)"
    )
    assert result.remedy.startswith("deploy its alerts with dev")


def test_no_address_is_no_demand() -> None:
    result = judge("dev", None, state(GROUPS), window(1), {})
    assert result.outcome is Outcome.NOT_DEMANDED
    assert "promotion.prometheus_url of dev is not set" in result.evidence


@pytest.mark.parametrize("since", [None, ago(-1)])
def test_without_a_soak_there_is_no_time_to_ask_for(since: datetime | None) -> None:
    result = judge("dev", NOBODY, state(GROUPS), Window.of(since, 1, ago(0)), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK


def test_one_that_does_not_answer_is_no_quiet() -> None:
    (port,) = free_ports(1)
    result = judge("dev", f"http://{LOOPBACK}:{port}", state(GROUPS), window(1), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "does not answer: [Errno 111] Connection refused" in result.evidence
    assert result.remedy.startswith("correct promotion.prometheus_url of dev, or look")
