"""Room testing: the life of one service of a balancer, step by step.

Comes in: a balancer, steps. Goes out: what it picked, each step in words, and the law that a step broke.
Rules of this file: the balancer lives in a real :class:`~meshsim.ipvs.Table`, so what it is told and what it
may look at is what a cluster would show it; a step that cannot be taken now is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

from meshsim.errors import InvalidRule
from meshsim.ipvs import ABORT, HANDSHAKE, Balancer, Destination, Flow, Table
from meshsim.sim import duplicate
from meshsim.testing.contracts.search import MOST_STEPS, Lawless, lawful
from meshsim.units import SECOND

__all__ = ["GOING_ON", "Life", "Make", "Step"]

#: what is done, and two numbers that say to whom and how much
Step: TypeAlias = tuple[str, int, int]
#: makes the balancer of one service
Make: TypeAlias = Callable[[], Balancer]

#: a stretch so long in which somebody is left out is for ever: longer than any imbalance a history leaves
_FOREVER: Final = 400
#: connections that show whether a copy goes on as the original
GOING_ON: Final = 5
_VIRTUAL: Final = ("10.0.0.80", 80)
_LETTERS: Final = "ABCDEFGHIJ"
#: what one connection carries, for balancers that look at traffic
_BYTES: Final = 1000
_HOOKS: Final = ("bound", "added", "removed", "changed", "tally", "sees_all", "sees_flow")


class _Witness:
    """Stands between a table and a balancer: passes everything on, and lets a judge see each answer first."""

    def __init__(self, inner: Balancer, judge: Callable[[Any], None]) -> None:
        self.inner = inner
        self.judge = judge
        self.meddled = False

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        before = [(each, each.weight) for each in destinations]
        # Who says that it does not look at the flow may be given its bare parts, so it is.
        given: Any = flow if getattr(self.inner, "sees_flow", True) else tuple(flow)
        with lawful("survives", "pick"):
            answer: Any = self.inner.pick(destinations, given, now_ns)
        self.meddled = [(each, each.weight) for each in destinations] != before
        self.judge(answer)
        return answer  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name not in _HOOKS:
            raise AttributeError(name)
        return getattr(self.inner, name)


class Life:
    """One service of a balancer, and what has happened to it.

    Attributes:
        words: the steps taken, as people say them.
        picks: the letters of the destinations picked, all of them.
    """

    def __init__(self, make: Make, laws: Collection[str]) -> None:
        self.laws = laws
        self.words: list[str] = []
        self.picks: list[str] = []
        self.table = Table()
        self._witness = _Witness(make(), self._judge)
        self.names: dict[Destination, str] = {}
        self._now_ns = 0
        self._open: list[Flow] = []
        self._flows = 0
        #: where the stretch of connections began that the last words tell of, and how many words there were
        self._stretch_from = self._told_at = -1
        with lawful("survives", "bound"):
            self.service = self.table.add_service("tcp", *_VIRTUAL, balancer=self._give)

    def _give(self) -> _Witness:
        return self._witness

    @property
    def usable(self) -> list[Destination]:
        """Those that may be picked."""
        return [each for each in self.service.destinations if each.usable]

    # -- steps

    def take(self, step: Step) -> None:
        """Take a step; one that cannot be taken now is left out."""
        what, place, amount = step
        if what == "add":
            self._add(amount)
        elif what == "connect":
            self.take_connections(amount)
        elif what == "close" and self._open:
            self._close()
        elif what == "remove picked" and self.picks:
            self._remove(next((d for d, n in self.names.items() if n == self.picks[-1]), None))
        elif what in ("remove", "weigh") and self.service.destinations:
            one = self.service.destinations[place % len(self.service.destinations)]
            if what == "remove":
                self._remove(one)
            else:
                self._weigh(one, amount)

    def _add(self, weight: int) -> None:
        letter = _LETTERS[len(self.names)]
        self.words.append(f"add {letter}{'' if weight == 1 else f' with weight {weight}'}")
        with lawful("survives", "added"):
            made = self.table.add_destination(
                self.service, f"10.0.1.{len(self.names) + 1}", weight=weight, now_ns=self._now_ns
            )
        self.names[made] = letter

    def _weigh(self, one: Destination, weight: int) -> None:
        if one.weight == weight:
            return
        self.words.append(f"give {self.names[one]} weight {weight}")
        with lawful("survives", "changed"):
            self.table.edit_destination(self.service, one.address, weight=weight, now_ns=self._now_ns)

    def _remove(self, one: Destination | None) -> None:
        if one is None or one not in self.service.destinations:
            return
        picked = self.picks and self.picks[-1] == self.names[one]
        self.words.append(f"remove {self.names[one]}{', which was picked last' if picked else ''}")
        with lawful("survives", "removed"):
            self.table.remove_destination(self.service, one.address, now_ns=self._now_ns)

    def _close(self) -> None:
        self.words.append("close all connections")
        for flow in self._open:
            self.table.follow(flow, self._now_ns, ABORT)
        self._open.clear()
        self._now_ns += 20 * SECOND  # longer than an aborted connection is remembered
        self.table.advance(self._now_ns)

    def take_connections(self, count: int, missing: Collection[str] = ()) -> None:
        """So many connections; fewer when all that are missing have been picked."""
        left = set(missing)
        if len(self.words) == self._told_at:  # one stretch with the connections before
            self.words.pop()
        else:
            self._stretch_from = len(self.picks)
        known, end = -1, ""
        try:
            for _ in range(count):
                known = len(self.picks)
                self.connect()
                left.discard(self.picks[-1])
                if missing and not left:
                    break
        except Lawless:
            end = ", and one more" if len(self.picks) == known else ""
            raise
        finally:
            self.words.append(self._told(self._stretch_from) + end)
            self._told_at = len(self.words)

    def _told(self, before: int) -> str:
        picks = self.picks[before:]
        kinds = sorted(set(picks))
        if len(picks) > 2 * MOST_STEPS:
            return (
                f"{len(picks)} connections: {', '.join(f'{picks.count(kind)} to {kind}' for kind in kinds)}"
            )
        count = f"{len(picks)} connection{'' if len(picks) == 1 else 's'}"
        return f"{count}: {' '.join(picks)}" if picks else "no connection yet"

    def connect(self) -> None:
        """One new connection from a client never seen before, which stays open.

        Raises:
            Lawless: the answer breaks a law.
        """
        self._flows += 1
        client = f"10.{1 + self._flows // 62500}.{self._flows // 250 % 250}.{self._flows % 250 + 1}"
        flow = Flow("tcp", (client, 1024 + self._flows), _VIRTUAL)
        self._now_ns += 1_000_000
        known = len(self.picks)
        try:
            outcome = self.table.route(flow, self._now_ns)
        except InvalidRule as error:  # an answer that a skipped law lets pass, but the table does not
            raise Lawless("own", str(error)) from error
        if len(self.picks) == known:
            self.picks.append("nobody")  # it was not even asked
        if self._witness.meddled:
            self._broken("reads only", "pick changed the destinations it was given, or their list")
        if outcome:
            self._open.append(flow)
            self.table.follow(flow, self._now_ns, HANDSHAKE)
            self.table.account(flow, packets_in=1, packets_out=1, bytes_in=_BYTES, bytes_out=_BYTES)

    def _judge(self, answer: Any) -> None:
        if answer is None:
            self.picks.append("nobody")
            if self.usable:
                names = ", ".join(self.names[each] for each in self.usable)
                self._broken("total", f"nothing was picked although {names} may be")
            return
        name = self.names.get(answer) if isinstance(answer, Destination) else None
        self.picks.append(name or repr(answer))
        if name is None:
            raise Lawless("own", f"{answer!r} was picked, which is no destination of this service")
        if answer not in self.service.destinations:
            self._broken("removed", f"{name} was picked after it was removed")
        elif not answer.weight:
            self._broken("weight 0", f"{name} was picked although its weight is 0")

    def _broken(self, law: str, sentence: str) -> None:
        if law in self.laws:
            raise Lawless(law, sentence)

    # -- laws of a whole stretch

    def nobody_is_left_out(self) -> None:
        """Let many come until everybody who may be picked has been.

        Raises:
            Lawless: somebody never is.
        """
        usable = [self.names[each] for each in self.usable]
        before = len(self.picks)
        self.take_connections(_FOREVER if len(usable) > 1 else 1, usable)
        picked = set(self.picks[before:])
        missing = [name for name in usable if name not in picked]
        if len(usable) > 1 and len(missing) == len(usable) - 1:
            self._broken("sticks", f"all went to {self.picks[-1]}")
        elif missing:
            self._broken("starves", f"none went to {' and '.join(missing)}")

    def is_fair(self, bound: float, weighted: bool) -> None:
        """Compare the counts with fair shares.

        Raises:
            Lawless: one differs by more than the bound.
        """
        usable = self.usable
        weights = {self.names[each]: each.weight if weighted else 1 for each in usable}
        counts, total, whole = Counter(self.picks), len(self.picks), sum(weights.values())
        for name, weight in weights.items():
            fair = total * weight / whole
            if abs(counts[name] - fair) > bound:
                raise Lawless(
                    "fair",
                    f"{name} got {counts[name]} of {total} connections, {fair:g} would be fair; "
                    f"that is more than {bound:g} apart",
                )

    def goes_on_as_its_copy(self) -> None:
        """Copy the service, and let both go on.

        Raises:
            Lawless: they differ, or there can be no copy.
        """
        try:
            with lawful("copies", "the copy"):
                twin = duplicate(self, {})
        except Lawless:
            self.words.append("copy it")
            raise
        self.take_connections(GOING_ON)
        try:
            twin.take_connections(GOING_ON)
        except Lawless as lawless:
            raise Lawless("copies", f"a copy made before the last step broke: {lawless.sentence}") from None
        theirs = twin.picks[-GOING_ON:]
        if theirs != self.picks[-GOING_ON:]:
            raise Lawless("copies", f"a copy made before the last step answers {' '.join(theirs)}")
