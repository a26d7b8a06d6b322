"""Frozen values: never copied, never changed."""

import copy
import pickle

import pytest
from attrs.exceptions import FrozenInstanceError

from meshsim.model.frozen import FrozenDict, frozen_dict
from meshsim.model.objects import TaskStatus
from meshsim.model.specs import Placement, ServiceSpec


def test_frozen_values_are_their_own_copies():
    spec = ServiceSpec("web", labels={"a": "b"})
    assert copy.copy(spec) is spec
    assert copy.deepcopy([spec])[0] is spec
    assert isinstance(spec.labels, FrozenDict)
    assert copy.copy(spec.labels) is spec.labels
    assert copy.deepcopy(spec.labels) is spec.labels


def test_frozen_values_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Placement().max_replicas = 3
    status = TaskStatus(message="started")
    with pytest.raises(FrozenInstanceError):
        status.message = "prepared"
    with pytest.raises(FrozenInstanceError):
        del status.message
    assert status == TaskStatus(message="started")
    labels = frozen_dict({"a": "b"})
    for change in (lambda: labels.update(c="d"), lambda: labels.pop("a"), labels.clear):
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert labels == {"a": "b"}


def test_frozen_dicts_hash_and_pickle_and_convert():
    labels = frozen_dict([("a", "b")])
    assert hash(labels) == hash(FrozenDict(a="b"))
    assert pickle.loads(pickle.dumps(labels)) == labels
    assert frozen_dict(labels) is labels
    assert frozen_dict(None) == {}


def test_values_hash_and_pickle():
    status = TaskStatus(message="started", timestamp_ns=5)
    assert hash(status) == hash(TaskStatus(message="started", timestamp_ns=5))
    assert pickle.loads(pickle.dumps(status)) == status
    assert type(status) is TaskStatus
