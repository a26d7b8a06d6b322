"""What ipvsadm 1.31 printed, trailing spaces and all."""

from __future__ import annotations

import pytest
from tests.ipvs.lab import SECOND

from meshsim.errors import NoSuchService
from meshsim.ipvs import (
    CLOSE_BY_CLIENT,
    HANDSHAKE,
    Flow,
    Forward,
    Table,
    connection_list,
    listing,
    persistent_list,
    proc_connections,
    proc_services,
    save,
    stats_list,
    threshold_list,
    timeout_line,
)

LISTING = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.0.0.80:80 wlc
  -> 10.2.9.1:8080                Masq    1      1          2         
  -> 10.2.9.2:8080                Masq    3      4          0         
TCP  10.0.0.81:443 mh (mh-fallback,mh-port) persistent 1200 mask 255.255.255.0
  -> 10.2.9.6:443                 Tunnel  5      0          0         
TCP  10.0.0.82:21 rr
TCP  10.0.0.83:0 rr persistent 30
UDP  10.0.0.53:53 sh (sh-fallback,sh-port)
  -> 10.2.9.3:53                  Route   1      0          0         
UDP  10.0.0.54:53 rr ops
FWM  256 rr persistent 360
  -> 10.2.9.4:0                   Masq    1      0          0         
  -> 10.2.9.5:0                   Masq    0      0          0         
"""  # noqa: W291 - as printed

SAVED = """\
-A -t 10.0.0.80:80 -s wlc
-a -t 10.0.0.80:80 -r 10.2.9.1:8080 -m -w 1
-a -t 10.0.0.80:80 -r 10.2.9.2:8080 -m -w 3
-A -t 10.0.0.81:443 -s mh -p 1200 -M 255.255.255.0 -b mh-fallback,mh-port
-a -t 10.0.0.81:443 -r 10.2.9.6:443 -i -w 5 --tun-type ipip
-A -t 10.0.0.82:21 -s rr
-A -t 10.0.0.83:0 -s rr -p 30
-A -u 10.0.0.53:53 -s sh -b sh-fallback,sh-port
-a -u 10.0.0.53:53 -r 10.2.9.3:53 -g -w 1
-A -u 10.0.0.54:53 -s rr -o
-A -f 256 -s rr -p 360
-a -f 256 -r 10.2.9.4:0 -m -w 1
-a -f 256 -r 10.2.9.5:0 -m -w 0
"""


@pytest.fixture
def table() -> Table:
    """The table of the recorded samples: seven connections, two closed by FIN."""
    table = Table()
    web = table.add_service("tcp", "10.0.0.80", 80)
    table.add_destination(web, "10.2.9.1", 8080)
    table.add_destination(web, "10.2.9.2", 8080, weight=3, upper=100, lower=20)
    secure = table.add_service(
        "tcp",
        "10.0.0.81",
        443,
        balancer="mh",
        flags="mh-port,mh-fallback",
        persistent_s=1200,
        netmask="255.255.255.0",
    )
    table.add_destination(secure, "10.2.9.6", weight=5, forward=Forward.TUNNEL)
    table.add_service("tcp", "10.0.0.83", 0, balancer="rr", persistent_s=30)
    table.add_service("tcp", "10.0.0.82", 21, balancer="rr")
    dns = table.add_service("udp", "10.0.0.53", 53, balancer="sh", flags=["sh-fallback", "sh-port"])
    table.add_destination(dns, "10.2.9.3", forward=Forward.ROUTE)
    table.add_service("udp", "10.0.0.54", 53, balancer="rr", one_packet=True)
    marked = table.add_service(mark=256, balancer="rr", persistent_s=360)
    table.add_destination(marked, "10.2.9.5", weight=0)
    table.add_destination(marked, "10.2.9.4")
    return table


def connect(table: Table, port: int, *, close: bool = False, now_ns: int = 0, mark: int = 0) -> None:
    flow = Flow("tcp", ("10.1.250.1", port), ("10.0.0.80", 80))
    table.route(flow, now_ns, mark)
    table.follow(flow, now_ns, HANDSHAKE)
    if close:
        table.follow(flow, now_ns, CLOSE_BY_CLIENT)


@pytest.fixture
def busy(table: Table) -> Table:
    """Three connections for the first server, two of them closed, and four for the second."""
    web = table.service("tcp", "10.0.0.80", 80)
    table.edit_destination(web, "10.2.9.2", 8080, weight=0)
    for port, close in enumerate((False, True, True), 40000):
        connect(table, port, close=close)
    table.edit_destination(web, "10.2.9.1", 8080, weight=0)
    table.edit_destination(web, "10.2.9.2", 8080, weight=3)
    for port in range(41000, 41004):
        connect(table, port)
    table.edit_destination(web, "10.2.9.1", 8080, weight=1)
    return table


def test_the_list(busy: Table) -> None:
    assert listing(busy) == LISTING


def test_one_service_has_no_version_line(table: Table) -> None:
    marked = table.service(mark=256)
    assert listing(table, marked) == "".join(
        f"{line}\n" for line in [*LISTING.splitlines()[1:3], *LISTING.splitlines()[-3:]]
    )
    table.remove_service(marked)
    with pytest.raises(NoSuchService, match="No such service"):
        listing(table, marked)


def test_nosort_shows_the_kernels_order(table: Table) -> None:
    table.edit_destination(table.service(mark=256), "10.2.9.5", weight=1)
    lines = listing(table, nosort=True).splitlines()
    assert [line.split()[1] for line in lines if "8080" in line] == ["10.2.9.2:8080", "10.2.9.1:8080"]
    assert [line.split()[1] for line in lines[3:] if not line.startswith(" ")] == [
        "10.0.0.80:80",
        "10.0.0.81:443",
        "10.0.0.83:0",
        "10.0.0.82:21",
        "10.0.0.53:53",
        "10.0.0.54:53",
        "256",
    ]


def test_an_empty_table_prints_the_header() -> None:
    assert listing(Table()) == "".join(f"{line}\n" for line in LISTING.splitlines()[:3])
    assert save(Table()) == ""


def test_statistics() -> None:
    table = Table()
    web = table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
    table.add_destination(web, "10.2.9.1", 8080)
    connect(table, 1)
    flow = Flow("tcp", ("10.1.250.1", 1), ("10.0.0.80", 80))
    table.account(flow, packets_in=5, packets_out=3, bytes_in=1356, bytes_out=979)
    assert stats_list(table) == (
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
        "  -> RemoteAddress:Port\n"
        "TCP  10.0.0.80:80                        1        7        4     1356      979\n"
        "  -> 10.2.9.1:8080                       1        7        4     1356      979\n"
    )
    numbers = [
        (99_999_999, "99999999"),
        (100_000_000, "100000K"),
        (10**9, "1000M"),
        (10**11, "100G"),
        (10**14, "100T"),
    ]
    total = 979
    for value, shown in numbers:
        table.account(flow, bytes_out=value - total)
        total = value
        assert stats_list(table).splitlines()[-1].endswith(f" {shown}")
    assert stats_list(table, exact=True).splitlines()[-1].endswith("1356100000000000000")


def test_thresholds_and_persistence(table: Table) -> None:
    web = table.service("tcp", "10.0.0.80", 80)
    for port in range(4):
        connect(table, port)
    assert threshold_list(table, web).splitlines() == [
        "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  10.0.0.80:80 wlc",
        "  -> 10.2.9.1:8080                0          0          1          0         ",
        "  -> 10.2.9.2:8080                100        20         3          0         ",
    ]
    assert persistent_list(table, web).splitlines() == [
        "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  10.0.0.80:80 wlc",
        "  -> 10.2.9.1:8080                1         0           1          0         ",
        "  -> 10.2.9.2:8080                3         0           3          0         ",
    ]


def test_connections() -> None:
    table = Table()
    web = table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
    table.add_destination(web, "10.2.9.1", 8080)
    table.add_destination(web, "10.2.9.2", 8080)
    connect(table, 40000)
    connect(table, 41000, close=True)
    assert connection_list(table, 4 * SECOND + 1).splitlines() == [
        "IPVS connection entries",
        "pro expire state       source             virtual            destination",
        "TCP 14:55  ESTABLISHED 10.1.250.1:40000   10.0.0.80:80       10.2.9.2:8080",
        "TCP 01:55  TIME_WAIT   10.1.250.1:41000   10.0.0.80:80       10.2.9.1:8080",
    ]
    assert proc_connections(table, 5 * SECOND).splitlines() == [
        "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData",
        "TCP 0A01FA01 9C40 0A000050 0050 0A020902 1F90 ESTABLISHED     895",
        "TCP 0A01FA01 A028 0A000050 0050 0A020901 1F90 TIME_WAIT       115",
    ]


def test_templates_of_a_mark_and_ports_kept(table: Table) -> None:
    connect(table, 40000, mark=256)
    assert connection_list(table).splitlines()[2:] == [
        "TCP 15:00  ESTABLISHED 10.1.250.1:40000   10.0.0.80:80       10.2.9.4:80",
        "IP  06:00  ASSURED     10.1.250.1:0       0.0.1.0:0          10.2.9.4:0",
    ]
    flow = Flow("tcp", ("10.1.250.9", 1), ("10.0.0.80", 80))
    table.route(flow, 0, 256)
    assert connection_list(table).splitlines()[-1] == (
        "IP  06:00  NONE        10.1.250.9:0       0.0.1.0:0          10.2.9.4:0"
    )


def test_save(table: Table) -> None:
    assert save(table) == SAVED


def test_timeouts() -> None:
    table = Table()
    assert timeout_line(table) == "Timeout (tcp tcpfin udp): 900 120 300\n"
    table.set_timeouts(100, 20, 30)
    table.set_timeouts(0, 0, 10)
    assert timeout_line(table) == "Timeout (tcp tcpfin udp): 100 20 10\n"


def test_proc_net_ip_vs(table: Table) -> None:
    lines = proc_services(table).splitlines()
    assert lines[:3] == [
        "IP Virtual Server version 1.2.1 (size=4096)",
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn",
    ]
    for line in (
        "TCP  0A000051:01BB mh  persistent 300000 FFFFFF00",
        "  -> 0A020906:01BB      Tunnel  5      0          0         ",
        "TCP  0A000050:0050 wlc  ",
        "UDP  0A000036:0035 rr ops  ",
        "FWM  00000100 rr persistent 90000 FFFFFFFF",
    ):
        assert line in lines
    kernel_order = [line.split()[1] for line in lines if ":1F90" in line]
    assert kernel_order == ["0A020902:1F90", "0A020901:1F90"]
