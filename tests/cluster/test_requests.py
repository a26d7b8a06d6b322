"""One request: what the container sees, what the client gets, by ``get`` as by an open connection."""

from copy import deepcopy

import pytest

from meshsim.cluster import Cluster, Reply, Request, Response


class Mirror:
    """Keeps what it was asked."""

    def __init__(self):
        self.seen = []

    def __call__(self, request, container):
        self.seen.append(request)
        return Reply(f"{container.hostname} {request.payload}", 201, after_ns=7)


@pytest.fixture
def cluster():
    cluster = Cluster(seed=7, images={"mirror": Mirror})
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.services.create("mirror", name="web", replicas=2, publish=["81:80"])
    cluster.settle()
    return cluster


def test_get_is_connect_request_close(cluster):
    """Whether its way is walked or remembered."""
    host, twin = cluster.host("host01"), cluster.fork().host("host01")
    for number in range(6):
        response = host.get(f"host01:81/{number % 2}", trace=False)
        with twin.connect("host01:81") as connection:
            answer = connection.request(f"/{number % 2}")
        assert response._replace(trace=None, elapsed_ns=0) == answer._replace(trace=None, elapsed_ns=0)
        assert response.elapsed_ns == 2 * answer.elapsed_ns - 7
    mine, its = (
        [container.handler.seen for container in one.cluster.endpoints.values()] for one in (host, twin)
    )
    assert mine == its
    assert sum(map(len, mine)) == 6


def test_what_the_container_sees_and_what_the_client_gets(cluster):
    host = cluster.host("host01")
    for number in range(4):
        response = host.get("host01:81/page")
        container = next(c for c in cluster.endpoints.values() if c.short_id == response.container)
        assert container.handler.seen[-1] == Request(
            "/page", response.source, response.trace.source_port, 80, "host01"
        )
        assert response == Response(
            f"{container.hostname} /page",
            201,
            response.elapsed_ns,
            container.short_id,
            container.name,
            response.host,
            response.source,
            response.trace,
        )
        assert str(response) == response.text
        assert container.handler.seen[-1].source_port == 32768 + number
    assert deepcopy(response) is response


def test_bytes_count_where_the_connection_went(cluster):
    host = cluster.host("host01")
    for _ in range(6):
        host.get("host01:81/page", trace=False)
    (service,) = host.plane.ingress.table.services
    counted = [(one.connections, one.bytes_in, one.bytes_out) for one in service.destinations]
    assert counted == [(3, 15, 54), (3, 15, 54)]
