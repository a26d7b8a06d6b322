"""Making tasks: what they carry, and what the store keeps of them."""

from random import Random

import pytest

from meshsim.manager.orchestrator.tasks import new_task, new_tasks
from meshsim.model.objects import Service
from meshsim.model.specs import ServiceSpec
from meshsim.model.store import Store
from meshsim.sim import Clock

SPEC_VERSION = 5


@pytest.fixture
def store():
    return Store(Clock(1_000))


@pytest.fixture
def service():
    return Service("s1", spec=ServiceSpec("web"), spec_version=SPEC_VERSION)


def test_tasks_made_for_a_transaction_are_kept_as_they_are(store, service):
    with store.transaction() as tx:
        made = list(new_tasks(Random(1), service, (1, 2), tx.now_ns, tx=tx))
        kept = [tx.create(task) for task in made]
    assert all(one is other for one, other in zip(made, kept, strict=True))
    assert [store.tasks[task.id] for task in made] == made
    assert [(task.slot, task.spec_version, task.version, task.updated_ns) for task in made] == [
        (1, SPEC_VERSION, 1, 1_000),
        (2, SPEC_VERSION, 1, 1_000),
    ]


def test_other_tasks_are_stamped_by_the_store(store, service):
    with store.transaction() as tx:
        made = new_task(Random(1), service, 1, 500)
        kept = tx.create(made)
    assert (made.version, kept.version, kept.updated_ns, kept.created_ns) == (0, 1, 1_000, 500)
    assert kept.shared is made.shared
