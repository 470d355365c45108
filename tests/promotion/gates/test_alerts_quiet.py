"""On a real Prometheus with six hours of a past that was written for these tests."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.alerts import Alert, RuleGroup
from promotion.gate import GateResult, Outcome
from promotion.gates.alerts_quiet import groups_of, judge
from sandbox.endpoints import LOOPBACK, free_ports
from sandbox.monitoring.configuration import command
from sandbox.toolchain.ensure import PrometheusTools
from stacks import reading

NOW_S = time.time() // 60 * 60
GROUPS = groups_of(reading.from_file("local"))
RUNBOOK_URL = "https://runbooks.example.com/{alert}"
NODE = 'node="ip-10-0-0-1"'


def ago(hours: float) -> datetime:
    return datetime.fromtimestamp(NOW_S, UTC) - timedelta(hours=hours)


def past() -> Iterator[str]:
    """In hours before now: scraped from 6 on but for 5 to 4.5; its own metrics from 4 on, and from
    3 to 2.5 one group of rules was not evaluated; an alert fired for ten minutes from 1.5 on."""
    for at_s in range(int(NOW_S) - 6 * 3600, int(NOW_S) + 1, 60):
        if not 4.5 < (NOW_S - at_s) / 3600 < 5:
            yield f'up{{job="any"}} 1 {at_s}'
    for group in GROUPS:
        labels = f'{{rule_group="/etc/rules/moe.yaml;{group.name}"}}'
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
    url: str, since_h: float, until_h: float = 0, groups: list[RuleGroup] | None = None
) -> GateResult:
    return judge("dev", url, groups or GROUPS, ago(since_h), ago(until_h), {})


def test_nothing_fired(url: str) -> None:
    result = judged(url, 1)
    assert result.outcome is Outcome.PASSED, result
    assert "alerts of dev none fired from " in result.evidence
    assert result.details == ()


def test_an_alert_that_fired_is_named_with_its_labels_and_how_long(url: str) -> None:
    result = judged(url, 2)
    assert result.outcome is Outcome.FAILED, result
    assert result.details == ("GPULost fired for 10 min (node=ip-10-0-0-1, severity=critical)",)
    assert "alerts of dev 1 fired from " in result.evidence


def test_what_fired_before_the_soak_and_goes_on_counts(url: str) -> None:
    result = judged(url, 1.5 - 5 / 60)
    assert result.details == ("GPULost fired for 5 min (node=ip-10-0-0-1, severity=critical)",)


def test_what_ended_before_the_soak_does_not(url: str) -> None:
    assert judged(url, 1.3).outcome is Outcome.PASSED


def test_a_gap_in_its_data_is_no_quiet(url: str) -> None:
    result = judged(url, 5.5, 4.1)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "has no data for a part of the soak" in result.evidence
    (gap,) = result.details
    # A value holds for five minutes.
    assert gap == f"from {ago(5 - 5 / 60):%Y-%m-%d %H:%M} UTC to {ago(4.5):%Y-%m-%d %H:%M} UTC"


def test_one_that_came_later_than_the_soak_is_no_quiet(url: str) -> None:
    result = judged(url, 7, 5.5)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    (gap,) = result.details
    assert gap.endswith(f"to {ago(6):%Y-%m-%d %H:%M} UTC")


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
    shown = Alert("Shown", "vector(1)", "1m", "info", "s", "d")
    result = judged(url, 1, groups=[*GROUPS, RuleGroup("new.rules", (alert, shown))])
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.details == ("no rule Newest",)


def test_no_address_is_no_demand() -> None:
    result = judge("dev", None, GROUPS, ago(1), ago(0), {})
    assert result.outcome is Outcome.NOT_DEMANDED
    assert "promotion.prometheus_url of dev is not set" in result.evidence


@pytest.mark.parametrize("since", [None, ago(-1)])
def test_without_a_soak_there_is_no_time_to_ask_for(since: datetime | None) -> None:
    result = judge("dev", "http://127.0.0.1:1", GROUPS, since, ago(0), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK


def test_one_that_does_not_answer_is_no_quiet() -> None:
    (port,) = free_ports(1)
    result = judge("dev", f"http://{LOOPBACK}:{port}", GROUPS, ago(1), ago(0), {})
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "does not answer: [Errno 111] Connection refused" in result.evidence
