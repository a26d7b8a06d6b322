"""What an endpoint is called: specification 3.2."""

from meshsim.dns import EndpointNames

LONG_ID = "4692d8d32fdf" + 52 * "0"


def test_a_task_in_vip_mode():
    names = EndpointNames.of(
        container="http.1.n6f94",
        container_id=LONG_ID,
        address="10.0.1.3/24",
        service_id="s1",
        service_name="http",
        service_aliases=("web",),
        vip="10.0.1.2/24",
    )
    assert names == EndpointNames(
        endpoint_id=LONG_ID,
        name="http.1.n6f94",
        address="10.0.1.3",
        service_id="s1",
        service_name="http",
        vip="10.0.1.2",
        service_aliases=("web",),
        task_aliases=("4692d8d32fdf",),
    )


def test_dnsrr_drops_the_vip():
    names = EndpointNames.of(
        container="c", container_id=LONG_ID, address="10.0.1.3", vip="10.0.1.2", endpoint_mode="dnsrr"
    )
    assert names.vip == ""


def test_a_plain_container_has_its_aliases_short_id_and_hostname_once_each():
    names = EndpointNames.of(
        container="cli",
        container_id=LONG_ID,
        address="10.0.1.12",
        hostname="box",
        network_aliases=("cli", "db", "db"),
        endpoint_id="e1",
    )
    assert names.name == "cli"
    assert names.task_aliases == ("db", "4692d8d32fdf", "box")
    assert names.endpoint_id == "e1"
    assert names.service_id == ""
