"""Lessons: reading a page, and comparing outputs with it."""
# ruff: noqa: E501   a row of a table reads best on one line

from __future__ import annotations

import pytest

from meshsim.errors import ScriptError
from meshsim.shell.compare import IdMap, compare
from meshsim.shell.lesson import Step, parse_lesson

PAGE = """---
# how the cluster is made
title: "The mesh: a start"
hosts: host01, host02
addresses: 172.17.0.6 172.17.0.7
engine: 20.10
seed: 42
ties: seeded
epoch: 2021-09-30T07:30:00Z
images: docker
---
# Heading

```console
host01$ docker swarm init
Swarm initialized: current node (9qksq9kb8tt9i5un3y2eqbhlj) is now a manager.

To add a worker

host02$ docker swarm join 172.17.0.6:2377 \\
    --token $(ssh 172.17.0.6 "docker swarm join-token -q worker")
This node joined a swarm as a worker.

host01$ for i in 1 2; do
> curl host01:81
>
> done
...
```

Not a lesson block:

```python
host03$ nothing
```

~~~~ console
host02$ hostname
host02
```
~~~
host01$
host01$ true
~~~~
"""


def broken(text, source="a.md"):
    with pytest.raises(ScriptError) as caught:
        parse_lesson(text, source)
    assert caught.value.source == source
    return str(caught.value)


# --- reading -------------------------------------------------------------------------------------


def test_a_page():
    lesson = parse_lesson(PAGE, "routing.md")
    assert lesson.steps == (
        Step(
            "host01",
            "docker swarm init",
            (
                "Swarm initialized: current node (9qksq9kb8tt9i5un3y2eqbhlj) is now a manager.",
                "",
                "To add a worker",
            ),
            15,
        ),
        Step(
            "host02",
            'docker swarm join 172.17.0.6:2377 \\\n    --token $(ssh 172.17.0.6 "docker swarm join-token -q worker")',
            ("This node joined a swarm as a worker.",),
            20,
        ),
        Step("host01", "for i in 1 2; do\ncurl host01:81\n\ndone", ("...",), 24),
        Step("host02", "hostname", ("host02", "```", "~~~"), 38),
        Step("host01", "true", (), 43),
    )
    assert lesson.title == "The mesh: a start"
    assert (lesson.hosts, lesson.addresses) == (("host01", "host02"), ("172.17.0.6", "172.17.0.7"))
    assert (lesson.engine, lesson.seed, lesson.ties, lesson.images) == ("20.10", 42, "seeded", "docker")
    assert lesson.epoch_ns == 1_632_987_000_000_000_000


def test_prompts_as_a_terminal_shows_them():
    steps = parse_lesson(PAGE).steps
    assert steps[2].prompt == "host01$ for i in 1 2; do\n> curl host01:81\n> \n> done"
    assert steps[3].prompt == "host02$ hostname"


def test_a_page_without_front_matter_takes_its_hosts_from_the_prompts():
    lesson = parse_lesson("```console\r\nb$ echo 1\r\n1\r\na$ echo 2\r\n2\r\n```\r\n")
    assert (lesson.source, lesson.hosts, lesson.seed, lesson.epoch_ns) == ("lesson", ("b", "a"), 0, None)
    assert [step.expected for step in lesson.steps] == [("1",), ("2",)]


def test_a_backslash_may_be_followed_by_a_prompt_sign():
    lesson = parse_lesson("```console\nh$ echo a \\\n> b\na b\n```")
    assert lesson.steps[0].command == "echo a \\\nb"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a.md:1: the lesson has no commands (a console block with lines 'host01$ ...')"),
        ("# Only text\n", "a.md:1: the lesson has no commands (a console block with lines 'host01$ ...')"),
        ("```console\nhost01$\n```", "a.md:1: the lesson has no commands (a console block with lines 'host01$ ...')"),
        ("```\nhost01$ x\n```", "a.md:1: the lesson has no commands (a console block with lines 'host01$ ...')"),
        ("```console\nhost01$ x\n", "a.md:1: a block without end (a line ```)"),
        ("a\n~~~~\n~~~\n", "a.md:2: a block without end (a line ~~~~)"),
        (
            "```console\n\nfoo\nhost01$ x\n```",
            "a.md:3: output without a command: a console block starts with 'host01$ ...'",
        ),
        ("---\nhosts: a, b\n---\n```console\nc$ x\n```", "a.md:5: unknown host 'c'; the lesson has a, b"),
        ("---\nhosts: a\n", "a.md:1: front matter without an end (a line ---)"),
        ("---\nhosts\n---\n", "a.md:2: front matter: not 'key: value': hosts"),
        ("---\nseed:1\n---\n", "a.md:2: front matter: not 'key: value': seed:1"),
        (
            "---\nhost: a\n---\n",
            "a.md:2: front matter: unknown key 'host'; known: title, hosts, addresses, engine, seed, ties, epoch, images",
        ),
        ("---\nseed: 1\nseed: 2\n---\n", "a.md:3: front matter: seed is given twice"),
        ("---\nseed: x\n---\n```console\na$ x\n```", "a.md:2: front matter: seed is no whole number: x"),
        ("---\nhosts: a, a\n---\n```console\na$ x\n```", "a.md:2: front matter: hosts needs one or more different names"),
        ("---\nhosts:\n---\n```console\na$ x\n```", "a.md:2: front matter: hosts needs one or more different names"),
        (
            "---\nhosts: a\naddresses: 10.0.0.1, 10.0.0.2\n---\n```console\na$ x\n```",
            "a.md:3: front matter: more addresses than hosts",
        ),
        (
            "---\nhosts: a\naddresses: 10.0.0\n---\n```console\na$ x\n```",
            "a.md:3: front matter: no IPv4 address: 10.0.0",
        ),
        ("---\nties: x\n---\n```console\na$ x\n```", "a.md:2: front matter: ties is joined or seeded, not 'x'"),
        (
            "---\nepoch: soon\n---\n```console\na$ x\n```",
            "a.md:2: front matter: epoch is no time like 2021-09-30T07:30:00Z: soon",
        ),
    ],
)  # fmt: skip
def test_pages_that_cannot_be_run(text, sentence):
    assert broken(text) == sentence


# --- comparing -----------------------------------------------------------------------------------

PAGE_ID, RUN_ID = "cf4fx7p2a75irup0pjafylpd4", "1111x7p2a75irup0pjafylpd4"


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ([], ""),
        ([], "\n"),
        (["a"], "a\n"),
        (["a"], "a"),
        (["a   "], "a\n"),
        (["", "a", ""], "\na   \n\n\n"),
        (["NAME      MODE"], "NAME MODE\n"),
        (["a\tb"], "a b\n"),
        (["Running 7 seconds ago"], "Running About a minute ago\n"),
        (["Up 7 minutes (healthy)"], "Up Less than a second (healthy)\n"),
        (["Exited (0) 2 days ago"], "Exited (0) 1 second ago\n"),
        (["time=0.287 ms"], "time=0.1 ms\n"),
        (["round-trip min/avg/max = 0.108/0.168/0.287 ms"], "round-trip min/avg/max = 1.0/2.0/3.0 ms\n"),
        (["time 1083ms"], "time 4001ms\n"),
        ([";; Query time: 1 msec"], ";; Query time: 0 msec\n"),
        (
            [";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 59560"],
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 7\n",
        ),
        ([";; WHEN: Thu Sep 30 07:59:23 UTC 2021"], ";; WHEN: Mon Jan 01 00:00:00 UTC 2024\n"),
        (["2021-09-30T07:59:23.5Z x"], "2024-01-01T00:00:00Z x\n"),
        (["2021-09-30 07:59:23 +0000 UTC"], "2024-01-01 00:00:00.25 +0000 UTC\n"),
        (["at 07:59:23"], "at 00:00:01\n"),
        (["Digest: sha256:" + "a" * 64], "Digest: sha256:" + "b" * 64 + "\n"),
        (
            [
                "--token SWMTKN-1-5b3w5w10px9ok0t39zs1nujng8x37rcapfkg885hmrokb5wvqi-9v45djurbjeajp3ln80zqcevu 172.17.0.6:2377"
            ],
            "--token SWMTKN-1-aaaa-bbbb 172.17.0.6:2377\n",
        ),
        (["SWMKEY-1-kf3owLNMqRFPtUJDxHR3Ponluwlp2taYYVmQ7P3nIuc"], "SWMKEY-1-x/+y\n"),
        ([f"[{{{PAGE_ID} 10.0.1.2/24}}]"], f"[{{{RUN_ID} 10.0.1.2/24}}]\n"),
        ([f"redis.1.{PAGE_ID}"], f"redis.1.{RUN_ID}\n"),
        (["<h1>host: cbc4fa365043</h1>"], "<h1>host: 0123456789ab</h1>\n"),
        (["abc4fa365043 x", "abc4fa365043 y"], "abc4fa36504f x\nabc4fa36504f y\n"),
        (["..."], ""),
        (["..."], "a\nb\n"),
        (["a", "...", "d"], "a\nb\nc\nd\n"),
        (["a", "...", "d"], "a\nd\n"),
        (["...", "c", "..."], "a\nb\nc\nd\n"),
        (["...", "b", "...", "b", "c"], "a\nb\nx\nb\nc\n"),
        (["  ...  ", "z"], "a\nz\n"),
    ],
)
def test_outputs_that_are_as_expected(expected, actual):
    diff = compare(expected, actual)
    assert (diff.same, diff.text, bool(diff)) == (True, "", False)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ([], "a\n"),
        (["a"], ""),
        (["a"], "b\n"),
        (["a", "b"], "b\na\n"),
        (["a", "", "b"], "a\nb\n"),
        (["10.0.1.2"], "10.0.1.3\n"),
        (["*:81->80/tcp"], "*:82->80/tcp\n"),
        (["2/2"], "1/2\n"),
        (["5 packets"], "4 packets\n"),
        (["600\tIN"], "599\tIN\n"),
        (["Waiting 5 seconds to verify"], "Waiting 4 seconds to verify\n"),
        (["Up 7 minutes"], "Exited (0) 7 minutes ago\n"),
        (["Up 7 minutes"], "Up 7 minutes (healthy)\n"),
        (["MSG SIZE rcvd: 42"], "MSG SIZE rcvd: 38\n"),
        (["02:42:10:00:00:02"], "02:42:10:00:00:03\n"),
        (["distribution"], "registration\n"),
        (["100000000000"], "200000000000\n"),
        ([PAGE_ID], f"{RUN_ID[:12]}\n"),
        (["abc4fa365043", "abc4fa365043"], "abc4fa36504f\nabc4fa36504e\n"),
        (["abc4fa365043", "abc4fa365044"], "abc4fa36504f\nabc4fa36504f\n"),
        ([PAGE_ID, PAGE_ID[:12]], f"{RUN_ID}\nabc4fa36504f\n"),
        (["a", "...", "d"], "a\nb\n"),
        (["a", "...", "a"], "a\n"),
        (["b", "...", "d"], "a\nd\n"),
        (["...", "x", "...", "d"], "a\nd\n"),
    ],
)
def test_outputs_that_are_not(expected, actual):
    diff = compare(expected, actual)
    assert not diff.same
    assert any(line.startswith(("-", "+")) for line in diff.text.splitlines())


def test_ids_are_kept_over_the_whole_lesson():
    ids = IdMap()
    assert compare([f"id {PAGE_ID}"], f"id {RUN_ID}\n", ids).same
    assert compare([PAGE_ID[:12]], RUN_ID[:12], ids).same
    assert not compare([PAGE_ID], "z" * 25, ids).same
    assert not compare(["z1" * 6], RUN_ID[:12], ids).same
    assert repr(ids) == "<IdMap of 2 ids>"
    ids.check()


def test_a_known_cut_may_be_letters_alone():
    ids = IdMap()
    assert compare(["abcdefghijkl1234567890123"], "zyxwvutsrqpo1234567890123", ids).same
    assert compare(["abcdefghijkl"], "zyxwvutsrqpo", ids).same
    assert not compare(["abcdefghijkl"], "zyxwvutsrqpa", ids).same


def test_a_different_output_teaches_no_ids():
    ids = IdMap()
    assert not compare([PAGE_ID, "a"], f"{RUN_ID}\nb\n", ids).same
    assert compare([PAGE_ID], "z" * 25, ids).same


def test_a_wildcard_teaches_no_ids_from_places_that_did_not_fit():
    ids = IdMap()
    assert compare(["...", PAGE_ID, "end"], "y1" * 12 + "y\nx\n" + f"{RUN_ID}\nend\n", ids).same
    assert ids.forward[PAGE_ID] == RUN_ID


def test_typed_words_are_no_ids():
    lesson = parse_lesson("```console\nhost01$ docker service create --name webfrontend1 nginx\n```")
    assert {"host01", "webfrontend1", "nginx"} <= {*lesson.words()}
    assert not compare(["webfrontend1"], "webfrontend2", lesson.ids()).same
    assert compare(["webfrontend1"], "webfrontend1", lesson.ids()).same
    assert compare(["webfrontend1"], "webfrontend2").same  # without the lesson it could be an id


def test_the_diff_shows_where():
    expected = [f"line {number}" for number in range(12)]
    actual = [*expected]
    actual[6] = "other"
    assert compare(expected, "\n".join(actual)).text == (
        "  [...]\n  line 3\n  line 4\n  line 5\n- line 6\n+ other\n  line 7\n  line 8\n  line 9"
    )


def test_the_diff_of_ids_that_disagree():
    diff = compare(["abc4fa365043", "abc4fa365043"], "abc4fa36504f\nabc4fa36504e\n")
    assert diff.text == "  abc4fa36504f\n- abc4fa365043\n+ abc4fa36504e"


def test_the_diff_of_a_missing_and_an_extra_line():
    assert compare(["a", "b", "c"], "b\nc\nd\n").text == "- a\n  b\n  c\n+ d"
