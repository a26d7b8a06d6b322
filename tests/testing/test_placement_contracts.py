"""check_filter and check_placement: every law is broken by somebody, with at most ten steps."""

import random

import pytest

from meshsim.errors import BadValue, ContractBroken
from meshsim.model.specs import ContainerSpec, TaskSpec
from meshsim.placement import sample_node, sample_tasks, swarm_placement
from meshsim.testing import FILTER_LAWS, PLACEMENT_LAWS, check_filter, check_placement


class InZoneA:
    """Right."""

    def applies(self, task):
        return True

    def accepts(self, task, node):
        return node.labels.get("zone") == "a"

    def explain(self, count):
        return f"not in zone a on {count} nodes"


class OnlyEven:
    """Right: the one of the reference page."""

    def applies(self, task):
        return task.spec.container.labels.get("parity") == "even"

    def accepts(self, task, node):
        return int(node.hostname[-2:]) % 2 == 0

    def explain(self, count):
        return f"odd host number on {count} nodes"


EVEN = sample_tasks("web", 2, TaskSpec(container=ContainerSpec(labels={"parity": "even"})))


class ByLuck(InZoneA):
    """Not a function of its arguments."""

    def accepts(self, task, node):
        return random.random() < 0.5


class AcceptsAfterRefusing(InZoneA):
    def __init__(self):
        self.refused = []

    def accepts(self, task, node):
        if node.id in self.refused:
            return True
        self.refused.append(node.id)
        return False


class EveryThird(InZoneA):
    """Remembers how often it was asked."""

    def __init__(self):
        self.asked = 0

    def accepts(self, task, node):
        self.asked += 1
        return self.asked % 3 != 0


class Books(InZoneA):
    """Changes what it is given."""

    def accepts(self, task, node):
        node.services[task.service_id] = node.services.get(task.service_id, 0) + 1
        return True


class ExplainsNothing(InZoneA):
    def explain(self, count):
        return ""


class ForgetsToAnswer(InZoneA):
    def accepts(self, task, node):
        self.last = node.labels.get("zone") == "a"


class NeedsALabel(InZoneA):
    def accepts(self, task, node):
        return node.labels["zone"] == "a"


class CannotBeCopied(InZoneA):
    def __init__(self):
        self.numbers = (number for number in range(9))


class CopiesForget(InZoneA):
    """Right for one who asks once; its copies begin anew."""

    def __init__(self):
        self.known = {}

    def __deepcopy__(self, memo):
        return type(self)()

    def accepts(self, task, node):
        return self.known.setdefault(node.id, not self.known)


WRONG_FILTERS = [
    (ByLuck, "pure"),
    (AcceptsAfterRefusing, "pure"),
    (EveryThird, "pure"),
    (CopiesForget, "pure"),
    (Books, "reads only"),
    (ExplainsNothing, "explains"),
    (ForgetsToAnswer, "answers"),
    (NeedsALabel, "survives"),
    (CannotBeCopied, "copies"),
]


def caught(check, subject, **options) -> ContractBroken:
    with pytest.raises(ContractBroken) as error:
        check(subject, **options)
    assert 1 <= len(error.value.steps) <= 10
    return error.value


@pytest.mark.parametrize(("wrong", "law"), WRONG_FILTERS)
def test_a_wrong_filter_is_caught(wrong, law):
    broken = caught(check_filter, wrong())
    assert (broken.subject, broken.law) == (wrong.__name__, law)


def test_every_law_of_filters_is_broken_by_somebody():
    assert {law for _, law in WRONG_FILTERS} == set(FILTER_LAWS)


def test_the_counter_example_of_a_filter_in_words():
    assert caught(check_filter, AcceptsAfterRefusing()).steps == (
        "accepts(task web.1, node host01 (1 CPU)): False",
        "accepts(web.1, host01): True",
    )
    assert (
        caught(check_filter, EveryThird()).sentence
        == "accepts(web.1, host01) was True before and is False now"
    )
    assert caught(check_filter, NeedsALabel()).sentence == "accepts() raised KeyError: 'zone'"
    assert "take a fresh copy of it" in caught(check_filter, CopiesForget()).steps


def test_right_filters_pass():
    check_filter(InZoneA(), examples=60)
    check_filter(OnlyEven(), tasks=EVEN, examples=30)
    check_filter(
        OnlyEven(), tasks=EVEN, examples=30, nodes=[sample_node("n", hostname="web-12"), sample_node("m-01")]
    )


def test_a_filter_that_was_never_asked_does_not_pass():
    with pytest.raises(BadValue, match="OnlyEven applies to none of the tasks it was asked about"):
        check_filter(OnlyEven())


def test_nodes_of_ones_own_find_what_others_do_not():
    broken = caught(check_filter, OnlyEven(), tasks=EVEN, nodes=[sample_node("gamma")])
    assert broken.sentence == "accepts() raised ValueError: invalid literal for int() with base 10: 'ma'"
    assert broken.steps == ("accepts(task web.1 (label parity=even), node gamma)",)


# -- placements


def pack(board):
    """Right."""
    for node in board.nodes:
        while board.waiting and board.fits(node):
            board.assign(node)


class UpTo:
    """Holds back on purpose."""

    def __init__(self, most):
        self.most = most

    def __call__(self, board):
        for node in board.nodes:
            while board.waiting and node.total < self.most and board.fits(node):
                board.assign(node)


def regardless(board):
    """Places on a node that a filter refuses."""
    for node in board.nodes:
        while board.waiting:
            board.assign(node)


def one_each(board):
    """Leaves placeable tasks."""
    for node in board.nodes:
        if board.waiting and board.fits(node):
            board.assign(node)


def best_of_all(board):
    """Crashes on an empty cluster."""
    best = min(board.nodes, key=board.rank)
    while board.waiting and board.fits(best):
        board.assign(best)
    pack(board)


def by_luck(board):
    while board.waiting:
        fitting = [node for node in board.nodes if board.fits(node)]
        if not fitting:
            return
        board.assign(random.choice(fitting))


class GoesOn:
    """Remembers where it was."""

    def __init__(self):
        self.turn = 0

    def __call__(self, board):
        while board.waiting:
            fitting = [node for node in board.nodes if board.fits(node)]
            if not fitting:
                return
            self.turn += 1
            board.assign(fitting[self.turn % len(fitting)])


def for_ever(board):
    while board.waiting:
        for node in board.nodes:
            if board.waiting and board.fits(node):
                board.assign(node)
        if not board.nodes:
            return


def drops_the_rest(board):
    pack(board)
    board.waiting.clear()


def cooks_the_books(board):
    for node in board.nodes:
        node.total = 0
    swarm_placement(board)


def to_an_old_friend(board):
    for node in board.nodes:
        while board.waiting and board.fits(node):
            board.assign(node.copy())


class Uncopyable:
    def __init__(self):
        self.numbers = (number for number in range(9))

    def __call__(self, board):
        pack(board)


WRONG_PLACEMENTS = [
    (regardless, "fits"),
    (one_each, "complete"),
    (best_of_all, "survives"),
    (by_luck, "deterministic"),
    (GoesOn(), "deterministic"),
    (for_ever, "ends"),
    (drops_the_rest, "conserves"),
    (cooks_the_books, "reads only"),
    (to_an_old_friend, "own"),
    (Uncopyable(), "copies"),
]


@pytest.mark.parametrize(
    ("wrong", "law"), WRONG_PLACEMENTS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_wrong_placement_is_caught(wrong, law):
    assert caught(check_placement, wrong).law == law


def test_every_law_of_placements_is_broken_by_somebody():
    assert {law for _, law in WRONG_PLACEMENTS} == set(PLACEMENT_LAWS)


def test_the_counter_example_of_a_placement_in_words():
    assert caught(check_placement, regardless).steps == (
        "node host01 (1 CPU, drain)",
        "task web.1",
        "it gives web.1 to host01",
    )
    broken = caught(check_placement, one_each)
    assert broken.sentence == "web.2 waits although host01 fits"
    assert broken.steps == ("node host01 (1 CPU)", "tasks web.1 to web.2", "it gives web.1 to host01")


def test_right_placements_pass():
    check_placement(swarm_placement, examples=60)
    check_placement(pack, extra_filters=[InZoneA()], examples=60)
    assert caught(check_placement, UpTo(1)).law == "complete"
    check_placement(UpTo(1), skip=["complete"], examples=60)


def test_the_users_own_filters_are_respected():
    def anywhere(board):
        while board.waiting and any(board.fits(node) for node in board.nodes):
            node = next(each for each in board.nodes if each.ready)
            board.assign(node)

    broken = caught(check_placement, anywhere, extra_filters=[InZoneA()])
    assert broken.law == "fits"


@pytest.mark.parametrize(
    ("check", "arguments", "options", "says"),
    [
        (check_filter, ("x",), {}, r"a filter needs the method applies\(\)"),
        (check_filter, (InZoneA(),), {"skip": "luck"}, "there is no law 'luck' to skip"),
        (check_filter, (InZoneA(),), {"examples": 0}, "at least one example"),
        (check_placement, ("x",), {}, "placement must be callable, not 'x'"),
        (check_placement, (pack,), {"skip": ["luck"]}, "the laws are survives, ends"),
        (check_placement, (pack,), {"extra_filters": [3]}, r"a filter needs the method applies\(\)"),
    ],
)
def test_what_makes_no_sense_is_refused(check, arguments, options, says):
    with pytest.raises(BadValue, match=says):
        check(*arguments, **options)
