"""Q04: Why does my browser stick to one container when curl does not?

The mesh balances connections, not requests. A browser keeps its connection; curl opens one each time.
"""

from meshsim.scenario import Client, Every, KeepAlive, Scenario, ServicePlan

SCENARIO = Scenario(
    name="Q04",
    hosts=["host01", "host02"],
    services=[ServicePlan("web", replicas=2, publish="81:80")],
    clients=[
        Client("curl", calls="host01:81", arrivals=Every("2s"), requests=10),
        # This browser closes its connection after ten requests and opens another.
        Client(
            "browser",
            calls="host01:81",
            arrivals=Every("2s"),
            requests=30,
            start="1m",
            keep_alive=KeepAlive(requests=10),
        ),
    ],
)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = SCENARIO.run()
    report.check()
    curl, browser = report.where(client="curl"), report.where(client="browser")
    print("curl    ", "".join(request.slot[-1] for request in curl.requests))
    print("browser ", "".join(request.slot[-1] for request in browser.requests))
    assert curl.max_min() == 0
    kept = [connection for connection in report.connections if connection.client == "browser"]
    assert [connection.requests for connection in kept] == [10, 10, 10]
    for connection in kept:
        tasks = browser.where(connection=connection.number).counts("task")
        assert sorted(tasks.values()) == [0, 10]  # all requests of a connection on one task
    assert kept[0].task == kept[2].task != kept[1].task  # closing it moves on


if __name__ == "__main__":
    main()
