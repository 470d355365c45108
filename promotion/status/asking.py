"""Asks all stacks what they run, side by side: each answer is a process, and takes seconds.

A stack that cannot be asked, or whose file has an error, has that among its problems, and takes
nothing from the others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from preflight.stack_cost import stack_cost
from promotion.errors import PromotionError
from promotion.gates import soak
from promotion.pulumi_stack import PulumiStack, State, Update
from promotion.record import Record, open_entry
from promotion.release import Release
from promotion.release_store import ReleaseStore
from promotion.status.report import (
    HOUR,
    DriftSeen,
    DriftVerdict,
    Report,
    Runs,
    Soak,
    StackStatus,
    WaiverSeen,
)
from promotion.status.stage_order import in_promotion_order
from stacks import reading
from stacks.reading import SettingsError
from stacks.released import Released
from stacks.settings import Settings

_ASKED_AT_ONCE = 8


class AskedStack(Protocol):
    """What is asked of a stack; a PulumiStack is one."""

    def state(self) -> State | None: ...

    def updates(self) -> Sequence[Update]: ...


@dataclass(frozen=True)
class Asking:
    """How stacks of the repository in `root` are asked; `told` hears what is waited for.

    `drift_of` takes minutes a stack; None where nobody wants to know.
    """

    root: Path
    stack_of: Callable[[str], AskedStack]
    drift_of: Callable[[str], DriftSeen] | None = None
    told: Callable[[str], None] = lambda words: None


def of_pulumi(root: Path) -> Callable[[str], AskedStack]:
    """Stacks as the team's own Pulumi knows them."""
    return lambda name: PulumiStack.of(name, root)


def status_of(names: Iterable[str], asking: Asking, asked_at: datetime | None = None) -> Report:
    """In promotion order; `asked_at`, now if not given, is what ages and waivers are counted to."""
    now = asked_at or datetime.now(UTC)
    folder = asking.root / "stacks"
    ordered = in_promotion_order(names, folder)
    views = {name: _View(name, now) for name in ordered}
    for view in views.values():
        view.read_file(folder)
    _ask_side_by_side(list(views.values()), asking)
    for view in views.values():
        # One after the other, and in this thread: an interrupt reaches the engine from here alone.
        view.ask_for_drift(asking)
    settings = {name: view.settings for name, view in views.items() if view.settings is not None}
    return Report(now, [_with_soaks(view, settings) for view in views.values()])


def _ask_side_by_side(views: Sequence["_View"], asking: Asking) -> None:
    if not views:
        return
    releases = _Releases.read(asking.root)
    asking.told(f"asking Pulumi about {', '.join(view.name for view in views)}")
    pool = ThreadPoolExecutor(_ASKED_AT_ONCE)
    try:
        waiting = {pool.submit(view.ask, asking, releases): view.name for view in views}
        for done, each in enumerate(as_completed(waiting), start=1):
            each.result()
            asking.told(f"{waiting[each]} has answered, {done} of {len(waiting)}")
    finally:
        # After an interrupt nobody waits for stacks that have not been asked yet.
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Releases:
    """All releases that were created here, or why they cannot be read."""

    all: Sequence[Release] = ()
    problem: str = ""

    @classmethod
    def read(cls, root: Path) -> "_Releases":
        try:
            return cls(list(ReleaseStore(root)))
        except PromotionError as error:
            return cls(problem=str(error))

    def of(self, contents: Released) -> Release | None:
        """As ReleaseStore.of, with each file read once for all stacks."""
        if self.problem:
            raise PromotionError(self.problem)
        return next((each for each in self.all if each.contents == contents), None)


@dataclass
class _View:
    """What has been found out of one stack so far."""

    name: str
    now: datetime
    settings: Settings | None = None
    soaked_since: datetime | None = None
    found: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def status(self) -> StackStatus:
        return StackStatus(self.name, self.now, **self.found, problems=tuple(self.problems))

    def read_file(self, folder: Path) -> None:
        with self._problems_noted():
            self.settings = settings = reading.from_file(self.name, folder)
            self.found |= {
                "source": settings.promotion.source if settings.promotion else None,
                "waivers": tuple(_waivers(settings, self.now)),
            }
            cost = stack_cost(settings)["desired_nodes"]
            self.found |= {"usd_per_hour": cost.usd_per_hour, "unpriced": cost.without}
            self._look_for_source(self.found["source"], folder)

    def _look_for_source(self, source: str | None, folder: Path) -> None:
        if source is not None and not reading.stack_file(source, folder).exists():
            file = reading.stack_file(self.name, folder).name
            self.problems.append(f"stacks/{file}: promotion.source: {source} has no file in stacks")

    def ask(self, asking: Asking, releases: _Releases) -> None:
        with self._problems_noted():
            self.found["interrupted"] = open_entry(Record(asking.root, self.name))
        with self._problems_noted():
            self._ask_pulumi(asking.stack_of(self.name), releases)

    def ask_for_drift(self, asking: Asking) -> None:
        """Only of what is deployed: the others have nothing that could drift."""
        if asking.drift_of is None or self.found.get("runs") in (None, Runs.NOTHING):
            return
        asking.told(f"looking for drift in {self.name}: a refresh that writes nothing")
        with self._problems_noted():
            self.found["drift"] = seen = asking.drift_of(self.name)
            if seen.verdict is DriftVerdict.UNKNOWN:
                self.problems.append(f"stack {self.name}: drift: {seen.evidence}")

    def _ask_pulumi(self, stack: AskedStack, releases: _Releases) -> None:
        state = stack.state()
        if state is None:
            self.found["runs"] = Runs.NOTHING
            return
        if state.is_empty:
            self.found["runs"] = Runs.NOTHING
        else:
            self._read_state(state, releases)
        self._read_history(soak.those_that_ran(stack.updates()))

    def _read_state(self, state: State, releases: _Releases) -> None:
        self.found["runs"] = Runs.NO_RELEASE
        if state.pending_operations:
            self.problems.append(
                f"stack {self.name}: an update was cut off, and {len(state.pending_operations)} of"
                " its operations are pending: `pulumi refresh` asks what became of them"
            )
        with self._problems_noted():
            self._look_up(state, releases)

    def _read_history(self, ran: Sequence[Update]) -> None:
        """By the gate `soak`: what it refuses is not told as ready here."""
        unfinished = ran[0] if ran and not ran[0].succeeded else None
        if unfinished is not None:
            self._tell_unfinished(unfinished)
        if self.found["runs"] is Runs.NOTHING:
            return
        self.found["since"] = soak.changed_at(ran[1:] if "running" in self.found else ran)
        self.soaked_since = soak.soaked_since(ran)
        if self.soaked_since is None and unfinished is None:
            self.problems.append(
                f"stack {self.name}: nobody knows since when it runs this: Pulumi's history has no"
                " update, or no end of one, or ends with a destroy that has left something"
            )

    def _tell_unfinished(self, newest: Update) -> None:
        if newest.is_running:
            self.found["running"] = newest
            return
        self.found["failed"] = newest
        self.problems.append(
            f"stack {self.name}: the newest {soak.named(newest)} is {newest.result}: nothing soaks"
            " here until `pulumi up` has succeeded"
        )

    def _look_up(self, state: State, releases: _Releases) -> None:
        contents = _released(self.name, state)
        if contents is None:
            return
        self.found["contents"] = contents
        self.found["release"] = release = releases.of(contents)
        if release is not None:
            self.found["runs"] = Runs.RELEASE

    @contextmanager
    def _problems_noted(self) -> Iterator[None]:
        """Whatever one stack does must not hide the others: here no error goes on."""
        try:
            yield
        except SettingsError as error:
            self.problems += [str(problem) for problem in error.problems]
        except PromotionError as error:
            self.problems.append(str(error))
        except Exception as error:
            self.problems.append(f"stack {self.name}: {type(error).__name__}: {error}")


def _released(name: str, state: State) -> Released | None:
    try:
        return state.released
    except PromotionError as error:
        raise PromotionError(f"stack {name}: its {error}") from None


def _waivers(settings: Settings, now: datetime) -> Iterator[WaiverSeen]:
    """Those of policies, then those of gates; days are of UTC."""
    today = now.astimezone(UTC).date()
    for waiver in settings.waivers:
        lets_pass = f"{waiver.policy} of {waiver.resource}"
        yield WaiverSeen(lets_pass, waiver, waiver.is_expired(today))
    for gate in settings.promotion.waivers if settings.promotion else ():
        yield WaiverSeen(f"gate {gate.gate}", gate, gate.is_expired(today))


def _with_soaks(view: _View, settings: Mapping[str, Settings]) -> StackStatus:
    """What still must soak here, for each stack that takes releases from here."""
    status, since = view.status(), view.soaked_since
    if status.runs is not Runs.RELEASE or since is None:
        return status
    soaks = [
        _soak(target, each.promotion.soak_hours, since, status.asked_at)
        for target, each in settings.items()
        if each.promotion is not None and each.promotion.source == status.stack
    ]
    return replace(status, soaks=tuple(soaks))


def _soak(target: str, soak_hours: float, since: datetime, now: datetime) -> Soak:
    ends = since + timedelta(hours=soak_hours)
    return Soak(target, soak_hours, max(0.0, (ends - now) / HOUR), ends)
