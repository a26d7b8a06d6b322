"""When rows arrive, profile 28: data-plane 3.7, 6.3, 6.4, 6.6; the arrival rule of a host's view."""

import pytest

from meshsim.dataplane import Binding, Journal, View, Wires
from meshsim.profile import Profile
from meshsim.sim import Clock

S = 1_000_000_000
MS = 1_000_000


def binding(endpoint="t1", node="a", **changes):
    fields = {"address": "10.0.1.3", "service_id": "s", "service_name": "http", "vip": "10.0.1.2", **changes}
    return Binding(endpoint, "net", node, **fields)


class Net:
    """A journal, wires between hosts a, b, c, and views made on demand."""

    def __init__(self, **options):
        self.clock = Clock()
        self.wires = Wires(self.clock)
        self.journal = Journal(self.clock)
        self.profile = options.pop("profile", Profile())
        self.options = options

    def view(self, host):
        return View(
            self.journal,
            "net",
            host,
            self.clock.now_ns,
            reach=self.wires,
            profile=self.profile,
            **self.options,
        )

    def at(self, seconds):
        self.clock.run_until(round(seconds * S))

    def known(self, view):
        view.catch_up(self.clock.now_ns)
        view.check()
        return list(view.rows)


@pytest.fixture
def net():
    return Net()


def test_own_rows_at_once_remote_ones_with_the_next_tick(net):
    here, there = net.view("a"), net.view("b")
    net.journal.send(binding())
    assert net.known(here) == ["t1"]
    assert net.known(there) == []
    assert there.awaited_ns == 200 * MS
    net.at(0.199)
    assert net.known(there) == []
    net.at(0.2)
    assert net.known(there) == ["t1"]
    assert there.awaited_ns is None


def test_a_look_without_news_is_empty_and_repeats(net):
    view = net.view("b")
    net.journal.send(binding())
    net.at(1)
    assert [change.after for change in view.catch_up(S)] == [binding()]
    assert view.catch_up(S) == ()
    assert net.journal.last_ns == 0


def test_who_joins_a_network_gets_everything_by_bulk_sync(net):
    net.journal.send(binding("t1"))
    net.journal.send(binding("t2", address="10.0.1.4"))
    net.journal.withdraw("net", "t1")
    late = net.view("b")
    assert net.known(late) == ["t2"]


def test_order_of_arrival_is_the_order_of_sending(net):
    view = net.view("c")
    net.journal.send(binding("t1", "a"))
    net.at(0.1)
    net.journal.send(binding("t2", "c", address="10.0.1.4"))
    net.at(1)
    assert net.known(view) == ["t2", "t1"], "the own row came at 0.1 s, the remote one at 0.2 s"


def test_6_6_13_an_update_overtakes_its_create():
    delays = iter((900 * MS, 100 * MS))
    by_seq = {0: 900 * MS, 1: 100 * MS}
    assert delays
    net = Net(spread=lambda row, host: by_seq[row.seq])
    view = net.view("b")
    net.journal.send(binding())
    net.journal.send(binding(address="10.0.1.9"))
    net.at(2)
    changes = view.catch_up(net.clock.now_ns)
    assert [(change.before, change.after.address) for change in changes] == [(None, "10.0.1.9")]


def test_6_6_14_a_delete_of_an_unknown_row_tells_nothing():
    by_seq = {0: 900 * MS, 1: 100 * MS}
    net = Net(spread=lambda row, host: by_seq[row.seq])
    view = net.view("b")
    net.journal.send(binding())
    net.journal.withdraw("net", "t1")
    net.at(2)
    assert view.catch_up(net.clock.now_ns) == []


def test_6_6_12_create_over_a_tombstone(net):
    view = net.view("b")
    net.journal.send(binding())
    net.journal.withdraw("net", "t1")
    net.journal.send(binding(address="10.0.1.5"))
    net.at(1)
    net.known(view)
    assert view.rows["t1"].address == "10.0.1.5"


def test_6_6_7_a_failed_host_loses_its_rows_after_5_s_and_has_them_back_when_it_is_reached_again(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.journal.send(binding("t3", "c", address="10.0.1.5"))
    net.at(10)
    assert net.known(view) == ["t1", "t3"]
    net.wires.cut("a", "b")
    assert view.fails_at("a") == 15 * S
    assert view.fails_at("c") is None
    assert view.fails_at("b") is None
    net.at(14.999)
    assert net.known(view) == ["t1", "t3"]
    net.at(15)
    assert net.known(view) == ["t3"], "removed outright, the others keep their order"
    net.at(40)
    net.wires.mend("a", "b")
    assert net.known(view) == ["t3"]
    net.at(41)
    assert net.known(view) == ["t3", "t1"], "tried again every second; what returns is the newest"


def test_cuts_that_are_over_are_replayed_by_who_looks_late(net):
    early, late = net.view("b"), net.view("b")
    net.journal.send(binding("t1", "a"))
    net.journal.send(binding("t3", "c", address="10.0.1.5"))
    for moment, what in ((10, net.wires.cut), (40, net.wires.mend), (60, None)):
        net.at(moment)
        net.known(early)
        if what:
            what("a", "b")
    assert net.known(early) == net.known(late) == ["t3", "t1"]


def test_a_short_cut_costs_a_tick_or_waits_for_bulk_sync(net):
    near, far = net.view("b"), net.view("c")
    net.at(10)
    net.wires.cut("a", "b")
    net.wires.cut("a", "c")
    net.journal.send(binding())
    net.at(10.3)
    net.wires.mend("a", "b")
    net.at(10.4)
    assert net.known(near) == ["t1"], "the second of four transmissions"
    net.at(13)
    net.wires.mend("a", "c")
    net.at(29.9)
    assert net.known(far) == []
    assert far.awaited_ns == 30 * S
    net.at(30)
    assert net.known(far) == ["t1"]


def test_rows_sent_while_the_owner_counts_as_failed_come_when_it_is_joined_again(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(20)
    net.journal.withdraw("net", "t1")
    net.journal.send(binding("t2", "a", address="10.0.1.7"))
    net.at(30)
    assert net.known(view) == []
    net.wires.mend("a", "b")
    net.at(31)
    assert net.known(view) == ["t2"]


def test_6_3_partition_each_side_keeps_its_own(net):
    views = {host: net.view(host) for host in "abc"}
    for number, host in enumerate("abc"):
        net.journal.send(binding(f"t{host}", host, address=f"10.0.1.{number + 3}"))
    net.at(10)
    net.wires.cut("a", "b")
    net.wires.cut("a", "c")
    net.at(20)
    assert {host: sorted(net.known(view)) for host, view in views.items()} == {
        "a": ["ta"],
        "b": ["tb", "tc"],
        "c": ["tb", "tc"],
    }
    net.wires.mend("a", "b")
    net.wires.mend("a", "c")
    net.at(22)
    assert all(sorted(net.known(view)) == ["ta", "tb", "tc"] for view in views.values())


@pytest.mark.parametrize("case", ["6.6-8", "6.6-15"])
def test_who_leaves_or_comes_back_as_a_new_member_is_forgotten(net, case):
    view = net.view("b")
    net.journal.join("net", "a", "10.0.1.9")
    net.journal.send(binding("t1", "a"))
    net.at(1)
    assert net.known(view) == ["t1"]
    net.journal.leave("a")
    net.at(1.2)
    assert net.known(view) == []
    assert net.journal.peers("net") == {}


def test_a_crashed_host_that_returns_as_a_new_member_brings_nothing_back(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(30)
    net.journal.leave("a")
    net.wires.mend("a", "b")
    net.at(60)
    assert net.known(view) == []


def test_journal_tells_nothing_twice_and_knows_its_peers():
    clock = Clock()
    journal = Journal(clock)
    journal.send(binding())
    journal.send(binding())
    journal.withdraw("net", "nosuch")
    assert len(journal.rows("net")) == 1
    journal.send(binding().as_disabled())
    assert journal.live("net")["t1"].disabled
    journal.join("net", "a", "10.0.1.5")
    journal.part("net", "a")
    journal.part("net", "a")
    assert journal.peers("net") == {}
    assert repr(journal) == "<Journal live/rows net: 1/2>"
    assert "1 rows" not in repr(View(journal, "net", "b", 0, reach=Wires(clock), profile=Profile()))
    journal.check()


def test_the_log_records_bindings():
    from meshsim.model.log import Log

    log = Log()
    Journal(Clock(), log).send(binding())
    assert '"kind":"binding"' in log.to_jsonl()
    assert '"address":"10.0.1.3"' in log.to_jsonl()


def test_wires_keep_no_empty_span():
    clock = Clock()
    wires = Wires(clock)
    wires.cut("a", "b")
    wires.cut("b", "a")
    wires.mend("a", "b")
    wires.mend("a", "b")
    assert wires.outages("a", "b") == []
    assert wires.version == 2


def test_what_came_by_itself_during_a_reconnect_is_not_undone(net):
    """A row that arrived after the owner was lost is newer than what bulk sync brings."""
    by_seq = {0: 200 * MS, 1: 4500 * MS}
    net = Net(spread=lambda row, host: by_seq[row.seq])
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(30)
    net.wires.mend("a", "b")
    net.at(30.5)
    net.journal.send(binding("t2", "a", address="10.0.1.7"))
    net.at(31)
    assert net.known(view) == ["t1", "t2"], "bulk sync brings the slow row too"
    net.at(40)
    assert net.known(view) == ["t1", "t2"]


def test_two_outages_one_after_the_other(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    for down, up in ((10, 20), (20.5, 30)):
        net.at(down)
        net.wires.cut("a", "b")
        net.at(up)
        net.wires.mend("a", "b")
    net.at(30.9)
    assert net.known(view) == []
    net.at(31)
    assert net.known(view) == ["t1"]


def test_a_newer_row_of_another_owner_wins_over_bulk_sync(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(20)
    net.journal.send(binding("t1", "c", address="10.0.1.9"))
    net.at(30)
    net.wires.mend("a", "b")
    net.at(40)
    net.known(view)
    assert view.rows["t1"].node == "c"


def test_what_arrives_at_the_instant_of_a_cut_has_arrived_whoever_looked_before(net):
    looked, idle = net.view("b"), net.view("b")
    net.journal.send(binding())
    net.at(0.2)
    assert net.known(looked) == ["t1"]
    net.wires.cut("a", "b")
    net.at(0.3)
    assert net.known(looked) == net.known(idle) == ["t1"]


def test_6_6_9_failed_then_left_is_dropped_and_told_once(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.known(view)
    net.wires.cut("a", "b")
    net.at(20)
    assert [change.after for change in view.catch_up(net.clock.now_ns)] == [None]
    net.journal.leave("a")
    net.at(25)
    assert list(view.catch_up(net.clock.now_ns)) == []
    net.wires.mend("a", "b")
    net.at(60)
    assert list(view.catch_up(net.clock.now_ns)) == []


def test_6_6_10_a_delete_while_the_owner_counts_as_failed_is_kept(net):
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(20)
    net.journal.withdraw("net", "t1")
    net.at(30)
    net.wires.mend("a", "b")
    net.at(70)
    assert net.known(view) == []


def test_6_6_11_failed_for_longer_than_half_an_hour(net):
    """What was remembered has expired; a machine that is back all the same brings what it holds."""
    view = net.view("b")
    net.journal.send(binding("t1", "a"))
    net.at(10)
    net.wires.cut("a", "b")
    net.at(10 + 31 * 60)
    assert net.known(view) == []
    net.wires.mend("a", "b")
    net.at(12 + 31 * 60)
    assert net.known(view) == ["t1"]
