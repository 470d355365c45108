"""The jumping simulation is the scheduler's, step for step."""

import math

import numpy as np
from hypothesis import given, settings

from planner.limits import EngineLimits
from planner.records import StepLog
from planner.simulated import Replica
from planner.simulation import run_replica
from tests.planner.drawn_cases import Case, cases
from tests.planner.reference import Request, Step, run_reference


@given(cases())
@settings(max_examples=400, deadline=None)
def test_equals_the_step_by_step_reference(case: Case) -> None:
    expected, steps = run_reference(*case)
    replica = run_replica(*case)
    assert_same_requests(replica, expected)
    assert_same_steps(replica, steps, case[1])


def assert_same_requests(replica: Replica, expected: list[Request]) -> None:
    never = [math.nan]
    for name, values in (
        ("started_s", [request.started_s for request in expected]),
        ("first_token_s", [(request.token_times or never)[0] for request in expected]),
        ("finished_s", [(request.token_times or never)[-1] for request in expected]),
    ):
        np.testing.assert_allclose(getattr(replica, name), values, rtol=1e-9, err_msg=name)
    assert len(replica.queued_again) == sum(request.num_preemptions for request in expected)


def assert_same_steps(replica: Replica, expected: list[Step], limits: EngineLimits) -> None:
    [table] = replica.steps
    columns = dict(zip(StepLog.COLUMNS, table.T, strict=True))
    lengths = columns["steps"].astype(int)
    assert lengths.sum() == len(expected)
    for name in ("decoding", "prefill_tokens"):
        assert np.repeat(columns[name], lengths).tolist() == [
            getattr(step, name) for step in expected
        ]
    firsts = [expected[index] for index in np.cumsum(lengths) - lengths]
    lasts = [expected[index] for index in np.cumsum(lengths) - 1]
    assert columns["kv_tokens"].tolist() == [step.kv_tokens for step in firsts]
    assert columns["first_blocks"].tolist() == [step.used_blocks for step in firsts]
    assert columns["last_blocks"].tolist() == [step.used_blocks for step in lasts]
    np.testing.assert_allclose(columns["start_s"], [step.start_s for step in firsts], rtol=1e-9)
    assert max((step.used_blocks for step in expected), default=0) <= limits.kv_blocks
    assert max((step.running for step in expected), default=0) <= limits.max_num_seqs
