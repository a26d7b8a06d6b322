"""The pytest plugin, as its users meet it: in tests of their own, run by pytest."""

import re
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

FAILING_PROPERTY = """
    from hypothesis import Phase, given, settings, strategies as st
    from meshsim.testing import scenarios

    @settings(max_examples=30, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    @given(
        scenario=scenarios(max_hosts=1, max_services=1, max_clients=1, networks=False, faults=False),
        seed=st.sampled_from([0, 1]),
    )
    def test_few_come(scenario, seed):
        report = scenario.run(seed)
        assert len(report.requests) < 3
"""


def run(pytester, *arguments):
    """A run of its own, in this process, where meshsim is loaded already."""
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def run_fresh(pytester, *arguments):
    """A pytest of its own, as users start it."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_the_fixtures(pytester):
    pytester.makepyfile("""
        import pytest

        def test_cluster(cluster):
            assert cluster.hosts == {} and cluster.seed == 0

        def test_swarm(swarm, meshsim_seed):
            assert meshsim_seed == 0
            assert list(swarm.hosts) == ["host01", "host02", "host03", "host04", "host05"]
            nodes = swarm.host("host01").nodes.list()
            roles = {node.name: (node.record.role.name, node.record.status.state.name) for node in nodes}
            assert roles["host03"] == ("MANAGER", "READY")
            assert roles["host04"] == ("WORKER", "READY")

        @pytest.mark.meshsim_seed("spring")
        def test_marked(cluster):
            assert cluster.seed == "spring"

        class TestGroup:
            pytestmark = pytest.mark.meshsim_seed(9)

            def test_marked(self, cluster):
                assert cluster.seed == 9
    """)
    run(pytester, "--strict-markers").assert_outcomes(passed=4)


@pytest.mark.parametrize(("given", "seed"), [("7", 7), ("-3", -3), ("red", "red")])
def test_the_seed_of_the_command_line_comes_first(pytester, given, seed):
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.meshsim_seed(5)
        def test_marked(cluster, meshsim_seed):
            assert cluster.seed == meshsim_seed == {seed!r}
    """)
    run(pytester, f"--meshsim-seed={given}").assert_outcomes(passed=1)


def test_a_mark_without_a_seed_is_refused_in_one_sentence(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.meshsim_seed
        def test_marked(cluster):
            pass
    """)
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*UsageError: meshsim_seed takes one seed, a number or a text*"])


def test_a_failure_shows_the_last_events_and_how_to_see_it_again(pytester):
    pytester.makepyfile("""
        def test_failure(swarm):
            swarm.host("host01").services.create("nginx", name="web", replicas=3)
            swarm.settle()
            swarm.host("host05").fail()
            swarm.run_for("30s")
            assert swarm.host("host05").up
    """)
    result = run(pytester, "--meshsim-seed=4")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "meshsim: last 30 events, seed 4" in text
    assert "fault      fail host05" in text
    assert "update node host05 (state=down: heartbeat failure)" in text
    assert (
        "again: pytest 'test_a_failure_shows_the_last_events_and_how_to_see_it_again.py::test_failure'"
        in text
    )
    lines = [line for line in text.splitlines() if re.match(r" +\d+\.\d{3} s  ", line)]
    assert len(lines) == 30
    again = run(pytester, "--meshsim-seed=4").stdout.str()
    assert [line for line in again.splitlines() if line in lines] == lines


def test_a_failure_while_a_fixture_is_made_shows_them_too(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def web(swarm):
            return swarm.host("host01").services.get("web")

        def test_it(web):
            pass
    """)
    result = run(pytester)
    result.assert_outcomes(errors=1)
    assert "meshsim: last 17 events, seed 0" in result.stdout.str()


def test_success_shows_nothing(pytester):
    pytester.makepyfile("def test_it(swarm): pass")
    result = run(pytester, "-rA")
    result.assert_outcomes(passed=1)
    assert "meshsim: last" not in result.stdout.str()


def printed_file(text):
    """The test file under a failed test."""
    lines = text.splitlines()
    start = next(
        number for number, line in enumerate(lines) if "the example that failed, as a test file" in line
    )
    end = next(number for number, line in enumerate(lines) if number > start and re.match(r"(-|=){3,}", line))
    return "\n".join(lines[start + 1 : end]) + "\n"


def test_a_failing_property_prints_a_file_that_fails_again(pytester):
    pytester.makepyfile(test_shop=FAILING_PROPERTY)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    # hypothesis itself shows the scenario as the Python that makes it
    assert "scenario=Scenario(" in text
    printed = printed_file(text)
    assert printed == EXPECTED_FILE  # as small as can be
    pytester.makepyfile(test_pasted=printed)
    again = run(pytester, "test_pasted.py")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*assert len(report.requests) < 3", "E *assert 3 < 3*"])


EXPECTED_FILE = """\
import test_shop
from meshsim.scenario import Client, Every, Scenario, ServicePlan

scenario = Scenario(
    services=[ServicePlan("web", publish="81:80")],
    clients=[Client("alice", "host01:81", arrivals=Every("1s"), requests=3)],
)
seed = 0


def test_again():
    test_shop.test_few_come.hypothesis.inner_test(scenario=scenario, seed=seed)
"""


def test_fixtures_parameters_and_classes_come_along(pytester):
    pytester.makepyfile(
        test_shop="""
        import pytest
        from hypothesis import HealthCheck, Phase, given, settings
        from meshsim.testing import scenarios

        @pytest.fixture
        def most():
            return 0

        class TestShop:
            @pytest.mark.parametrize("less", [0])
            @settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
            @given(scenario=scenarios(max_hosts=1, max_clients=1, faults=False))
            def test_nobody_comes(self, scenario, most, less):
                assert len(scenario.run().requests) <= most - less
    """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    printed = printed_file(result.stdout.str())
    assert "def test_again(most):" in printed
    assert "less = 0" in printed
    pytester.makepyfile(test_pasted=printed)
    pytester.makeconftest("from test_shop import most")
    run(pytester, "test_pasted.py").assert_outcomes(failed=1)


def test_what_cannot_be_named_is_not_printed(pytester):
    pytester.makepyfile("""
        from hypothesis import Phase, given, settings
        from meshsim.testing import scenarios

        def local():
            class Mine:
                def pick(self, destinations, flow, now_ns):
                    return destinations[0]
            return Mine

        @settings(max_examples=5, phases=[Phase.generate], database=None)
        @given(scenario=scenarios(max_hosts=1, balancer=local(), faults=False))
        def test_nobody_comes(scenario):
            assert not scenario.run().requests
    """)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    assert "as a test file" not in result.stdout.str()


def test_an_error_while_drawing_shows_no_other_example(pytester):
    pytester.makepyfile("""
        from hypothesis import Phase, given, settings, strategies as st
        from meshsim.testing import services

        def refuse(service):
            assert service.server is None, "not this one"
            return service

        @settings(max_examples=50, phases=[Phase.generate], database=None)
        @given(service=services().map(refuse))
        def test_drawing(service):
            pass
    """)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    assert "as a test file" not in result.stdout.str()


def test_the_plugin_is_lazy(pytester):
    pytester.makepyfile("""
        import sys
        from hypothesis import given, strategies as st

        def test_nothing_of_the_library_is_imported():
            assert not [name for name in sys.modules if name.partition(".")[0] == "meshsim"]

        @given(st.integers())
        def test_other_properties_are_left_alone(number):
            assert number < 5
    """)
    result = run_fresh(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_other_properties_are_left_alone(", "*number=5,"])
    assert not [line for line in result.stdout.lines if "_meshsim_pytest" in line or "meshsim:" in line]


def test_without_hypothesis_the_fixtures_say_what_is_missing(pytester):
    pytester.makepyfile("""
        import sys
        sys.modules["hypothesis"] = None

        def test_cluster(cluster):
            pass

        def test_swarm(swarm):
            pass
    """)
    result = run_fresh(pytester, "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*ImportError: meshsim.testing needs hypothesis: pip install 'meshsim?testing?'*"]
    )


def test_the_option_and_the_mark_are_documented():
    def ask(flag):
        line = [sys.executable, "-m", "pytest", flag]
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout

    assert "--meshsim-seed=SEED" in ask("--help")
    assert "meshsim_seed(seed)" in ask("--markers")
