"""Room scenario (floor 6): experiments as data: a swarm, its clients, events and expectations.

>>> from meshsim.scenario import Client, Every, Expect, Scenario, ServicePlan, at
>>> scenario = Scenario(
...     name="two replicas",
...     hosts=["host01", "host02"],
...     services=[ServicePlan("web", replicas=2, publish="81:80")],
...     clients=[Client("alice", calls=["host01:81", "host02:81"], arrivals=Every("1s"))],
...     steps=[at("20s").scale("web", 3)],
...     expect=[Expect("ok_share", equals=1)],
...     lasts="40s",
... )
>>> report = scenario.run(seed=7)
>>> report
<Report two replicas seed=7: 40 requests in 40s (40 ok)>
>>> report.where(until="20s").counts("slot")
{'web.1': 10, 'web.2': 10, 'web.3': 0}
>>> report.missed()
()
>>> Scenario.loads(scenario.dumps()) == scenario
True
"""

from meshsim.scenario.expect import Expect
from meshsim.scenario.experiment import progress_bar, replicate, sweep
from meshsim.scenario.faults import (
    Availability,
    Crash,
    Do,
    Fail,
    Heal,
    Partition,
    Recover,
    Remove,
    Scale,
    SetHealth,
    StartEngine,
    StopEngine,
    Update,
)
from meshsim.scenario.plans import HostPlan, NetworkPlan, ServicePlan
from meshsim.scenario.records import ConnectionRecord, Event, RequestRecord, TaskRecord
from meshsim.scenario.report import Report, Verdict
from meshsim.scenario.results import Interval, Point, Replications, Run, Sweep
from meshsim.scenario.scenario import Scenario
from meshsim.scenario.stage import Stage
from meshsim.scenario.steps import Moment, Running, Step, at, every, plan, running, when
from meshsim.scenario.times import Exponential, Fixed, Pareto, Uniform
from meshsim.scenario.traffic.arrivals import Bursts, Every, Poisson, Trace
from meshsim.scenario.traffic.clients import Client, KeepAlive, Resolver, Retry, Users
from meshsim.scenario.traffic.proxies import HAProxy, Nginx, Traefik
from meshsim.scenario.traffic.servers import Queue, Server

__all__ = [
    "Availability",
    "Bursts",
    "Client",
    "ConnectionRecord",
    "Crash",
    "Do",
    "Event",
    "Every",
    "Expect",
    "Exponential",
    "Fail",
    "Fixed",
    "HAProxy",
    "Heal",
    "HostPlan",
    "Interval",
    "KeepAlive",
    "Moment",
    "NetworkPlan",
    "Nginx",
    "Pareto",
    "Partition",
    "Point",
    "Poisson",
    "Queue",
    "Recover",
    "Remove",
    "Replications",
    "Report",
    "RequestRecord",
    "Resolver",
    "Retry",
    "Run",
    "Running",
    "Scale",
    "Scenario",
    "Server",
    "ServicePlan",
    "SetHealth",
    "Stage",
    "StartEngine",
    "Step",
    "StopEngine",
    "Sweep",
    "TaskRecord",
    "Trace",
    "Traefik",
    "Uniform",
    "Update",
    "Users",
    "Verdict",
    "at",
    "every",
    "plan",
    "progress_bar",
    "replicate",
    "running",
    "sweep",
    "when",
]
