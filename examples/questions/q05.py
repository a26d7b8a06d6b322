"""Q05: I scale 2 -> 4 under keep-alive load. When do the new tasks carry their share?

When the old connections have died. With lives of mean L, so long after the scale-up the new tasks carry
(b - a)/b * (1 - exp(-t/L)): half of their share after 0.69 L, 90 % after 2.3 L.
"""

from math import sqrt

from meshsim.scenario import Client, Exponential, KeepAlive, Scenario, ServicePlan, Users, at
from meshsim.scenario.theory import share_of_new_tasks

USERS, LIFE_S, SCALED_S, STARTED_S = 400, 60, 120, 121

SCENARIO = Scenario(
    name="Q05",
    hosts=["host01", "host02"],
    services=[ServicePlan("web", replicas=2, publish="81:80")],
    clients=[
        Client(
            "crowd",
            calls="host01:81",
            users=Users(USERS, think="3s"),
            keep_alive=KeepAlive(life=Exponential(f"{LIFE_S}s")),
        )
    ],
    steps=[at(f"{SCALED_S}s").scale("web", 4)],
    lasts="6m",
)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = SCENARIO.run(seed=1)
    report.check()
    assert report.ok_share == 1
    print(" after   measured  expected")
    for after_s in (0, 14, 41, 83, 138, 200):
        second = report.where(since=f"{STARTED_S + after_s}s", until=f"{STARTED_S + after_s + 3}s")
        shares = second.shares("slot")
        measured = shares["web.3"] + shares["web.4"]
        expected = share_of_new_tasks(2, 4, after_s + 1, LIFE_S)
        print(f"{after_s:5d} s   {measured:8.3f}  {expected:8.3f}")
        # Each connection is on a new task or not: a binomial scatter, four standard errors wide.
        assert abs(measured - expected) <= 4 * sqrt(0.25 / USERS)


if __name__ == "__main__":
    main()
