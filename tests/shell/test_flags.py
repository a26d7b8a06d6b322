"""The flag grammar, its refusals in both eras, and the help (cli.md section 1)."""

from __future__ import annotations

import pytest

from meshsim.errors import BadValue, FlagProblem, UsageProblem
from meshsim.shell.flags import Command, Flag, parse
from meshsim.shell.kinds import KINDS, NetworkChoice, parse_filter, parse_network, parse_preference
from meshsim.shell.usage import group_help, help_text
from meshsim.shell.wording import CliTexts
from meshsim.units import HOUR, SECOND, Port

CLASSIC = CliTexts("classic", "upper")
QUOTED = CliTexts()

CREATE = Command(
    "docker service create",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Create a new service",
    (
        Flag("name"),
        Flag("replicas", "uint"),
        Flag("publish", "port", "p"),
        Flag("env", "list", "e"),
        Flag("update-delay", "duration"),
        Flag("limit-cpu", "cpus"),
        Flag("limit-memory", "bytes"),
        Flag("update-max-failure-ratio", "float"),
        Flag("detach", "bool", "d"),
        Flag("tty", "bool", "t"),
        Flag("user", "str", "u"),
        Flag("restart-max-attempts", "int", default=-1),
    ),
    least=1,
    most=None,
    mixes=False,
)
JOIN = Command(
    "docker swarm join",
    "[OPTIONS] HOST:PORT",
    "Join a swarm as a node and/or manager",
    (Flag("token"),),
    1,
    1,
)
INIT = Command(
    "docker swarm init",
    "[OPTIONS]",
    "Initialize a swarm",
    (Flag("cert-expiry", "duration", default=2160 * HOUR), Flag("default-addr-pool", "pool")),
)
LS = Command(
    "docker service ls",
    "[OPTIONS]",
    "List services",
    (Flag("filter", "filter", "f"), Flag("quiet", "bool", "q")),
)


def refused(command, line, texts=QUOTED):
    with pytest.raises(UsageProblem) as caught:
        parse(command, line.split(), texts)
    return caught.value.exit_code, str(caught.value)


@pytest.mark.parametrize(
    ("line", "values", "operands"),
    [
        ("--name a img", {"name": "a"}, ("img",)),
        ("--name=a img", {"name": "a"}, ("img",)),
        ("--name= img", {"name": ""}, ("img",)),
        ("--name=a=b img", {"name": "a=b"}, ("img",)),
        ("-u a img", {"user": "a"}, ("img",)),
        ("-ua img", {"user": "a"}, ("img",)),
        ("-u=a img", {"user": "a"}, ("img",)),
        ("-u= img", {"user": "="}, ("img",)),
        ("-dt img", {"detach": True, "tty": True}, ("img",)),
        ("-dtua img", {"detach": True, "tty": True, "user": "a"}, ("img",)),
        ("-d=false img", {"detach": False}, ("img",)),
        ("--detach=false img", {"detach": False}, ("img",)),
        ("--detach --detach=0 img", {"detach": False}, ("img",)),
        ("-d false", {"detach": True}, ("false",)),
        ("--replicas 2 --replicas 3 img", {"replicas": 3}, ("img",)),
        ("--replicas 0x10 img", {"replicas": 16}, ("img",)),
        ("-e a=1 -e b --env c img", {"env": ("a=1", "b", "c")}, ("img",)),
        ("-p 81:80 -p 90-91:90-91 img", {"publish": (Port(80, 81), Port(90, 90), Port(91, 91))}, ("img",)),
        ("--update-delay 10s img", {"update-delay": 10 * SECOND}, ("img",)),
        (
            "--limit-cpu .5 --limit-memory 64m img",
            {"limit-cpu": 500_000_000, "limit-memory": 64 << 20},
            ("img",),
        ),
        ("--update-max-failure-ratio .2 img", {"update-max-failure-ratio": 0.2}, ("img",)),
        ("--restart-max-attempts -3 img", {"restart-max-attempts": -3}, ("img",)),
        ("--name --detach img", {"name": "--detach"}, ("img",)),
        ("--name a b c --bogus", {"name": "a"}, ("b", "c", "--bogus")),
        ("-- -x", {}, ("-x",)),
        ("- -d", {}, ("-", "-d")),
        ("img -- -d", {}, ("img", "--", "-d")),
    ],
)
def test_lines_that_are_understood(line, values, operands):
    parsed = parse(CREATE, line.split())
    assert {name: parsed[name] for name in values} == values
    assert parsed.operands == operands
    assert parsed.changed == tuple(values)


def test_what_is_not_typed_has_its_default_and_is_not_changed():
    parsed = parse(CREATE, ["img"])
    assert parsed.changed == ()
    assert dict(parsed.values) == {
        "name": "", "replicas": 0, "publish": (), "env": (), "update-delay": 0, "limit-cpu": 0,
        "limit-memory": 0, "update-max-failure-ratio": 0.0, "detach": False, "tty": False, "user": "",
        "restart-max-attempts": -1,
    }  # fmt: skip


def test_flags_and_operands_mix_where_the_command_allows_it():
    parsed = parse(JOIN, ["172.17.0.6:2377", "--token", "T"])
    assert (parsed["token"], parsed.operands) == ("T", ("172.17.0.6:2377",))
    assert parse(JOIN, ["--token", "T", "--", "--token"]).operands == ("--token",)


def test_the_words_are_left_as_they_were():
    words = ["--name", "a", "img"]
    parse(CREATE, words)
    assert words == ["--name", "a", "img"]


def test_an_unknown_flag():
    code, text = refused(CREATE, "--bogus img")
    assert code == 125
    assert text == (
        "unknown flag: --bogus\n\nUsage:  docker service create [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
        "Run 'docker service create --help' for more information"
    )
    assert refused(CREATE, "--bogus=1 img", CLASSIC) == (
        125,
        "unknown flag: --bogus\nSee 'docker service create --help'.",
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-x", "unknown shorthand flag: 'x' in -x"),
        ("-dxt", "unknown shorthand flag: 'x' in -xt"),
        ("--name", "flag needs an argument: --name"),
        ("-u", "flag needs an argument: 'u' in -u"),
        ("-du", "flag needs an argument: 'u' in -u"),
        ("--=x", "bad flag syntax: --=x"),
        ("---x", "bad flag syntax: ---x"),
        (
            "--detach=maybe",
            (
                'invalid argument "maybe" for "-d, --detach" flag: '
                'strconv.ParseBool: parsing "maybe": invalid syntax'
            ),
        ),
        (
            "--replicas -1",
            'invalid argument "-1" for "--replicas" flag: strconv.ParseUint: parsing "-1": invalid syntax',
        ),
        ("-p 99999:80", 'invalid argument "99999:80" for "-p, --publish" flag: invalid hostPort: 99999'),
        (
            "-p published=80",
            'invalid argument "published=80" for "-p, --publish" flag: missing mandatory field \'target\'',
        ),
        (
            "-p 1.2.3.4:80:80",
            'invalid argument "1.2.3.4:80:80" for "-p, --publish" flag: hostip is not supported',
        ),
        (
            "--update-delay 5",
            'invalid argument "5" for "--update-delay" flag: time: missing unit in duration "5"',
        ),
        ("--limit-cpu 1/3", 'invalid argument "1/3" for "--limit-cpu" flag: value is too precise'),
    ],
)
def test_flags_that_cannot_be_read(line, reason):
    code, text = refused(CREATE, line)
    assert (code, text.splitlines()[0]) == (125, reason)


def test_before_28_port_refusals_have_a_capital():
    assert refused(CREATE, "-p 99999:80 img", CLASSIC)[1] == (
        'invalid argument "99999:80" for "-p, --publish" flag: Invalid hostPort: 99999\n'
        "See 'docker service create --help'."
    )


def test_recorded_pool_refusal():
    # 15_pool_autolock.txt, a 26.1 engine
    assert refused(INIT, "--default-addr-pool nonsense", CLASSIC)[1] == (
        'invalid argument "nonsense" for "--default-addr-pool" flag: '
        "invalid string being converted to CIDR: nonsense\nSee 'docker swarm init --help'."
    )
    assert refused(INIT, "--default-addr-pool 10.0.0.0")[1].splitlines()[0] == (
        'invalid argument "10.0.0.0" for "--default-addr-pool" flag: '
        "invalid string being converted to CIDR: 10.0.0.0"
    )


@pytest.mark.parametrize(
    ("command", "line", "quoted", "classic"),
    [
        (
            CREATE,
            "",
            "docker: 'docker service create' requires at least 1 argument",
            '"docker service create" requires at least 1 argument.',
        ),
        (
            JOIN,
            "",
            "docker: 'docker swarm join' requires 1 argument",
            '"docker swarm join" requires exactly 1 argument.',
        ),
        (
            JOIN,
            "a b",
            "docker: 'docker swarm join' requires 1 argument",
            '"docker swarm join" requires exactly 1 argument.',
        ),
        (
            INIT,
            "foo",
            "docker: 'docker swarm init' accepts no arguments",
            '"docker swarm init" accepts no arguments.',
        ),
        (
            Command("docker network connect", "NETWORK CONTAINER", "Connect", least=2, most=2),
            "a",
            "docker: 'docker network connect' requires 2 arguments",
            '"docker network connect" requires exactly 2 arguments.',
        ),
        (
            Command("docker secret create", "[OPTIONS] SECRET [file|-]", "Create", least=1, most=2),
            "",
            "docker: 'docker secret create' requires at least 1 and at most 2 arguments",
            '"docker secret create" requires at least 1 and at most 2 arguments.',
        ),
        (
            Command("docker search", "TERM", "Search", least=0, most=1),
            "a b",
            "docker: 'docker search' requires at most 1 argument",
            '"docker search" requires at most 1 argument.',
        ),
    ],
)
def test_wrong_numbers_of_operands(command, line, quoted, classic):
    code, text = refused(command, line)
    assert (code, text.splitlines()[:3]) == (1, [quoted, "", f"Usage:  {command.use_line}"])
    assert refused(command, line, CLASSIC) == (
        1,
        f"{classic}\nSee '{command.path} --help'.\n\nUsage:  {command.use_line}\n\n{command.summary}",
    )


def test_row_28_says_see_where_the_others_say_run():
    assert refused(CREATE, "")[1].endswith("\n\nSee 'docker service create --help' for more information")
    assert refused(JOIN, "")[1].endswith("\n\nRun 'docker swarm join --help' for more information")


def test_unknown_commands():
    top = QUOTED.unknown_command("docker", "foo")
    assert (str(top), top.exit_code) == (
        "docker: unknown command: docker foo\n\nRun 'docker --help' for more information",
        1,
    )
    assert str(QUOTED.unknown_command("docker service", "foo")) == (
        "docker: unknown command: docker service foo\n\nUsage:  docker service\n\n"
        "Run 'docker service --help' for more information"
    )
    assert (
        str(CLASSIC.unknown_command("docker", "foo"))
        == "docker: 'foo' is not a docker command.\nSee 'docker --help'"
    )
    assert str(CLASSIC.unknown_command("docker x", "foo", group_help="\nUsage\n")) == "\nUsage"


def test_run_refused():
    message = "Error response from daemon: no such thing."
    assert (
        str(QUOTED.run_refused(message))
        == f"docker: {message}\n\nRun 'docker run --help' for more information"
    )
    assert str(CLASSIC.run_refused(message)) == f"docker: {message}\nSee 'docker run --help'."
    assert str(CLASSIC.run_refused("no such thing", hint=False)) == "docker: no such thing."
    assert QUOTED.run_refused(message).exit_code == 125


def test_help_wins_over_counts_but_not_over_earlier_mistakes():
    assert parse(JOIN, ["--help"]).help
    assert parse(JOIN, ["--help", "--bogus"]).help
    assert parse(LS, ["-qh"]).notes == "Flag shorthand -h has been deprecated, use --help\n"
    assert not parse(CREATE, ["img", "--help"]).help
    with pytest.raises(FlagProblem):
        parse(JOIN, ["--bogus", "--help"])


def test_a_parser_of_ones_own():
    def even(text):
        if int(text) % 2:
            raise BadValue("odd", text)
        return int(text) // 2

    command = Command("docker x", flags=(Flag("pairs", parser=even),))
    assert parse(command, ["--pairs", "4"])["pairs"] == 2
    assert refused(command, "--pairs 3")[1].startswith('invalid argument "3" for "--pairs" flag: odd\n')


# --- kinds ---------------------------------------------------------------------------------------


def test_filters():
    assert parse(LS, ["-f", "Label= a=b ", "--filter="])["filter"] == (("label", "a=b"), ("", ""))
    with pytest.raises(BadValue, match="bad format of filter"):
        parse_filter("x")


def test_networks():
    assert parse_network("eg1") == NetworkChoice("eg1")
    assert parse_network("Name=eg1,alias=a,alias=b,driver-opt=K=v,ip=10.0.1.9") == NetworkChoice(
        "eg1", ("a", "b"), (("k", "v"),), "10.0.1.9"
    )


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("network", "alias=a", "network name/id is not specified"),
        ("network", "name=a,x=1", "invalid field key x"),
        ("network", "name=a,x", "invalid field: x"),
        ("network", "name=a,driver-opt=k", "invalid key value pair format in driver options"),
        ("pref", "spread", 'placement preference must be of the format "<strategy>=<arg>"'),
        ("pref", "binpack=x", "unsupported placement preference binpack (only spread is supported)"),
        ("host", "foo", 'bad format for add-host: "foo"'),
        ("host", "foo:bar", 'invalid IP address in add-host: "bar"'),
        ("ip", "foo", "IP address is not correctly formatted: foo"),
        ("pool", "10.0.0.0/99", "invalid string being converted to CIDR: 10.0.0.0/99"),
    ],
)
def test_values_refused(kind, text, sentence):
    with pytest.raises(BadValue) as caught:
        KINDS[kind].parse(text)
    assert str(caught.value) == sentence


def test_values_read():
    assert parse_preference("spread=node.labels.dc") == "node.labels.dc"
    assert KINDS["host"].parse("db:10.0.0.1") == "db:10.0.0.1"
    assert KINDS["host"].parse("gw:host-gateway") == "gw:host-gateway"
    assert KINDS["ip"].parse(" 8.8.8.8 ") == "8.8.8.8"
    assert KINDS["pool"].parse("10.20.3.4/16") == "10.20.0.0/16"


# --- help ----------------------------------------------------------------------------------------

UPDATE = Command(
    "docker swarm update",
    "[OPTIONS]",
    "Update the swarm",
    (
        Flag("task-history-limit", "int", default=5, help="Task history retention limit"),
        Flag("autolock", "bool", help="Change manager autolocking setting (true|false)"),
        Flag(
            "cert-expiry",
            "duration",
            default=2160 * HOUR,
            help="Validity period for node certificates (ns|us|ms|s|m|h)",
        ),
        Flag(
            "dispatcher-heartbeat",
            "duration",
            default=5 * SECOND,
            help="Dispatcher heartbeat period (ns|us|ms|s|m|h)",
        ),
        Flag(
            "external-ca",
            "list",
            help="Specifications of one or more certificate signing endpoints",
            type_name="external-ca",
        ),
        Flag("max-snapshots", "uint", help="Number of additional Raft snapshots to retain"),
        Flag("snapshot-interval", "uint", default=10000, help="Number of log entries between Raft snapshots"),
        Flag("secret-thing", hidden=True),
    ),
)


def test_recorded_help_of_swarm_update():
    # 15_pool_autolock.txt
    assert (
        help_text(UPDATE)
        == """
Usage:  docker swarm update [OPTIONS]

Update the swarm

Options:
      --autolock                        Change manager autolocking
                                        setting (true|false)
      --cert-expiry duration            Validity period for node
                                        certificates (ns|us|ms|s|m|h)
                                        (default 2160h0m0s)
      --dispatcher-heartbeat duration   Dispatcher heartbeat period
                                        (ns|us|ms|s|m|h) (default 5s)
      --external-ca external-ca         Specifications of one or more
                                        certificate signing endpoints
      --max-snapshots uint              Number of additional Raft
                                        snapshots to retain
      --snapshot-interval uint          Number of log entries between
                                        Raft snapshots (default 10000)
      --task-history-limit int          Task history retention limit
                                        (default 5)
"""
    )


def test_help_without_options_and_with_aliases():
    command = Command("docker node ls", "[OPTIONS]", "List nodes in the swarm", aliases=("docker node list",))
    assert help_text(command) == (
        "\nUsage:  docker node ls [OPTIONS]\n\nList nodes in the swarm\n"
        "\nAliases:\n  docker node ls, docker node list\n"
    )


def test_help_where_the_flags_leave_no_room():
    flag = Flag("x" * 50, help="word " * 20 + "end\nsecond line", default="v")
    lines = help_text(Command("docker x", flags=(flag,))).splitlines()
    assert lines[6].rstrip() == f"      --{'x' * 50} string"
    assert all(line.startswith(" " * 16) for line in lines[7:])
    assert lines[-1].endswith('second line (default "v")')


def test_an_unbreakable_text_stays_whole():
    text = help_text(Command("docker x", flags=(Flag("f", help="y" * 100),)))
    assert "y" * 100 in text


def test_defaults_as_the_help_shows_them():
    shown = {name: kind.show(kind.zero) for name, kind in KINDS.items() if not kind.repeats}
    assert set(shown.values()) == {""}
    assert KINDS["bool"].show(True) == "true"
    assert KINDS["float"].show(0.5) == "0.5"
    assert KINDS["bytes"].show(64 << 20) == "64MiB"
    assert KINDS["cpus"].show(500_000_000) == "0.5"


def test_group_help_pads_names():
    text = group_help("docker x", "Manage x", [("a", "Do a"), ("long-name-here", "Do it")])
    assert "  a              Do a\n  long-name-here Do it\n" in text
