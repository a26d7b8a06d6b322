"""Who leads, and what may be written. Rows of control-plane 3.5, 3.6, 3.7, 3.8; ground truth 8 and 20."""

from __future__ import annotations

import copy

import pytest

from meshsim.errors import ApiError, NoLeader, NotModelled, Unavailable
from meshsim.manager import quorum_of, tolerated
from meshsim.manager.quorum import Gate, Quorum
from meshsim.model.objects import ManagerStatus
from meshsim.model.states import Reachability
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

S = 1_000_000_000


class Stand:
    """Members a, b, c ... whose links are cut by hand; the office writes down what it is told."""

    version = 0

    def __init__(self, names="abc", seed=0):
        self.clock = Clock()
        self.down = set()
        self.sides = []
        self.told = []
        streams = Streams(seed)
        self.q = Quorum(self.clock, Profile(), streams["election"], streams["ids"], self, self, self.reaches)
        self.q.bootstrap(names[0], f"{names[0]}:2377")
        for name in names[1:]:
            self.q.join(name, f"{name}:2377")
        self.told.clear()

    # office
    def take(self):
        self.told.append((self.clock.now_ns, f"take {self.q.leader}"))

    def hold(self):
        self.told.append((self.clock.now_ns, "hold"))

    def resume(self):
        self.told.append((self.clock.now_ns, "resume"))

    def lose(self, *, abruptly):
        self.told.append((self.clock.now_ns, "vanish" if abruptly else "resign"))

    @property
    def story(self):
        return [what for _, what in self.told]

    # network
    def reaches(self, a, b):
        if a in self.down or b in self.down:
            return False
        return a == b or self.side(a) == self.side(b)

    def side(self, name):
        return next((i for i, side in enumerate(self.sides) if name in side), -1)

    def fail(self, *names):
        self.down |= set(names)
        self.look()

    def recover(self, *names):
        self.down -= set(names)
        self.look()

    def partition(self, *sides):
        self.sides = list(sides)
        self.look()

    def heal(self):
        self.partition()

    def look(self):
        self.q.refresh()
        self.q.check()

    def run(self, seconds):
        for _ in range(int(seconds * 2)):
            self.clock.run_for(S // 2)
            self.q.check()

    def gates(self, write=True):
        return {name: self.q.gate(name, write=write).value for name in self.q.members}


def members(count):
    return Stand("abcdefg"[:count])


# -- arithmetic --------------------------------------------------------------------------------------


def test_3_7_quorum_and_tolerated_failures():
    table = {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3}
    assert {n: tolerated(n) for n in table} == table
    assert {n: n - quorum_of(n) for n in table} == table


@pytest.mark.parametrize(
    ("n", "down", "victim", "ok"),
    [
        (1, "", "a", True),  # guard 1 of the control API fires first
        (2, "", "b", True),
        (3, "", "b", True),
        (3, "c", "b", False),
        (3, "c", "c", True),
        (5, "e", "b", True),
        (5, "de", "b", False),
        (5, "de", "e", True),
    ],
)
def test_3_5_removable(n, down, victim, ok):
    stand = members(n)
    stand.fail(*down)
    stand.run(4)
    assert stand.q.can_remove(victim) is (ok if n > 1 else False)


def test_3_8_15_remove():
    stand = members(3)
    stand.fail("b", "c")
    stand.run(4)
    for name in "abc":
        with pytest.raises((ApiError, NoLeader)):
            stand.q.remove(name)
    stand.recover("b")
    with pytest.raises(ApiError) as caught:
        stand.q.remove("b")
    assert caught.value.description == (
        "raft: member cannot be removed, because removing it may result in loss of quorum"
    )
    stand.q.remove("c")
    stand.q.remove("never was one")
    assert list(stand.q.members) == ["a", "b"]
    assert not stand.q.is_member("c")


def test_the_leader_removes_others_not_itself():
    stand = members(3)
    with pytest.raises(ApiError):
        stand.q.remove("a")


# -- a single manager --------------------------------------------------------------------------------


def test_single_manager_leads_at_once_and_needs_no_timer():
    stand = Stand("a")
    assert (stand.q.leader, stand.clock.pending(), stand.q.term) == ("a", [], 1)
    assert stand.gates() == {"a": "open"}
    assert stand.q.status("a") == ManagerStatus("a:2377", leader=True, reachability=Reachability.REACHABLE)
    assert stand.q.status("x") is None


def test_single_manager_that_restarts_is_a_new_leader():
    stand = Stand("a")
    stand.fail("a")
    assert (stand.q.leader, stand.gates()) == ("", {"a": "closed"})
    stand.run(60)
    stand.recover("a")
    assert stand.story == ["vanish", "take a"]
    assert (stand.q.leader, stand.q.term) == ("a", 2)


def test_while_all_is_well_nothing_ticks():
    assert members(5).clock.pending() == []


# -- elections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_3_8_4_leader_lost_another_within_10_to_20_seconds(seed):
    stand = Stand("abc", seed)
    stand.run(2.5)
    stand.fail("a")
    cut_ns = stand.clock.now_ns
    stand.run(30)
    assert stand.story[0] == "vanish"
    assert stand.story[-1] in ("take b", "take c")
    at_ns = stand.told[-1][0]
    if len(stand.told) == 2:  # no split vote
        assert 9 * S <= at_ns - cut_ns <= 20 * S
    leader, term = stand.q.leader, stand.q.term
    assert term >= 2
    stand.recover("a")
    stand.run(60)
    assert (stand.q.leader, stand.q.term) == (leader, term)
    assert sorted(s.leader for s in map(stand.q.status, "abc")) == [False, False, True]


def test_elections_draw_from_10_to_19_ticks():
    seen = set()
    for seed in range(60):
        stand = Stand("ab", seed)
        seen |= {member.timeout_ticks for member in stand.q.members.values()}
    assert seen == set(range(10, 20))


def test_3_7_two_managers_one_lost():
    """Ground truth 8: it leads on for 10 to 20 seconds, reads work, then there is no leader for good."""
    stand = members(2)
    stand.run(12)
    stand.fail("b")
    assert (stand.story, stand.q.held) == (["hold"], True)
    assert (stand.gates()["a"], stand.gates(write=False)["a"]) == ("stalled", "open")
    with pytest.raises(NoLeader):
        stand.q.join("x", "x:2377")
    stand.run(7.5)  # the count at 20 s still sees what was heard before 12 s
    assert stand.story == ["hold"]
    stand.run(1)
    assert stand.story == ["hold"]
    stand.run(10)
    assert stand.told[-1] == (30 * S, "resign")
    assert stand.gates()["a"] == "waiting"
    stand.run(10)
    assert stand.gates()["a"] == "closed"
    stand.run(120)
    assert stand.story == ["hold", "resign"]


def test_3_8_7_lost_manager_comes_back():
    stand = members(3)
    stand.fail("b")
    assert (stand.story, stand.gates()["a"]) == ([], "open")
    stand.fail("c")
    stand.run(60)
    assert stand.story == ["hold", "resign"]
    stand.recover("b")
    stand.run(60)
    assert stand.story[-1].startswith("take")
    assert stand.gates()[stand.q.leader] == "open"


def test_quorum_back_before_the_leader_noticed():
    stand = members(3)
    stand.fail("b", "c")
    stand.run(5)
    stand.recover("c")
    assert stand.story == ["hold", "resume"]
    assert stand.q.leader == "a"
    stand.run(60)
    assert stand.story == ["hold", "resume"]


def test_3_8_17_five_members_three_lost():
    stand = members(5)
    stand.fail("c", "d", "e")
    assert stand.gates()["b"] == "stalled"
    stand.recover("e")
    assert stand.gates()["b"] == "open"


def test_20_calls_to_a_dead_leader_hang_then_wait():
    stand = members(3)
    stand.fail("a")
    assert (stand.gates()["b"], stand.gates()["c"]) == ("hanging", "hanging")
    assert stand.gates()["a"] == "closed"
    seen = []
    for _ in range(60):
        stand.run(0.5)
        seen.append(stand.gates()["b"])
    assert seen[-1] == "open"
    assert seen[0] == "hanging"


# -- partitions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_partition_majority_elects_minority_waits(seed):
    stand = Stand("abcde", seed)
    stand.run(3)
    stand.partition("ab", "cde")
    assert stand.story == ["hold"]
    stand.run(40)
    assert stand.q.leader in "cde"
    gates = stand.gates()
    assert {gates[name] for name in "cde"} == {"open"}
    assert {gates[name] for name in "ab"} == {"closed"}
    stand.heal()
    stand.run(60)
    assert set(stand.gates().values()) == {"open"}


def test_minority_without_the_leader_disturbs_nobody_until_it_heals():
    """There is no pre-vote: a member that campaigned alone unseats the leader when it returns."""
    stand = members(3)
    stand.partition("ab", "c")
    stand.run(60)
    assert (stand.story, stand.q.leader) == ([], "a")
    assert stand.q.members["c"].term > stand.q.term
    stand.heal()
    assert stand.story == ["resign"]
    stand.run(60)
    assert stand.story[1].startswith("take")
    assert set(stand.gates().values()) == {"open"}


def test_who_has_seen_less_of_the_log_is_not_elected():
    for seed in range(10):
        stand = Stand("abc", seed)
        stand.partition("ab", "c")
        stand.version += 1  # committed by a and b
        stand.run(40)
        stand.fail("a")
        stand.heal()
        for _ in range(30):
            stand.run(15)
            assert stand.q.leader in ("", "b")
        assert stand.q.leader == "b"


def test_a_new_leader_is_unseated_by_a_higher_term_too():
    """d and e, cut off, have campaigned in vain; the next leader meets them and must stand again."""
    stand = members(5)
    stand.partition("abc", "d", "e")
    stand.run(60)
    stand.partition("abc", "d", "e")
    stand.fail("a")
    stand.sides = []
    stand.q.members["b"].timeout_ticks = 10
    stand.run(120)
    assert stand.q.leader in tuple("bcde")
    assert set(stand.gates().values()) == {"open", "closed"}


def test_brief_cut_of_a_follower_changes_nothing():
    stand = members(3)
    stand.partition("ab", "c")
    stand.run(3)
    stand.heal()
    stand.run(60)
    assert (stand.story, stand.q.term) == ([], 1)


def test_a_voter_that_hears_a_leader_does_not_vote():
    stand = members(3)

    class OneWay:
        """c no longer hears a, but reaches b: a link, not a machine, is broken."""

        def reaches(self, x, y):
            return {x, y} != {"a", "c"}

    stand.q._reaches = OneWay().reaches
    stand.run(0)
    stand.q.refresh()
    stand.run(60)
    assert (stand.q.leader, stand.q.held) == ("a", False)


# -- reachability ------------------------------------------------------------------------------------


def test_8_lost_member_is_shown_unreachable_after_2_to_3_seconds():
    stand = members(3)
    stand.run(4.5)
    stand.fail("c")
    for seconds, shown in ((0, "reachable"), (2, "reachable"), (1, "unreachable")):
        stand.run(seconds)
        assert stand.q.reachability("c").label == shown
    stand.recover("c")
    assert stand.q.reachability("c") is Reachability.REACHABLE


def test_20_old_leader_is_unreachable_for_the_new_one():
    stand = members(3)
    stand.fail("a")
    stand.run(30)
    assert stand.q.reachability("a") is Reachability.UNREACHABLE


def test_a_new_leader_takes_the_old_one_for_reachable_until_its_first_message_is_lost():
    stand = members(3)
    stand.fail("a")
    while stand.q.leader not in ("b", "c"):
        assert stand.clock.step()
    shown = []
    for wait_ns in (0, 2 * S - 1, 1):
        stand.clock.run_for(wait_ns)
        shown.append(stand.q.reachability("a").label)
    assert shown == ["reachable", "reachable", "unreachable"]


# -- joining, transfer, disaster ---------------------------------------------------------------------


def test_3_2_leader_dials_back():
    stand = members(1)
    stand.down = {"b"}
    with pytest.raises(Unavailable, match="could not connect to prospective new cluster member"):
        stand.q.join("b", "b:2377")
    assert list(stand.q.members) == ["a"]
    stand.down = set()
    stand.q.join("b", "b:2377")
    stand.q.join("b", "elsewhere:2377")
    assert [m.address for m in stand.q.members.values()] == ["a:2377", "elsewhere:2377"]
    assert len({m.raft_id for m in stand.q.members.values()}) == 2


def test_join_without_leader():
    stand = members(3)
    stand.fail("a", "b")
    stand.down = {"a", "b"}
    with pytest.raises(NoLeader):
        stand.q.join("x", "x:2377")


def test_3_7_transfer_goes_to_the_longest_active():
    stand = members(3)
    stand.run(1)
    stand.fail("b")
    stand.run(1)
    stand.recover("b")
    assert stand.q.transfer()
    assert (stand.q.leader, stand.story) == ("c", ["resign", "take c"])
    stand.q.check()
    assert set(stand.gates().values()) == {"open"}


def test_transfer_without_heir():
    stand = members(2)
    stand.fail("b")
    assert not stand.q.transfer()
    assert not Stand("a").q.transfer()


def test_3_7_force_new_cluster():
    stand = members(3)
    stand.fail("b", "c")
    stand.run(60)
    stand.q.force_new_cluster("a")
    stand.q.check()
    assert (stand.story[-1], list(stand.q.members)) == ("take a", ["a"])
    assert stand.gates() == {"a": "open"}


def test_force_new_cluster_by_a_leader_in_office():
    stand = members(2)
    stand.fail("b")
    stand.q.force_new_cluster("a")
    assert stand.story == ["hold", "vanish", "take a"]


def test_force_new_cluster_by_one_that_missed_commits():
    stand = members(3)
    stand.partition("ab", "c")
    stand.version += 1
    stand.fail("a", "b")
    with pytest.raises(NotModelled):
        stand.q.force_new_cluster("c")


def test_force_new_cluster_while_others_run_or_by_a_stranger():
    stand = members(3)
    stand.partition("ab", "c")
    with pytest.raises(NotModelled, match="while other managers"):
        stand.q.force_new_cluster("c")
    with pytest.raises(ApiError, match="not yet part of a raft cluster"):
        stand.q.force_new_cluster("x")
    assert stand.q.leader == "a"


def test_questions_about_a_node_that_is_no_member():
    assert members(1).q.reachability("x") is Reachability.UNKNOWN
    assert members(1).q.gate("x") is Gate.CLOSED


def test_copy_goes_its_own_way():
    stand = members(3)
    stand.fail("a")
    twin = copy.deepcopy(stand)
    twin.run(40)
    assert (stand.q.leader, twin.q.leader != "") == ("", True)
    stand.run(40)
    assert stand.told == twin.told


def test_reprs():
    stand = members(2)
    assert repr(stand.q) == "<Quorum of 2: leader a>"
    assert repr(stand.q.members["a"]) == "<Member a leads, term 1>"
    assert repr(stand.q.members["b"]) == "<Member b follows a, term 1>"
    stand.fail("b")
    assert repr(stand.q) == "<Quorum of 2: leader a, no quorum>"
    stand.fail("a")
    assert repr(stand.q) == "<Quorum of 2: no leader>"
    assert repr(stand.q.members["a"]) == "<Member a follows nobody, term 1, down>"
