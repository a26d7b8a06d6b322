"""``docker service logs``: control-plane 10.2, ground truth 21, command line 7."""

from __future__ import annotations

import re

import pytest
from tests.cluster.swarms import running, swarm

TALK = "sh -c 'echo hello; echo oops >&2; sleep 1d'"


@pytest.fixture
def host():
    cluster, (host, *_) = swarm(3, engine="26.1")
    host.services.create("alpine", name="talk", replicas=12, command=TALK)
    cluster.settle()
    return host


def lines(host, line):
    result = host.run(line)
    assert (result.exit, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_10_2_slots_of_few_digits_are_padded(host):
    told = lines(host, "docker service logs --no-task-ids talk 2>/dev/null")
    assert re.fullmatch(r"talk\.1@host0\d     \| hello", told[0])
    assert re.fullmatch(r"talk\.10@host0\d    \| hello", told[9])
    assert len(told) == 12
    (one,) = lines(host, "docker service logs $(docker service ps -q talk | head -n1) 2>/dev/null")
    assert re.fullmatch(r"talk\.1\.[0-9a-z]{12}@host0\d    \| hello", one), "one task pads for itself"


def test_10_2_global_tasks_show_slot_0(host):
    host.services.create("alpine", name="g", mode="global", command=TALK)
    host.cluster.settle()
    told = lines(host, "docker service logs --no-task-ids g 2>/dev/null")
    assert sorted(told) == [f"g.0@host0{n}    | hello" for n in (1, 2, 3)]


def test_ground_truth_21_details_put_a_blank_before_the_text(host):
    task = lines(host, "docker service ps -q talk")[0]
    (line,) = lines(host, f"docker service logs --details --tail 1 {task} 2>&1")
    assert line.endswith("    |  oops")
    (line,) = lines(host, f"docker service logs --raw --tail 1 {task} 2>&1")
    assert line == "oops"


def test_ground_truth_21_stopped_tasks_of_the_history_are_included_and_tail_counts_per_task(host):
    talk = host.services.get("talk")
    talk.scale(1)
    host.cluster.settle()
    talk.update(force=True)
    host.cluster.settle()
    told = lines(host, "docker service logs --tail 1 talk 2>&1")
    assert len(told) == len(talk.tasks()) == 2
    assert {line.split(".")[2].partition("@")[0] for line in told} == {t.id[:12] for t in talk.tasks()}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("nosuch", "no such task or service: nosuch\n"),
        (
            "--tail x talk",
            'Error response from daemon: tail value must be a positive integer or "all"\n',
        ),
        ("--tail -1 talk", "Error response from daemon: negative tail values not supported\n"),
        ("-t --since x talk", 'invalid value for "since": failed to parse value as time or duration: "x"\n'),
    ],
)
def test_10_2_refusals(host, line, text):
    result = host.run(f"docker service logs {line}")
    assert (result.exit, result.stdout, result.stderr) == (1, "", text)


def test_10_2_a_terminal_is_only_told_raw(host):
    host.services.create("alpine", name="tty", tty=True, command=TALK)
    host.cluster.settle()
    result = host.run("docker service logs tty")
    assert (result.exit, result.stderr) == (1, "tty service logs only supported with --raw\n")
    assert lines(host, "docker service logs --raw tty 2>/dev/null") == ["hello"]


def test_10_2_a_node_that_does_not_answer(host):
    """What the others say is printed first; the sentence names each silent node once."""
    talk, cluster = host.services.get("talk"), host.cluster
    host03 = cluster.host("host03")
    lost = host.nodes.get("host03").id
    there = [task for task in running(talk) if task.node == "host03"]
    host03.fail()
    result = host.run("docker service logs talk")
    assert result.exit == 1
    assert len(result.stdout.splitlines()) == 12 - len(there)
    assert result.stderr.splitlines()[-1] == (
        "error from daemon in stream: Error grabbing logs: rpc error: code = Unknown desc = warning: "
        "incomplete log stream. some logs could not be retrieved for the following reasons: "
        f"node {lost} is not available"
    )
    assert "host03" not in result.stdout


def test_10_2_a_task_that_waits_for_a_node(host):
    host.services.create("alpine", name="never", constraint="node.labels.none==1")
    host.cluster.run_for("5s")
    (task,) = host.services.get("never").tasks()
    assert lines(host, "docker service logs never") == [], "only tasks that have run are asked for"
    result = host.run(f"docker service logs {task.id}")
    assert (result.exit, result.stdout) == (1, "")
    assert result.stderr.endswith(f"for the following reasons: task {task.id} has not been scheduled\n")
