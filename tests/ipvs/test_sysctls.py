"""The knobs: known, known without effect, unknown."""

from __future__ import annotations

import pytest

from meshsim.errors import InvalidRule, NotModelled
from meshsim.ipvs import Sysctls


def test_defaults_are_the_kernels() -> None:
    knobs = Sysctls()
    assert (knobs.conn_reuse_mode, knobs.expire_nodest_conn, knobs.expire_quiescent_template) == (1, 0, 0)
    assert (knobs.lblc_expiration, knobs.lblcr_expiration) == (86400, 86400)


def test_what_docker_sets() -> None:
    knobs = Sysctls()
    for name, value in (("conn_reuse_mode", 0), ("expire_nodest_conn", 1), ("expire_quiescent_template", 1)):
        knobs.set(name, value)
    knobs.set("conntrack", 1)
    knobs.set("drop_entry", 0)
    assert knobs == Sysctls(0, 1, 1, 1)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("cache_bypass", 1, NotModelled),
        ("drop_packet", 1, NotModelled),
        ("nosuch", 1, InvalidRule),
        ("__weakref__", 1, InvalidRule),
        ("conn_reuse_mode", -1, InvalidRule),
        ("conn_reuse_mode", True, InvalidRule),
        ("conn_reuse_mode", "0", InvalidRule),
    ],
)
def test_refusals(name: str, value: int, error: type[Exception]) -> None:
    knobs = Sysctls()
    with pytest.raises(error, match=name):
        knobs.set(name, value)
    assert knobs == Sysctls()


def test_every_knob_can_be_read_by_its_name() -> None:
    knobs = Sysctls(conn_reuse_mode=0)
    assert (knobs.get("conn_reuse_mode"), knobs.get("drop_entry")) == (0, 0)
    assert knobs.get("nosuch") is knobs.get("__weakref__") is None
