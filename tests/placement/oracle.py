"""The scheduler's rules once more, stated as directly as possible and as slow as that is.

Written from the rules' text, shares no code with ``meshsim.placement`` (only the model's records): plain
lists, every filter asked for every node every time, the ranking as a comparison of two nodes. Tests hold
the real thing against it. ``shuffle`` is called wherever SwarmKit walks a Go map.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key
from ipaddress import ip_address, ip_network
from typing import Any

from meshsim.model.objects import Node, Task
from meshsim.model.states import PublishMode

FIVE_MINUTES_NS = 300 * 10**9
KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]+")
VALUE = re.compile(r"[-a-zA-Z0-9:_\s.*()?+\[\]\\^$|/]+", re.ASCII)


class Box:
    """One node: its record, the tasks on it, failures; all figures are counted when asked for."""

    def __init__(self, node: Node, tasks: Iterable[Task] = ()) -> None:
        self.node = node
        self.tasks = list(tasks)
        self.failures: list[tuple[str, int, int]] = []
        self.drivers: dict[str, str] = {}

    def active(self, service: str | None = None) -> int:
        return sum(t.desired <= 576 and service in (None, t.service_id) for t in self.tasks)

    def recent(self, service: str, version: int, now_ns: int) -> int:
        return sum(
            (s, v) == (service, version) and now_ns - at <= FIVE_MINUTES_NS for s, v, at in self.failures
        )

    def left(self, kind: str) -> int:
        described = getattr(self.node.description.resources, kind) if self.node.description else 0
        return described - sum(getattr(t.spec.reservations, kind) for t in self.tasks)

    def generic_left(self, kind: str) -> int | None:
        offer = self.node.description.resources.generic.get(kind) if self.node.description else None
        if offer is None:
            return None
        count = offer if isinstance(offer, int) else len(offer)
        taken = sum(t.spec.reservations.generic.get(kind, 0) for t in self.tasks)
        return count - taken if count > taken or not taken else None


def host_ports(task: Task) -> set[tuple[str, int]]:
    ports = task.endpoint.ports if task.endpoint else ()
    return {(p.protocol.value, p.published) for p in ports if p.mode is PublishMode.HOST and p.published}


# -- one function per filter: True, False, or None for "not enabled" ---------------------------------------


def ready(_task: Task, box: Box) -> bool:
    return box.node.status.state.name == "READY" and box.node.spec.availability.name == "ACTIVE"


def resources(task: Task, box: Box) -> bool | None:
    want = task.spec.reservations
    if not want.nano_cpus and not want.memory_bytes and not want.generic:
        return None
    if want.nano_cpus > box.left("nano_cpus") or want.memory_bytes > box.left("memory_bytes"):
        return False
    for kind, amount in want.generic.items():
        left = box.generic_left(kind)
        if left is None or not isinstance(amount, int) or left < amount:
            return False
    return True


def plugins(task: Task, box: Box) -> bool | None:
    if box.node.description is None:
        return True
    here = box.node.description.plugins
    wanted = [f"Network/{box.drivers[n.target]}" for n in task.spec.networks if n.target in box.drivers]
    volumes = [m.volume_driver for m in task.spec.container.mounts if m.type == "volume"]
    wanted += [f"Volume/{driver}" for driver in volumes if driver not in ("", "local")]
    if any(name not in here and name + ":latest" not in here for name in wanted):
        return False
    log = task.spec.log_driver
    if log in ("", "none") or not [p for p in here if p.startswith("Log/")]:
        return True
    return f"Log/{log}" in here or f"Log/{log}:latest" in here


def parsed(expressions: Iterable[str]) -> list[tuple[str, str, str]] | None:
    result = []
    for text in expressions:
        op = "==" if "==" in text else "!="
        if op not in text:
            return None
        key, value = (part.strip() for part in text.split(op, 1))
        if not KEY.fullmatch(key) or not VALUE.fullmatch(value):
            return None
        result.append((key, op, value))
    return result


def attribute(node: Node, key: str) -> str | None:
    about, low = node.description, key.lower()
    if low.startswith("node.labels.") and len(key) > 12:
        return node.spec.labels.get(key[12:], "")
    if low.startswith("engine.labels.") and len(key) > 14:
        return about.engine_labels.get(key[14:], "") if about else ""
    platform = about.platform if about else None
    return {
        "node.id": node.id,
        "node.hostname": about.hostname if about else "",
        "node.role": node.role.name,
        "node.platform.os": platform.os if platform else "",
        "node.platform.arch": platform.architecture if platform else "",
    }.get(low)


def address_equal(address: str, value: str) -> bool | None:
    try:
        here = ip_address(address)
    except ValueError:
        here = None
    try:
        return ip_address(value) == here
    except ValueError:
        pass
    if not re.fullmatch(r"[^/]+/\d+", value):
        return None
    try:
        return here is not None and here in ip_network(value, strict=False)
    except ValueError:
        return None


def constraints(task: Task, box: Box) -> bool | None:
    wanted = parsed(task.spec.placement.constraints)
    if not wanted:
        return None
    for key, op, value in wanted:
        if key.lower() == "node.ip":
            equal = address_equal(box.node.status.address, value)
        else:
            actual = attribute(box.node, key)
            equal = None if actual is None else actual.lower() == value.lower()
        if equal is None or equal != (op == "=="):
            return False
    return True


def platforms(task: Task, box: Box) -> bool | None:
    if not task.spec.placement.platforms:
        return None
    here = box.node.description.platform if box.node.description else None
    same = {"x86_64": "amd64", "aarch64": "arm64"}
    if here is None:
        return False
    here_arch = same.get(here.architecture, here.architecture)
    return any(
        p.os in ("", here.os) and same.get(p.architecture, p.architecture) in ("", here_arch)
        for p in task.spec.placement.platforms
    )


def ports_free(task: Task, box: Box) -> bool | None:
    wanted = host_ports(task)
    return not any(wanted & host_ports(t) for t in box.tasks) if wanted else None


def max_replicas(task: Task, box: Box) -> bool | None:
    most = task.spec.placement.max_replicas
    return box.active(task.service_id) < most if most else None


FILTERS: list[tuple[Callable[[Task, Box], bool | None], str, str]] = [
    (ready, "1 node not available for new tasks", "%d nodes not available for new tasks"),
    (resources, "insufficient resources on 1 node", "insufficient resources on %d nodes"),
    (plugins, "missing plugin on 1 node", "missing plugin on %d nodes"),
    (
        constraints,
        "scheduling constraints not satisfied on 1 node",
        "scheduling constraints not satisfied on %d nodes",
    ),
    (platforms, "unsupported platform on 1 node", "unsupported platform on %d nodes"),
    (ports_free, "host-mode port already in use on 1 node", "host-mode port already in use on %d nodes"),
    (max_replicas, "max replicas per node limit exceed", "max replicas per node limit exceed"),
]


def first_failure(task: Task, box: Box) -> int | None:
    return next((n for n, (accepts, _, _) in enumerate(FILTERS) if accepts(task, box) is False), None)


class Oracle:
    """A scheduler made of the rules; ``shuffle`` decides every order that is random in SwarmKit."""

    def __init__(self, nodes: Iterable[Node], shuffle: Callable[[list[Any]], None], now_ns: int = 0) -> None:
        self.boxes = {node.id: Box(node) for node in nodes}
        self.shuffle = shuffle
        self.now_ns = now_ns
        self.decisions: dict[str, str] = {}

    def hold(self, task: Task) -> None:
        self.boxes[task.node_id].tasks.append(task)

    def tick(self, groups: Iterable[Sequence[Task]], single: Iterable[Task] = ()) -> dict[str, str]:
        """Place everything; returns the settled text per task left over."""
        left: list[Task] = []
        groups, single = [list(group) for group in groups], list(single)
        self.shuffle(groups)
        self.shuffle(single)
        for group in [*groups, *([task] for task in single)]:
            left += self.group(group)
        return {task.id: self.text(task) for task in left}

    def text(self, task: Task) -> str:
        counts = Counter(n for box in self.boxes.values() if (n := first_failure(task, box)) is not None)
        parts = [
            FILTERS[n][1] if count == 1 else FILTERS[n][2].replace("%d", str(count))
            for n, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        return f"no suitable node ({'; '.join(parts)})" if parts else "no suitable node"

    # -- one group -----------------------------------------------------------------------------------------

    def group(self, tasks: list[Task]) -> list[Task]:
        self.task, self.size = tasks[0], len(tasks)
        boxes, self.waiting = list(self.boxes.values()), list(tasks)
        self.shuffle(boxes)
        self.shuffle(self.waiting)
        labels = [text for text in self.task.spec.placement.preferences if self.is_label(text)]
        self.subtree(len(tasks), self.tree(boxes, labels))
        return self.waiting

    def is_label(self, text: str) -> bool:
        low = text.lower()
        return any(low.startswith(p) and len(low) > len(p) for p in ("node.labels.", "engine.labels."))

    def tree(self, boxes: list[Box], labels: list[str]) -> dict[str, Any]:
        count = sum(box.active(self.task.service_id) for box in boxes)
        if not labels:
            kept: list[Box] = []
            for box in boxes:
                if len(kept) < self.size:
                    kept += [box] if self.fits(box) else []
                    continue
                # Which of several equally bad ones goes, and the order of the rest, is up to a heap: the
                # last, and the order of the visit.
                worst = max(reversed(kept), key=cmp_to_key(self.compare))
                if self.less(box, worst) and self.fits(box):
                    kept.remove(worst)
                    kept.append(box)
            return {"tasks": count, "next": None, "nodes": kept}
        below: dict[str, list[Box]] = {}
        for box in boxes:
            below.setdefault(attribute(box.node, labels[0]) or "", []).append(box)
        branches = {value: self.tree(inside, labels[1:]) for value, inside in below.items()}
        return {"tasks": count, "next": branches, "nodes": []}

    def fits(self, box: Box) -> bool:
        return first_failure(self.task, box) is None

    def less(self, a: Box, b: Box) -> bool:
        service, version = self.task.service_id, self.task.spec_version
        fail_a, fail_b = a.recent(service, version, self.now_ns), b.recent(service, version, self.now_ns)
        if (fail_a >= 5 or fail_b >= 5) and fail_a != fail_b:
            return fail_a < fail_b
        if a.active(service) != b.active(service):
            return a.active(service) < b.active(service)
        return a.active() < b.active()

    def compare(self, a: Box, b: Box) -> int:
        return -1 if self.less(a, b) else 1 if self.less(b, a) else 0

    def subtree(self, n: int, branch: dict[str, Any]) -> int:
        if branch["next"] is None:
            branch["nodes"] = [box for box in branch["nodes"] if self.fits(box)]
            branch["nodes"].sort(key=cmp_to_key(self.compare))
            return self.nodes(n, branch["nodes"])
        done, usable, full, progress = 0, branch["tasks"], [], True
        while done != n and len(full) != len(branch["next"]) and progress:
            q, r = divmod(usable + n - done, len(branch["next"]) - len(full))
            progress = False
            visit = [name for name in branch["next"] if name not in full]
            self.shuffle(visit)
            for name in visit:
                b = branch["next"][name]
                if b["tasks"] < q or (b["tasks"] == q and r > 0):
                    progress = True
                    want = q - b["tasks"] + (1 if r > 0 else 0)
                    got = self.subtree(want, b)
                    if got < want:
                        full.append(name)
                        usable -= b["tasks"]
                    elif r > 0:
                        r -= 1
                    done += got
        return done

    def nodes(self, n: int, nodes: list[Box]) -> int:
        i, bad, assigned, size = 0, set(), 0, len(nodes)
        if not nodes:
            return 0
        while self.waiting and n:
            task, box = self.waiting.pop(0), nodes[i % size]
            box.tasks.append(task)
            self.decisions[task.id] = box.node.id
            assigned += 1
            if assigned == n:
                return assigned
            if i + 1 < size:
                if self.less(nodes[i + 1], box):
                    i += 1
            else:
                i += 1
            start = i
            while i % size in bad or not self.fits(nodes[i % size]):
                bad.add(i % size)
                i += 1
                if i - start == size:
                    return assigned
        return assigned
