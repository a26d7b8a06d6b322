"""Q11: With endpoint mode dnsrr, how even is it for clients that re-resolve, cache, cache for ever, or sort?

DNS answers are shuffled and clients take the first address: that is a lottery per question, not a balance.
Asking each time spreads like dice; caching makes fewer throws; for ever is one throw; sorting is none.
"""

from meshsim.scenario import Client, Every, NetworkPlan, Resolver, Scenario, ServicePlan

TASKS, REQUESTS = 4, 1_200
HABITS = {
    "asks": Resolver("no"),
    "minute": Resolver("ttl", ttl="60s"),
    "forever": Resolver("forever"),
    "sorts": Resolver("no", order="lowest"),
}

SCENARIO = Scenario(
    name="Q11",
    ties="seeded",
    networks=[NetworkPlan("eg1", attachable=True)],
    services=[ServicePlan("http", replicas=TASKS, network=["eg1"], endpoint_mode="dnsrr")],
    clients=[
        Client(name, calls="http:80", network="eg1", arrivals=Every("1s"), requests=REQUESTS, resolver=habit)
        for name, habit in HABITS.items()
    ],
)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = SCENARIO.run(seed=2)
    report.check()
    parts = {name: report.where(client=name) for name in HABITS}
    for name, part in parts.items():
        counts = part.counts("slot")
        print(f"{name:8} {list(counts.values())}  Jain {part.jain():.3f}  chi-square {part.chi_square():.1f}")
    # (a) multinomial: chi-square with 3 degrees of freedom, neither too even (as taking turns is) nor too odd
    assert 0.02 < parts["asks"].chi_square() < 21.1
    # (b) one throw per minute: 20 balls in 4 bins, 60 requests each
    assert all(count % 60 == 0 for count in parts["minute"].counts().values())
    assert parts["minute"].chi_square() > parts["asks"].chi_square()
    # (c) one throw, (d) none: one task has it all; sorting clients agree on which
    assert sorted(parts["forever"].counts().values()) == [0, 0, 0, REQUESTS]
    assert sorted(parts["sorts"].counts().values()) == [0, 0, 0, REQUESTS]
    assert round(parts["sorts"].jain(), 6) == 1 / TASKS


if __name__ == "__main__":
    main()
