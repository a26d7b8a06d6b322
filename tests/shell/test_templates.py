"""--format: Go's templates, its printing, and docker's sentences (cli.md section 4)."""
# ruff: noqa: E501   a row of a table reads best on one line

from __future__ import annotations

import pytest

from meshsim.errors import NotModelled, TemplateProblem
from meshsim.gotext.lexer import lex
from meshsim.gotext.printing import ADDRESS, Nil, go_print, go_printf, go_println, go_type, go_value
from meshsim.gotext.values import Duration, GoType, Pointer, Struct, Time
from meshsim.shell.templates import Template, inspect_json, render_rows

PORT = GoType(
    "swarm.PortConfig", "Name?:str Protocol?:str TargetPort?:int PublishedPort?:int PublishMode?:str"
)
VIP = GoType("swarm.EndpointVirtualIP", "NetworkID?:str Addr?:str")
ENDPOINT_SPEC = GoType("swarm.EndpointSpec", "Mode?:str Ports?:list")
ENDPOINT = GoType("swarm.Endpoint", "Spec?:struct Ports?:list VirtualIPs?:list")
ANNOTATIONS = GoType("swarm.Annotations", "Name?:str Labels:map")
REPLICATED = GoType("swarm.ReplicatedService", "Replicas?:ptr")
MODE = GoType("swarm.ServiceMode", "Replicated?:ptr Global?:ptr")
UPDATE = GoType("swarm.UpdateConfig", "Parallelism:int Delay?:int MaxFailureRatio:float")
SPEC = GoType(
    "swarm.ServiceSpec",
    "Annotations:embed Mode?:struct UpdateConfig?:ptr EndpointSpec?:ptr Args?:list StopGracePeriod?:ptr",
)
VERSION = GoType("swarm.Version", "Index?:int")
META = GoType("swarm.Meta", "Version?:struct CreatedAt?:int")
SERVICE = GoType(
    "swarm.Service",
    "ID:str Meta:embed Spec?:struct Endpoint?:struct UpdateStatus?:ptr Ready?:bool Other?:ptr",
)
ROW = GoType("*service.serviceContext", "ID:str Image:str Mode:str Name:str Ports:str Replicas:str")

HTTP = SERVICE(
    ID="a1b2",
    Meta=META(Version=VERSION(Index=74), CreatedAt=Time(1_632_988_763_500_000_000)),
    Spec=SPEC(
        Annotations=ANNOTATIONS(Name="http", Labels={"a": "1", "b": "2"}),
        Mode=MODE(Replicated=Pointer(REPLICATED(Replicas=Pointer(2)))),
        EndpointSpec=Pointer(
            ENDPOINT_SPEC(
                Mode="vip",
                Ports=[PORT(Protocol="tcp", TargetPort=80, PublishedPort=81, PublishMode="ingress")],
            )
        ),
        Args=["sleep", "99"],
        StopGracePeriod=Pointer(Duration(10_000_000_000)),
    ),
    Endpoint=ENDPOINT(
        Spec=ENDPOINT_SPEC(Mode="vip"),
        VirtualIPs=[VIP(NetworkID="cf4fx7p2a75irup0pjafylpd4", Addr="10.0.1.2/24")],
    ),
    Ready=True,
)
CONTAINER = {
    "Name": "/dig",
    "Size": 3,
    "Ratio": 0.5,
    "Null": None,
    "NetworkSettings": {
        "Networks": {"eg1": {"IPAddress": "10.0.1.4"}, "bridge": {"IPAddress": "172.17.0.2"}}
    },
    "Config": {"Labels": {"x": "y"}, "Cmd": ["dig", "http"], "Env": []},
}


def render(text, data=HTTP, **options):
    return Template(text).render(data, **options)


def refused(text, data=HTTP, **options):
    with pytest.raises(TemplateProblem) as caught:
        Template(text).render(data, **options)
    return str(caught.value).removeprefix("template parsing error: template: ")


# --- values as Go prints them --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{.Endpoint.VirtualIPs}}", "[{cf4fx7p2a75irup0pjafylpd4 10.0.1.2/24}]"),
        ("{{.Spec.Mode.Replicated.Replicas}} {{.Spec.EndpointSpec}}", "2 {vip [{ tcp 80 81 ingress}]}"),
        ("{{.Endpoint}}", "{{vip []} [] [{cf4fx7p2a75irup0pjafylpd4 10.0.1.2/24}]}"),
        ("{{.Spec.Args}}", "[sleep 99]"),
        ("{{.Endpoint.Ports}}", "[]"),
        ("{{.Spec.Labels}}", "map[a:1 b:2]"),
        ("{{.Spec.Name}} {{.Spec.Annotations}}", "http {http map[a:1 b:2]}"),
        ("{{.Version}} {{.Version.Index}}", "{74} 74"),
        ("{{.Meta}}", "{{74} 2021-09-30 07:59:23.5 +0000 UTC}"),
        ("{{.CreatedAt}}", "2021-09-30 07:59:23.5 +0000 UTC"),
        ("{{.Spec.StopGracePeriod}}", "10s"),
        ("{{.Spec.UpdateConfig}}", "<nil>"),
        ("{{.Spec.Mode}}", "{" + ADDRESS + " <nil>}"),
        ("{{.Spec.Mode.Replicated}}", "{" + ADDRESS + "}"),
        ("{{.Ready}} {{.ID}}", "true a1b2"),
        ("{{.Spec.Labels.a}} {{.Spec.Labels.zz}}", "1 <no value>"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_struct_values(text, shown):
    assert render(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{.NetworkSettings.Networks.eg1.IPAddress}}", "10.0.1.4"),
        ("{{.NetworkSettings.Networks.nope.IPAddress}}", "<no value>"),
        ("{{.Nope}}", "<no value>"),
        ("{{.Null}}", "<no value>"),
        ("{{.Size}} {{.Ratio}} {{.Config.Cmd}}", "3 0.5 [dig http]"),
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "172.17.0.2 10.0.1.4 "),
        (
            "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}};{{end}}",
            "bridge=172.17.0.2;eg1=10.0.1.4;",
        ),
        ("{{json .Config}}", '{"Labels":{"x":"y"},"Cmd":["dig","http"],"Env":[]}'),
        ("{{json .Null}} {{json .Nope}}", "null null"),
        ('{{index .NetworkSettings.Networks "eg1"}}', "map[IPAddress:10.0.1.4]"),
        ('{{(index .NetworkSettings.Networks "eg1").IPAddress}}', "10.0.1.4"),
        ('{{index .Config.Labels "nope"}}|{{index .Config.Cmd 1}}|{{index .Name 0}}', "|http|47"),
        ('{{index . "nope"}}', "<no value>"),
        ("{{with .Null}}x{{else}}none{{end}}", "none"),
        ("{{range .Null}}x{{else}}none{{end}}{{range .Nope}}x{{end}}", "none"),
    ],
)
def test_plain_values(text, shown):
    assert render(text, CONTAINER) == shown


def test_values_go_prints():
    assert go_value([Pointer(1), Pointer(Time(0)), Pointer(Duration(5)), None, Nil("ptr"), 1e6]) == (
        f"[{ADDRESS} 1970-01-01 00:00:00 +0000 UTC 5ns <nil> <nil> 1e+06]"
    )
    assert go_value((1, False)) == "[1 false]"
    assert go_value(Nil("map")) == "map[]"
    assert [go_type(value) for value in ("", True, Time(0), Duration(0), 1, 1.0, {}, [], (), None, HTTP, Pointer(HTTP))] == [
        "string", "bool", "time.Time", "time.Duration", "int", "float64", "map[string]interface {}",
        "[]interface {}", "[]interface {}", "<nil>", "swarm.Service", "*swarm.Service",
    ]  # fmt: skip


# --- actions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{if .Ready}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Endpoint.Ports}}yes{{else}}no{{end}}", "no"),
        ("{{if .Spec.UpdateConfig}}u{{else if .UpdateStatus}}s{{else if .Ready}}r{{else}}n{{end}}", "r"),
        ("{{if .Endpoint}}struct{{end}}{{if .Spec.Mode.Replicated}} pointer{{end}}", "struct pointer"),
        ("{{with .Spec.Labels}}{{.a}}{{end}}", "1"),
        ("{{with .UpdateStatus}}{{.State}}{{else}}never{{end}}", "never"),
        ("{{with .UpdateStatus}}{{.State}}{{else with .ID}}{{.}}{{end}}", "a1b2"),
        ("{{with $x := .ID}}{{$x}}{{.}}{{end}}", "a1b2a1b2"),
        ("{{range .Spec.Args}}<{{.}}>{{end}}", "<sleep><99>"),
        ("{{range $i, $a := .Spec.Args}}{{$i}}{{$a}} {{end}}", "0sleep 199 "),
        ("{{range $a := .Spec.Args}}{{$a}}{{$.ID}} {{end}}", "sleepa1b2 99a1b2 "),
        ("{{range .Endpoint.Ports}}x{{else}}none{{end}}", "none"),
        ("{{range $k, $v := .Spec.Labels}}{{$k}}{{$v}}{{end}}", "a1b2"),
        ("{{range .Endpoint.VirtualIPs}}{{.Addr}}{{end}}", "10.0.1.2/24"),
        ("{{$x := 1}}{{if .Ready}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if .Ready}}{{$x := 2}}{{end}}{{$x}}", "1"),
        ("{{$s := .Spec}}{{$s.Name}}", "http"),
        ("a {{- .ID -}} b", "aa1b2b"),
        ("a {{- /* note */ -}} b{{/* x */}} c", "ab c"),
        ("a\n  {{- if .Ready }}\n b {{ end -}}\n c", "a\n b c"),
        ('{{ .ID | printf "%s-%s" "x" }}', "x-a1b2"),
        ("{{(.Spec).Name}} {{(.Spec.Labels).b}}", "http 2"),
        ("{{1}} {{-3}} {{0x10}} {{1.5}} {{true}} {{'a'}} {{`r\\w`}} {{\"q\\t\\u00e9\"}}", "1 -3 16 1.5 true 97 r\\w q\té"),
        ("{{true}}{{'\\n'}}", "true10"),
        ("{{/* only */}}", ""),
    ],
)  # fmt: skip
def test_actions(text, shown):
    assert render(text) == shown


# --- functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{json .Spec.Labels}}", '{"a":"1","b":"2"}'),
        ("{{json .Endpoint.Ports}} {{json .UpdateStatus}}", "null null"),
        ('{{json "*:81->80/tcp & <x>"}}', '"*:81->80/tcp & <x>"'),
        ('{{join .Spec.Args "+"}}', "sleep+99"),
        ('{{join .Endpoint.Ports ","}}', ""),
        ('{{split "a,b" ","}} {{split "ab" ""}}', "[a b] [a b]"),
        ('{{index (split "a,b" ",") 1}}', "b"),
        ('{{title "hello, big-world 2x"}}', "Hello, Big-World 2x"),
        ('{{upper .ID}} {{lower "ABC"}}', "A1B2 abc"),
        ('[{{pad .ID 1 2}}] [{{pad "" 1 2}}]', "[ a1b2  ] []"),
        ("{{truncate .ID 2}} {{truncate .ID 9}}", "a1 a1b2"),
        ('{{len .Spec.Args}} {{len .Spec.Labels}} {{len .Endpoint.Ports}} {{len "é"}}', "2 2 0 2"),
        ('{{index .Spec.Labels "a"}} [{{index .Spec.Labels "zz"}}]', "1 []"),
        ('{{printf "%-10s|" .ID}}', "a1b2      |"),
        ('{{printf "%.2s" .ID}}', "a1"),
        ('{{print 1 2 "a" 3}} {{println "a" 1}}', "1 2a3 a 1\n"),
        ('{{eq .ID "a1b2"}} {{eq .ID "x" "a1b2"}} {{ne 1 2}} {{eq .Ready true}}', "true true true true"),
        ('{{lt 1 2}} {{le 2 2}} {{gt 1.5 0.5}} {{ge 1 2}} {{lt "a" "b"}}', "true true true false true"),
        ("{{eq .UpdateStatus nil}} {{eq .ID nil}} {{ne .UpdateStatus nil}}", "true false false"),
        (
            "{{and .Ready .ID}} {{and .UpdateStatus .ID}} {{or .UpdateStatus .ID}} {{or .ID .Nope}}",
            "a1b2 <nil> a1b2 a1b2",
        ),
        ("{{not .Ready}} {{not .Endpoint.Ports}}", "false true"),
        ("{{if and .Ready (not .UpdateStatus)}}fresh{{end}}", "fresh"),
        ("{{true | and .Ready}} {{.ID | or .UpdateStatus}}", "true a1b2"),
        ('{{.Spec.Args | len | printf "%03d"}}', "002"),
    ],
)
def test_functions(text, shown):
    assert render(text) == shown


@pytest.mark.parametrize(
    ("template", "values", "shown"),
    [
        ("%v %s %d", [True, "a", 7], "true a 7"),
        ("%5s|%-5s|%05d|%5d", ["a", "b", 42, 42], "    a|b    |00042|   42"),
        ("%q %x %X %x", ['a"b', 255, 255, "hi"], '"a\\"b" ff FF 6869'),
        ("%X", ["hj"], "686A"),
        ("%t %c %o %b %+d %+d", [False, 65, 8, 5, 3, -3], "false A 10 101 +3 -3"),
        ("%f %.1f %e %g %.2g", [1.5, 1.25, 1500.0, 2.0, 2.345], "1.500000 1.2 1.500000e+03 2 2.3"),
        ("%.2s %.s|", ["abc", "abc"], "ab |"),
        ("100%%", [], "100%"),
        ("%d", ["a"], "%!d(string=a)"),
        ("%s", [3], "%!s(int=3)"),
        ("%s %s", ["a"], "a %!s(MISSING)"),
        ("a", ["b", 1], "a%!(EXTRA string=b, int=1)"),
        ("%", [], "%!(NOVERB)"),
        ("%s %s", [Duration(1_000_000_000), Pointer("p")], "1s p"),
        ("%d %t %q", [True, 1, 1], "%!d(bool=true) %!t(int=1) %!q(int=1)"),
    ],
)
def test_printf(template, values, shown):
    assert go_printf(template, values) == shown


def test_print_and_println():
    assert go_print([1, 2, "a", "b", True, 3]) == "1 2abtrue 3"
    assert go_println(["a", 1, True]) == "a 1 true\n"
    with pytest.raises(NotModelled):
        go_printf("%*d", [1, 2])


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{.Foo}}", ':1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type swarm.Service'),
        ("{{.Spec.Foo}}", ':1:7: executing "" at <.Spec.Foo>: can\'t evaluate field Foo in type swarm.ServiceSpec'),
        ("é\nab{{.Spec.Mode.Foo}}", ':2:9: executing "" at <.Spec.Mode.Foo>: can\'t evaluate field Foo in type swarm.ServiceMode'),
        (
            "{{.Spec.Mode.Global.Foo}}",
            ':1:7: executing "" at <.Spec.Mode.Global.Foo>: nil pointer evaluating *swarm.GlobalService.Foo',
        ),
        ("{{.Other.Foo}}", ':1:8: executing "" at <.Other.Foo>: nil pointer evaluating interface {}.Foo'),
        ("{{.ID.Foo}}", ':1:5: executing "" at <.ID.Foo>: can\'t evaluate field Foo in type string'),
        ("{{.Endpoint.Ports.Foo}}", ':1:11: executing "" at <.Endpoint.Ports.Foo>: can\'t evaluate field Foo in type []interface {}'),
        ("{{$x := .ID}}{{$x.Foo}}", ':1:17: executing "" at <$x.Foo>: can\'t evaluate field Foo in type string'),
        ("{{(.Spec).Foo}}", ':1:9: executing "" at <(.Spec).Foo>: can\'t evaluate field Foo in type swarm.ServiceSpec'),
        ("{{range .ID}}{{end}}", ':1:8: executing "" at <.ID>: range can\'t iterate over a1b2'),
        ("{{range .UpdateStatus}}{{end}}", ':1:8: executing "" at <.UpdateStatus>: range can\'t iterate over <nil>'),
        ("{{nil}}", ':1:2: executing "" at <nil>: nil is not a command'),
        ("{{1 2}}", ':1:2: executing "" at <1>: can\'t give argument to non-function 1'),
        ("{{.ID 2}}", ':1:2: executing "" at <.ID>: ID has arguments but cannot be invoked as function'),
        ("{{1 | .ID}}", ':1:6: executing "" at <.ID>: ID has arguments but cannot be invoked as function'),
        ("{{. | $}}", ':1:6: executing "" at <$>: can\'t give argument to non-function $'),
        ("{{len}}", ':1:2: executing "" at <len>: wrong number of args for len: want 1 got 0'),
        ("{{eq}}", ':1:2: executing "" at <eq>: wrong number of args for eq: want at least 1 got 0'),
        ("{{eq 1}}", ':1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison'),
        ("{{len 3}}", ':1:2: executing "" at <len 3>: error calling len: len of type int'),
        ("{{len .UpdateStatus}}", ':1:2: executing "" at <len .UpdateStatus>: error calling len: len of nil pointer'),
        ("{{index .Spec.Args 5}}", ':1:2: executing "" at <index .Spec.Args 5>: error calling index: index out of range: 5'),
        ("{{index .Endpoint.Ports 0}}", ':1:2: executing "" at <index .Endpoint.Ports 0>: error calling index: index out of range: 0'),
        ('{{index .Spec.Args "a"}}', ':1:2: executing "" at <index .Spec.Args "a">: error calling index: cannot index slice/array with type string'),
        ("{{index 3 0}}", ':1:2: executing "" at <index 3 0>: error calling index: can\'t index item of type int'),
        ("{{index nil 0}}", ':1:2: executing "" at <index nil 0>: error calling index: index of untyped nil'),
        ("{{index .UpdateStatus 0}}", ':1:2: executing "" at <index .UpdateStatus 0>: error calling index: index of nil pointer'),
        ('{{lt 1 "a"}}', ':1:2: executing "" at <lt 1 "a">: error calling lt: incompatible types for comparison'),
        ('{{eq 1 "a"}}', ':1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison'),
        ("{{eq .Spec .Spec}}", ':1:2: executing "" at <eq .Spec .Spec>: error calling eq: invalid type for comparison'),
        ("{{lt true false}}", ':1:2: executing "" at <lt true false>: error calling lt: invalid type for comparison'),
        ("{{upper 3}}", ':1:8: executing "" at <3>: wrong type for value; expected string; got int'),
        ("{{upper nil}}", ':1:8: executing "" at <nil>: invalid value; expected string'),
        ('{{truncate .ID "a"}}', ':1:15: executing "" at <"a">: wrong type for value; expected int; got string'),
        ('{{join .ID ","}}', ':1:7: executing "" at <.ID>: wrong type for value; expected []string; got string'),
        ("{{3 | upper}}", ':1:6: executing "" at <upper>: wrong type for value; expected string; got int'),
    ],
)  # fmt: skip
def test_templates_that_do_not_fit(text, sentence):
    assert refused(text) == sentence


def test_functions_as_operands():
    assert render("[{{upper print}}]") == "[]"
    assert (
        refused("{{print.Foo}}")
        == ':1:7: executing "" at <print.Foo>: can\'t evaluate field Foo in type string'
    )


def test_nil_maps_and_strange_lengths():
    data = ANNOTATIONS()
    assert (
        render('{{.Labels.x}} {{.Labels}} {{len .Labels}} {{index .Labels "x"}}', data)
        == "<no value> map[] 0 "
    )
    assert render("{{len .}}", {"a": 1}) == "1"


def test_maps_whose_keys_must_exist():
    assert render("{{.Name}}", CONTAINER, missing_key="error") == "/dig"
    assert refused("{{.Foo}}", CONTAINER, missing_key="error") == (
        ':1:2: executing "" at <.Foo>: map has no entry for key "Foo"'
    )
    assert refused('{{$x := .Name}}{{with index . "q"}}{{else}}{{end}}{{.Null.Foo}}', CONTAINER) == (
        ':1:57: executing "" at <.Null.Foo>: nil pointer evaluating interface {}.Foo'
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{.Foo", ":1: unclosed action"),
        ("a\n{{.Foo", ":2: unclosed action"),
        ("{{foo .}}", ':1: function "foo" not defined'),
        ("{{}}", ":1: missing value for command"),
        ("{{if}}{{end}}", ":1: missing value for if"),
        ("{{range}}{{end}}", ":1: missing value for range"),
        ("{{.A | }}", ":1: missing value for command"),
        ("{{ | .A}}", ":1: missing value for command"),
        ("{{if .A}}", ":1: unexpected EOF"),
        ("{{if .A}}{{else}}", ":1: unexpected EOF"),
        ("{{end}}", ":1: unexpected {{end}}"),
        ("{{else}}", ":1: unexpected {{else}}"),
        ("{{if .A}}{{else}}{{else}}{{end}}", ":1: expected end; found {{else}}"),
        ("{{if .A}}{{end .B}}", ':1: unexpected ".B" in end'),
        ("{{if .A}}{{else .B}}{{end}}", ':1: unexpected ".B" in else'),
        ('{{"abc}}', ":1: unterminated quoted string"),
        ("{{`abc}}", ":1: unterminated raw quoted string"),
        ("{{'abc}}", ":1: unterminated character constant"),
        ("{{'ab'}}", ":1: malformed character constant: 'ab'"),
        ('{{"\\q"}}', ":1: invalid syntax"),
        ("{{089}}", ':1: bad number syntax: "089"'),
        ("{{: 1}}", ":1: expected :="),
        ("{{.A ! .B}}", ":1: unrecognized character in action: U+0021 '!'"),
        ("{{$x}}", ':1: undefined variable "$x"'),
        ("{{$x = 1}}", ':1: undefined variable "$x"'),
        ("{{if .A}}{{$x := 1}}{{end}}{{$x}}", ':1: undefined variable "$x"'),
        ("{{(.A}}", ":1: unclosed left paren"),
        ("{{.A)}}", ":1: unexpected right paren"),
        ("{{()}}", ":1: missing value for parenthesized pipeline"),
        ("{{.A | 3}}", ":1: non executable command in pipeline stage 2"),
        ("{{3.Foo}}", ':1: unexpected "Foo" in operand'),
        ("{{true.Foo}}", ':1: unexpected . after term "true"'),
        ("{{.A.B,}}", ':1: unexpected "," in operand'),
        ("{{= 3}}", ':1: unexpected "=" in command'),
        ("{{.A := 3}}", ':1: unexpected ":=" in operand'),
        ("{{.A if}}", ":1: unexpected <if> in operand"),
        ("{{.A .}}{{.A =}}", ':1: unexpected "=" in operand'),
        ("{{$a, $b := .A}}{{end}}", ':1: undefined variable "$a"'),
        ("{{range $a, .B}}{{end}}", ':1: undefined variable "$a"'),
        ("{{/* a", ":1: unclosed comment"),
        ("{{/* a */ b}}", ":1: comment ends before closing delimiter"),
        ("{{with .A}}{{else if .B}}{{end}}", ":1: unexpected <if> in else"),
    ],
)
def test_templates_that_do_not_parse(text, sentence):
    assert refused(text).startswith(sentence)


def test_long_tokens_are_cut_in_messages():
    assert refused('{{.A "b""a long string"}}') == ':1: unexpected "\\"a long st"... in operand'


@pytest.mark.parametrize(
    "text", ['{{template "x"}}', '{{define "x"}}{{end}}', "{{range .A}}{{break}}{{end}}"]
)
def test_what_templates_can_do_and_these_cannot(text):
    with pytest.raises(NotModelled, match="in templates is not modelled"):
        Template(text)


def test_tokens_know_their_places():
    assert [(token.text, token.position) for token in lex("é{{.A -}}  b")] == [
        ("é", 0), ("{{", 1), (".A", 3), ("}}", 5), ("b", 9),
    ]  # fmt: skip


def test_a_field_may_be_a_method():
    row = GoType("*formatter.ContainerContext", "Label:str")(Label=lambda key: f"<{key}>")
    assert render('{{.Label "a"}}{{"b" | .Label}}', row) == "<a><b>"


# --- lists and inspect ---------------------------------------------------------------------------

HEADERS = {"ID": "ID", "Name": "NAME", "Replicas": "REPLICAS", "Ports": "PORTS", "Image": "IMAGE"}
ROWS = [
    ROW(ID="i92wrw8xw1e5", Image="alpine:latest", Mode="replicated", Name="a", Replicas="1/1"),
    ROW(ID="x", Image="nginx:latest", Mode="global", Name="web", Ports="*:81->80/tcp", Replicas="2/2"),
]


def test_row_39_one_line_per_row():
    assert render_rows("{{.Name}}: {{.Replicas}}", ROWS, HEADERS) == "a: 1/1\nweb: 2/2\n"
    assert render_rows(r"{{.Name}}\t{{.Mode}}\n-", ROWS[:1], HEADERS) == "a\treplicated\n-\n"
    assert render_rows("{{.Name}}", [], HEADERS) == ""


def test_json_rows_are_sorted_and_escaped():
    assert render_rows("json", ROWS, HEADERS).splitlines() == [
        '{"ID":"i92wrw8xw1e5","Image":"alpine:latest","Mode":"replicated","Name":"a","Ports":"","Replicas":"1/1"}',
        '{"ID":"x","Image":"nginx:latest","Mode":"global","Name":"web","Ports":"*:81-\\u003e80/tcp","Replicas":"2/2"}',
    ]


def test_table_templates():
    assert render_rows(r"table {{.Name}}\t{{upper .Replicas}}\t{{.Ports}}", ROWS, HEADERS) == (
        "NAME      REPLICAS   PORTS\na         1/1        \nweb       2/2        *:81->80/tcp\n"
    )
    assert render_rows(r"table {{json .ID}}\t{{title (lower .Name)}}", [], HEADERS) == "ID        NAME\n"
    assert (
        render_rows('table {{join (split .Name "a") "b"}} {{truncate .Image 2}}', [], HEADERS)
        == "NAME IMAGE\n"
    )
    assert render_rows(r"table {{.Name}}\t{{.ID}}", ROWS[1:], HEADERS, min_width=20) == (
        "NAME                ID\nweb                 x\n"
    )


def test_an_unknown_cell_prints_nothing_but_the_error():
    with pytest.raises(TemplateProblem) as caught:
        render_rows(r"table {{.Name}}\t{{.Foo}}", ROWS, HEADERS)
    assert str(caught.value) == (
        'template parsing error: template: :1:12: executing "" at <.Foo>: '
        "can't evaluate field Foo in type *service.serviceContext"
    )


def test_inspect_without_a_template():
    assert inspect_json([]) == "[]\n"
    assert (
        inspect_json([{"A": [], "B": {}, "C": [1, {"D": None}], "E": "<&>"}])
        == """[
    {
        "A": [],
        "B": {},
        "C": [
            1,
            {
                "D": null
            }
        ],
        "E": "\\u003c\\u0026\\u003e"
    }
]
"""
    )
    assert inspect_json([{"E": "<é>"}], compact=True, raw=True) == '[{"E":"<é>"}]\n'
    assert inspect_json([HTTP], compact=True).startswith(
        '[{"ID":"a1b2","Version":{"Index":74},"CreatedAt":"2021-'
    )


def test_repr():
    assert repr(Template("{{.ID}}")) == "Template('{{.ID}}')"
    assert isinstance(HTTP, Struct)
