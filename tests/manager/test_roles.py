"""Roles as wanted become roles as they are. Rows of control-plane 3.5 and 3.8."""

from __future__ import annotations

import copy

import pytest
from tests.manager.loops import Bench, S

from meshsim.errors import ApiError
from meshsim.manager.roles import RoleManager
from meshsim.model.objects import Node
from meshsim.model.specs import NodeSpec
from meshsim.model.states import Role

MANAGER, WORKER = Role.MANAGER, Role.WORKER


class Raft:
    """Members by hand."""

    def __init__(self, *members):
        self.members = list(members)
        self.leader = members[0] if members else ""
        self.blocked = False
        self.refuse = False
        self.removed = []
        self.heir = None
        self.on_transfer = None

    def is_member(self, node_id):
        return node_id in self.members

    def can_remove(self, node_id):
        return not self.blocked

    def remove(self, node_id):
        if self.refuse:
            raise ApiError("raft: no elected cluster leader")
        self.members.remove(node_id)
        self.removed.append(node_id)

    def transfer(self):
        if self.heir is None:
            return False
        self.leader = self.heir
        self.on_transfer()
        return True


class Stand(Bench):
    def __init__(self, *nodes, members=()):
        super().__init__()
        self.raft = Raft(*members)
        self.write(*nodes)
        self.r = RoleManager(self.store, self.clock, self.profile, self.raft)
        self.r.start()

    def want(self, node_id, role):
        self.set_node(node_id, spec=NodeSpec(role=role))

    def run(self, seconds):
        super().run(int(seconds * S))
        self.r.check()

    def roles(self):
        return {node.id: node.role for node in self.store.nodes.values()}


def node(node_id, role=WORKER, wanted=None):
    return Node(node_id, role=role, spec=NodeSpec(role=role if wanted is None else wanted))


def test_3_5_promotion_is_immediate():
    stand = Stand(node("m", MANAGER), node("w"), members="m")
    stand.want("w", MANAGER)
    stand.run(0)
    assert stand.roles() == {"m": MANAGER, "w": MANAGER}
    assert stand.clock.pending() == []


def test_3_5_demotion_leaves_raft_first_and_the_role_follows_on_the_next_tick():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), members="mv")
    stand.want("v", WORKER)
    stand.run(0)
    assert (stand.raft.removed, stand.roles()["v"]) == (["v"], MANAGER)
    (timer,) = stand.clock.pending()
    assert (timer.name, timer.background) == ("role retry", False)
    stand.run(4.9)
    assert stand.roles()["v"] == MANAGER
    stand.run(0.1)
    assert stand.roles()["v"] == WORKER
    assert stand.clock.pending() == []


def test_3_8_21_demoted_in_the_store_on_startup():
    stand = Stand(node("m", MANAGER), node("v", MANAGER, wanted=WORKER), members="mv")
    stand.run(5)
    assert (stand.raft.members, stand.roles()["v"]) == (["m"], WORKER)


def test_3_5_unsafe_demotion_waits_in_the_background():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), members="mv")
    stand.raft.blocked = True
    stand.want("v", WORKER)
    stand.run(0)
    (timer,) = stand.clock.pending()
    assert timer.background
    stand.run(60)
    assert stand.raft.members == ["m", "v"]
    stand.raft.blocked = False
    stand.run(10)
    assert stand.roles()["v"] == WORKER


def test_refused_removal_is_tried_again():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), members="mv")
    stand.raft.refuse = True
    stand.want("v", WORKER)
    stand.run(12)
    stand.raft.refuse = False
    stand.run(10)
    assert stand.roles()["v"] == WORKER


def test_wish_withdrawn_in_time():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), members="mv")
    stand.raft.blocked = True
    stand.want("v", WORKER)
    stand.run(1)
    stand.want("v", MANAGER)
    stand.run(10)
    assert (stand.roles()["v"], stand.r.pending, stand.clock.pending()) == (MANAGER, {}, [])


def test_3_5_leader_is_demoted_by_its_successor():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), node("x"), members="mv")
    stand.raft.heir = "v"
    stand.raft.on_transfer = stand.r.stop
    with stand.store.transaction() as tx:
        tx.update(stand.node("m"), spec=NodeSpec(role=WORKER))
        tx.update(stand.node("x"), spec=NodeSpec(role=MANAGER))
    stand.run(0)
    assert (stand.raft.members, stand.r.running) == (["m", "v"], False)
    stand.r.start()
    stand.run(5)
    assert (stand.raft.members, stand.roles()) == (["v"], {"m": WORKER, "v": MANAGER, "x": MANAGER})


def test_two_who_are_demoted_do_not_pass_leadership_to_and_fro():
    """Who takes office in the middle of the old leader's look begins with a look of its own."""
    stand = Stand(node("m", MANAGER), node("v", MANAGER), node("x", MANAGER), members="mvx")
    raft, heirs = stand.raft, iter(("v", "x", "m"))

    def handed_over():
        stand.r.stop()
        stand.r.start()
        raft.heir = next(heirs)

    raft.heir, raft.on_transfer = next(heirs), handed_over
    with stand.store.transaction() as tx:
        for name in "mv":
            tx.update(stand.node(name), spec=NodeSpec(role=WORKER))
    stand.run(10)
    assert (raft.leader, raft.members) == ("x", ["x"])
    assert stand.roles() == {"m": WORKER, "v": WORKER, "x": MANAGER}


def test_transfer_without_heir_waits():
    stand = Stand(node("m", MANAGER, wanted=WORKER), members="m")
    stand.run(20)
    assert stand.raft.members == ["m"]


@pytest.mark.parametrize("refuse", [False, True])
def test_3_5_deleted_node_is_evicted(refuse):
    stand = Stand(node("m", MANAGER), node("v", MANAGER), node("w"), members="mv")
    stand.raft.refuse = refuse
    stand.delete(stand.node("v"), stand.node("w"))
    stand.run(0)
    assert stand.raft.members == (["m", "v"] if refuse else ["m"])
    stand.raft.refuse = False
    stand.run(5)
    assert stand.raft.members == ["m"]
    stand.run(5)
    assert stand.clock.pending() == []


def test_evicted_by_others_meanwhile():
    stand = Stand(node("m", MANAGER), node("v", MANAGER), members="mv")
    stand.raft.refuse = True
    stand.delete(stand.node("v"))
    stand.run(0)
    stand.raft.members.remove("v")
    stand.run(5)
    assert stand.r.pending == {}


def test_stop_forgets():
    stand = Stand(node("m", MANAGER), node("w", wanted=MANAGER), members="m")
    stand.r.stop()
    stand.run(10)
    assert (stand.roles()["w"], stand.clock.pending()) == (WORKER, [])
    stand.r.start()
    stand.raft.blocked = True
    stand.want("m", WORKER)
    stand.run(1)
    stand.r.stop()
    assert stand.clock.pending() == []


def test_other_commits_are_no_concern():
    from tests.manager.loops import make_service

    stand = Stand(node("m", MANAGER), members="m")
    stand.write(make_service())
    stand.delete(stand.store.services["s1"])
    assert stand.clock.pending() == []


def test_copy_and_repr():
    stand = Stand(node("m", MANAGER), node("w", wanted=MANAGER), members="m")
    assert repr(stand.r) == "<RoleManager running, 1 pending>"
    twin = copy.deepcopy(stand)
    twin.run(0)
    assert (twin.roles()["w"], stand.roles()["w"]) == (MANAGER, WORKER)
    stand.r.stop()
    assert repr(stand.r) == "<RoleManager stopped, 0 pending>"
