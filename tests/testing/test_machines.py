"""ClusterMachine: runs as it is, takes configuration and invariants, shows what it did when one breaks."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from meshsim.testing import Answer, ClusterMachine

FEW = settings(max_examples=8, stateful_step_count=12, deadline=None, database=None)
FIND = settings(
    max_examples=60,
    stateful_step_count=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
)


class LeastBytes:
    def pick(self, destinations, flow, now_ns):
        return min(destinations, key=lambda destination: destination.bytes_out)


class Plain(ClusterMachine):
    """As it comes, with what must hold of any swarm that has settled."""

    @invariant()
    def who_answers_is_of_the_service_asked(self):
        for answer in self.answers:
            assert isinstance(answer, Answer)
            assert (answer.response is None) == (answer.failure is not None)
            if answer.response is not None:
                assert answer.response.task.startswith(f"{answer.service}.")

    @invariant()
    def replicas_run_or_wait_for_a_reason(self):
        if self.settled and all(host.up for host in self.cluster.hosts.values()):
            for service in self.services.values():
                waiting = [t for t in service.tasks() if t.record.node_id == "" and t.record.status.err]
                assert service.running == service.record.spec.mode.replicas or waiting


TestPlain = Plain.TestCase
TestPlain.settings = FEW


class Configured(ClusterMachine):
    """Three managers, a balancer of one's own, no faults."""

    managers = 3
    workers = 0
    names = ("shop",)
    max_replicas = 2
    faults = False
    options = {"balancer": LeastBytes, "ties": "seeded"}  # noqa: RUF012

    @invariant()
    def as_configured(self):
        assert list(self.cluster.hosts) == ["host01", "host02", "host03"]
        assert self.cluster.ties == "seeded"
        assert set(self.services) <= {"shop"}
        assert all(host.up for host in self.cluster.hosts.values())
        assert all(service.record.spec.mode.replicas <= 2 for service in self.services.values())


TestConfigured = Configured.TestCase
TestConfigured.settings = FEW


def test_a_broken_invariant_shows_the_few_steps_that_break_it(capsys):
    class NeverTwo(ClusterMachine):
        faults = traffic = False

        @invariant()
        def at_most_one_replica(self):
            assert all(service.record.spec.mode.replicas < 2 for service in self.services.values())

    with pytest.raises(AssertionError) as error:
        run_state_machine_as_test(NeverTwo, settings=FIND)
    shown = "\n".join(error.value.__notes__)
    assert "state.create(name='web', replicas=2)" in shown
    assert shown.count("state.") <= 6  # one rule, the invariants, the end


def test_rules_of_ones_own_are_added():
    class Restarting(ClusterMachine):
        faults = traffic = False
        drained = 0

        @rule()
        def drain_all(self):
            for name in self.cluster.hosts:
                self.attempt(self.manager.nodes.get(name).update, availability="drain")
            Restarting.drained += 1

    run_state_machine_as_test(Restarting, settings=FEW)
    assert Restarting.drained


def test_a_refusal_that_changed_something_is_found():
    machine = ClusterMachine()
    assert machine.attempt(machine.manager.services.create, "nginx", name="_bad") is None
    assert not machine.settled
    machine.create("web", 2)
    machine.settle()
    assert machine.settled
    machine.call("web", "host03")
    assert machine.answers[-1].response.task.startswith("web.")

    def refuses_after_all():
        machine.services["web"].scale(3)
        machine.manager.services.get("nobody")

    with pytest.raises(AssertionError, match="a refusal changed the store"):
        machine.attempt(refuses_after_all)
