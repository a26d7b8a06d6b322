"""The balancer cases probed on the recorded machines' kernel (Linux 6.12): UDP flows, each from a new port.

A script is what the probe did: ``new rr A B C`` (the table is cleared, a service and its servers are added),
``go N``, ``weight X N``, ``add X [N]``, ``del X``, ``edit NAME``; ``=`` compares all answers since the last
``=`` with the next recorded case of its transcript.
"""

from __future__ import annotations

from tests.ipvs.lab import Lab
from tests.recorded.facts import FACTS, each, leave_out

SCRIPTS = {
    "16_ipvs_kernel": """
        new rr A B C D; list =; go 10 =
        new rr A B C D; go 2 =; weight B 0; go 6 =; weight B 1; go 6 =
        new rr A B C D; go 2 =; del C; go 6; list =
        new rr A B C D; go 2 =; del B; go 6 =
        new rr A B C D; go 1; del D; drop; go 5 =; add D; go 6 =
        new rr A B; go 3 =; add C; go 6 =; add D; go 6 =
        new rr A B C; go 1 =; edit rr; go 4 =
        new rr A0 B0 C0; go 3 =; weight A 1; go 3 =
        new rr A1 B5 C1; go 9 =
        new wrr A3 B2 C1; go 18 =
        new wrr A1 B2 C4; go 21 =
        new wrr A4 B2; go 12 =; weight B 6; go 15 =; weight A 0; go 5 =; add C 3; go 12 =
        new lc A B C; go 9 =; del B; add B; go 9 =
        new wlc A3 B1; go 12 =
        new sed A3 B1; go 12 =
        new nq A3 B1; go 12 =
        new sh A B C; same 6 =
        new sh A B C; go 12 =
        new dh A B C; go 6 =
        new fo A1 B5 C3; go 4 =; weight B 0; go 4 =
        new ovf A2 B5 C3; go 12 =
        new rr-p60 A B C; go 6 =
        new rr A/2/1 B; go 8 =
    """,
    "16b_ipvs_kernel_clean": """
        clean lc A B C; go 9 =; weight A 0; go 4 =; weight A 1; go 5 =; del B; add B; go 9 =; add D; go 9 =
        clean wlc A3 B1; go 12 =
        clean wlc A1 B2 C3; go 12 =
        clean sed A3 B1; go 12 =
        clean nq A3 B1; go 12 =
        clean sh A B C; same 6 =; sources 6 =
        clean fo A1 B5 C3; go 4 =; weight B 0; go 4 =
        clean ovf A2 B5 C3; go 12 =
        clean rr-p60 A B C; go 6 =
        clean rr A/2/1 B; go 8 =
        clean wrr A3 B2 C1; go 18 =
        clean wrr A5 B1; go 12 =
        clean wrr A1 B5; go 12 =
        clean rr A B C D; del A; del B; go 5 =; del C; del D; go 2 =; add B; add A; go 5 =
    """,
}


class Probe:
    """Plays a script; answers by the number of the comparison."""

    def __init__(self, script: str) -> None:
        self.lab = Lab()
        self.heard = ""
        self.found: list[str] = []
        for command in script.replace("\n", ";").split(";"):
            verb, *words = command.split() or [""]
            compare = words[-1:] == ["="]
            if verb:
                getattr(self, f"do_{verb}")(*(words[:-1] if compare else words))
            if compare:
                self.found.append(self.heard.strip())
                self.heard = ""

    def do_clean(self, balancer: str, *servers: str) -> None:
        """A namespace of its own."""
        self.lab = Lab()
        self.do_new(balancer, *servers)

    def do_new(self, balancer: str, *servers: str) -> None:
        lab = self.lab
        lab.table.clear(now_ns=lab.now_ns)
        name, _, persistence = balancer.partition("-p")
        settings = {"persistent_s": int(persistence)} if persistence else {}
        lab.service = lab.table.add_service("udp", "10.0.0.80", 80, balancer=name, **settings)
        for server in servers:
            where, *thresholds = server.split("/")
            limits = dict(zip(("upper", "lower"), map(int, thresholds), strict=False))
            lab.add(where[0], int(where[1:] or 1), **limits)

    def do_go(self, count: str) -> None:
        self.heard += self.lab.go(int(count))

    def do_same(self, count: str) -> None:
        self.do_go(count)

    def do_sources(self, count: str) -> None:
        flows = [self.lab.flow(client=f"10.1.0.{number}") for number in range(1, int(count) + 1)]
        self.heard += "".join(self.lab.letter(self.lab.route(flow)) for flow in flows)

    def do_list(self) -> None:
        self.heard += f" list {self.lab.order}" if self.heard else self.lab.order

    def do_drop(self) -> None:
        self.heard = ""

    def do_weight(self, name: str, weight: str) -> None:
        self.lab.edit(name, int(weight))

    def do_add(self, name: str, weight: str = "1") -> None:
        self.lab.add(name, int(weight))

    def do_del(self, name: str) -> None:
        self.lab.remove(name)

    def do_edit(self, balancer: str) -> None:
        self.lab.table.edit_service(self.lab.service, balancer=balancer)


FOUND = {transcript: Probe(script).found for transcript, script in SCRIPTS.items()}


leave_out(
    "who answers follows from the source ports, which the recording does not tell", "ipvs_kernel_cases.31"
)


@each("name", "ipvs_kernel_cases")
def test_case(name: str) -> None:
    fact = FACTS[name]
    transcript = [other for other in FACTS if _of(other, fact)]
    found = FOUND[fact["transcript"]]
    assert len(found) == len(transcript)
    heard = found[transcript.index(name)]
    if fact["case"].startswith(("sh same", "dh")):  # of which address is not told: but all the same one
        assert (len(set(heard)), len(heard)) == (len(set(fact["result"])), len(fact["result"]))
    else:
        assert heard == fact["result"], fact["case"]


def _of(name: str, fact: dict[str, str]) -> bool:
    return name.startswith("ipvs_kernel_cases.") and FACTS[name]["transcript"] == fact["transcript"]
