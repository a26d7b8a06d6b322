"""Every session of the transcript files; a session's name says which row or recording it is."""

from __future__ import annotations

import pytest
from tests.transcripts.transcripts import Session, load, replay

from meshsim import Cluster

FILES = (
    "rows_13.txt",
    "rows_fresh.txt",
    "recorded_26_1.txt",
    "control.txt",
    "networks.txt",
    "networks_26_1.txt",
    "outages_26_1.txt",
)
SESSIONS = [session for name in FILES for session in load(name)]
IMAGE = "katacoda/docker-http-server"


def build(session: Session) -> tuple[Cluster, str]:
    """Make a state: F fresh; S, S2 a swarm of two (typed at host01, host02); L a service; J... recorded."""
    cluster = Cluster(seed=13, engine=session.engine)
    recorded = session.state.startswith("J")
    addresses = ("192.168.65.11", "192.168.65.12") if recorded else ("172.17.0.6", "172.17.0.7")
    host01 = cluster.add_host("host01", addresses[0])
    host02 = cluster.add_host("host02", addresses[1])
    if session.state not in ("F", "J"):
        host01.swarm.init()
        host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    if session.state == "J3":
        host03 = cluster.add_host("host03", "192.168.65.13")
        host03.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    if session.state == "L":
        host01.services.create(IMAGE, name="lbapp1", replicas=2, publish=["81:80"])
        cluster.settle()
    return cluster, "host02" if session.state == "S2" else "host01"


@pytest.mark.parametrize("session", SESSIONS, ids=[session.name for session in SESSIONS])
def test_session(session: Session) -> None:
    replay(session, build)
