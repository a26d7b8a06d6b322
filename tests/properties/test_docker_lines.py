"""Whatever words are typed behind ``docker``, there is an answer: texts and an exit code, no traceback."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim import Cluster, Host
from meshsim.shell.docker import GROUPS, TOP, run_docker
from meshsim.shell.flags import Command
from meshsim.shell.shell import Session

COMMANDS: list[Command] = [entry.command for entry in TOP.values()]
COMMANDS += [entry.command for group in GROUPS.values() for entry in group.entries]
WORDS = (
    "web", "host01", "self", "nope", "bridge", "ingress", "worker", "manager", "nginx", "alpine", "web=2",
    "=", "", "-", "--", "a=b", "10.0.0.0/24", "host01:2377", "{{.ID}}", "{{.Foo", "{{range .}}", "80:80",
    "-1", "5s", "true",
)  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(COMMANDS))
    words = command.path.split()[1:]
    for _ in range(draw(st.integers(0, 5))):
        if command.flags and draw(st.booleans()):
            flag = draw(st.sampled_from(command.flags))
            words.append(f"--{flag.name}" + draw(st.sampled_from(("", "=x", "=1", "=a=b", "=10s", "=80:80"))))
        else:
            words.append(draw(st.sampled_from(WORDS)))
    return words


def swarm() -> Host:
    cluster = Cluster(seed=2)
    host = cluster.add_host("host01")
    host.swarm.init()
    host.services.create("nginx", name="web")
    return host


@settings(max_examples=100, deadline=None)
@given(words=lines(), in_swarm=st.booleans(), stdin=st.sampled_from(("", "y\n", "x")))
def test_every_line_has_an_answer(words: list[str], in_swarm: bool, stdin: str) -> None:
    host = swarm() if in_swarm else Cluster(seed=2).add_host("host01")
    result = run_docker(host, words, Session(), stdin=stdin)
    assert "Traceback" not in result.screen
    assert 0 <= result.exit <= 255
    if result.exit and not result.stderr:
        # the exit code of a program that ran
        assert {"run", "exec"} & set(words)
