"""Command lines: what parses to what, what bash refuses, and how lines run."""

from __future__ import annotations

import pytest

from meshsim.errors import NotModelled, ScriptError
from meshsim.shell.evaluate import Evaluator
from meshsim.shell.line import parse_line, strip_prompt
from meshsim.shell.result import Result
from meshsim.shell.syntax import (
    AndOr,
    ForLoop,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Substitution,
    Text,
    Variable,
    Word,
)


def run(argv, stdin, env):
    """A world of five programs; ``args`` shows what it was given."""
    name, *words = argv
    if name == "args":
        return Result("".join(f"<{word}>" for word in words) + "\n")
    if name == "echo":
        return Result(" ".join(words) + "\n")
    if name == "cat":
        return Result(stdin)
    if name == "env":
        return Result("".join(f"{key}={env[key]}\n" for key in sorted(env)))
    if name == "fail":
        return Result("out\n", "err\n", int(words[0]) if words else 1)
    return Result("", f"bash: {name}: command not found\n", 127)


def sh(*lines, stdin=""):
    """Run lines in one shell; the last one's Result."""
    shell = Evaluator(run)
    for line in lines:
        done = shell.run_line(line, stdin)
    return done


def words(line):
    """The words of a single simple command."""
    (item,) = parse_line(line).items
    (command,) = item.first.commands
    return list(command.words)


# --- parsing -------------------------------------------------------------------------------------


def test_the_tree_of_a_lesson_line():
    script = parse_line('A=1 docker ps 2>/dev/null | head -n1 && echo "$A" || x; y')
    docker = Simple(
        (("A", Word((Text("1"),))),), (Word((Text("docker"),)), Word((Text("ps"),))), (Redirect(2, "null"),)
    )
    head = Simple((), (Word((Text("head"),)), Word((Text("-n1"),))))
    echo = Simple((), (Word((Text("echo"),)), Word((Text("", quoted=True), Variable("A", quoted=True)))))
    x, y = (Simple((), (Word((Text(name),)),)) for name in "xy")
    assert script == Script(
        (
            AndOr(Pipeline((docker, head)), (("&&", Pipeline((echo,))), ("||", Pipeline((x,))))),
            AndOr(Pipeline((y,))),
        )
    )


def test_the_tree_of_a_loop():
    (item,) = parse_line("for i in $(seq 3) a\ndo curl host01\ndone > /dev/null").items
    seq = Script((AndOr(Pipeline((Simple((), (Word((Text("seq"),)), Word((Text("3"),)))),))),))
    curl = Script((AndOr(Pipeline((Simple((), (Word((Text("curl"),)), Word((Text("host01"),)))),))),))
    assert item.first.commands == (
        ForLoop("i", (Word((Substitution(seq),)), Word((Text("a"),))), curl, (Redirect(1, "null"),)),
    )


@pytest.mark.parametrize("line", ["", "   ", "#only a comment", "$ # a comment", "$ ", "\n\n", " \\\n "])
def test_lines_with_nothing_to_run(line):
    assert parse_line(line) == Script()
    assert sh(line) == Result()


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("$ docker ps", "docker ps"),
        ("# docker ps", "docker ps"),
        ("  $  x", "x"),
        ("$HOME", "$HOME"),
        ("#x", "#x"),
        ("$(x)", "$(x)"),
    ],
)
def test_prompts(line, bare):
    assert strip_prompt(line) == bare


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("; ls", "bash: syntax error near unexpected token `;'"),
        ("ls ;; ls", "bash: syntax error near unexpected token `;;'"),
        ("ls | | wc", "bash: syntax error near unexpected token `|'"),
        ("&& ls", "bash: syntax error near unexpected token `&&'"),
        ("| ls", "bash: syntax error near unexpected token `|'"),
        ("ls )", "bash: syntax error near unexpected token `)'"),
        ("done", "bash: syntax error near unexpected token `done'"),
        ("fi; x", "bash: syntax error near unexpected token `fi'"),
        ("x >", "bash: syntax error near unexpected token `newline'"),
        ("x > ; y", "bash: syntax error near unexpected token `;'"),
        ("for 1 in a; do x; done", "bash: syntax error near unexpected token `1'"),
        ("for i in a; do done", "bash: syntax error near unexpected token `done'"),
        ("for i in a; x; done", "bash: syntax error near unexpected token `x'"),
        ("for i in a; do x; done y", "bash: syntax error near unexpected token `y'"),
        ("for\n", "bash: syntax error near unexpected token `newline'"),
        ("f () { x; }", "bash: syntax error near unexpected token `('"),
        ("x $(y; ;)", "bash: syntax error near unexpected token `;'"),
        ("echo $(date &&", "bash: unexpected EOF while looking for matching `)'"),
        ("in", "bash: syntax error near unexpected token `in'"),
        ("for 'a b' in c", "bash: syntax error near unexpected token `'a b''"),
        ("for > x", "bash: syntax error near unexpected token `>'"),
        ("for i in a; do x; done 'y z'", "bash: syntax error near unexpected token `'y z''"),
        ("x &&", "bash: syntax error: unexpected end of file"),
        ("x |", "bash: syntax error: unexpected end of file"),
        ("for i in a; do x", "bash: syntax error: unexpected end of file"),
        ("for i in a; do x; ", "bash: syntax error: unexpected end of file"),
        ("for", "bash: syntax error near unexpected token `newline'"),
        ("for i in a", "bash: syntax error: unexpected end of file"),
        ("echo $(date", "bash: unexpected EOF while looking for matching `)'"),
        ("! &&", "bash: syntax error near unexpected token `&&'"),
        ("x | ! y", "bash: syntax error near unexpected token `!'"),
        ("echo 'a", "bash: unexpected EOF while looking for matching `''"),
        ('echo "a', "bash: unexpected EOF while looking for matching `\"'"),
        ("echo `a", "bash: unexpected EOF while looking for matching ``'"),
        ("echo ${a", "bash: unexpected EOF while looking for matching `}'"),
        ("echo " + "$(" * 60 + ")" * 60, "bash: command substitutions are nested too deeply"),
    ],
)
def test_what_bash_refuses(line, sentence):
    with pytest.raises(ScriptError) as caught:
        parse_line(line)
    assert str(caught.value) == sentence
    assert sh(line) == Result("", sentence + "\n", 2)
    assert sh(line, "echo $?").stdout == "2\n"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("while true; do x; done", "while loops"),
        ("until x; do y; done", "until loops"),
        ("if x; then y; fi", "if is"),
        ("case x in esac", "case is"),
        ("{ x; }", "braces"),
        ("(x)", "subshells"),
        ("[[ -n x ]]", r"\[\["),
        ("function f { x; }", "shell functions"),
        ("select x in a; do y; done", "select"),
        ("time x", "timing"),
        ("x &", "background"),
        ("x |& y", "write 2>&1"),
        ("x > file", "redirecting with > file"),
        ("x < file", "redirecting with < file"),
        ("x > $f", r"redirecting with > \.\.\."),
        ("x << EOF", "redirecting with << EOF"),
        ("x <<< word", "redirecting with <<< word"),
        ("x &> file", "redirecting with &> file"),
        ("x 3>&1", "redirecting with 3>& 1"),
        ("x >&file", "redirecting with >& file"),
        ("echo $((1+1))", "arithmetic"),
        ("echo ${a:-b}", r"\$\{"),
        ("echo $a{1,2}", r"\$\{a\}\{"),
        ("echo $$", r"\$\$ is"),
        ("echo $'a'", r"\$' is"),
    ],
)
def test_what_bash_can_do_and_this_shell_cannot(line, what):
    with pytest.raises(NotModelled, match=what):
        parse_line("echo hi; " + line)


def test_nothing_runs_when_a_later_part_is_not_modelled():
    ran = []
    shell = Evaluator(lambda argv, stdin, env: ran.append(argv) or Result())
    with pytest.raises(NotModelled):
        shell.run_line("docker service rm web; while x; do y; done")
    assert ran == []


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("args a  b\tc", "<a><b><c>"),
        ("args 'a b' \"c d\" e\\ f", "<a b><c d><e f>"),
        ("args ''", "<>"),
        ('args "" x""', "<><x>"),
        ("args 'it'\\''s'", "<it's>"),
        ('args "a\\"b\\\\c\\$d\\`e\\n"', '<a"b\\c$d`e\\n>'),
        ("args a\\\nb \\\n c", "<ab><c>"),
        ('args "a\\\nb"', "<ab>"),
        ("args 'a\nb'", "<a\nb>"),
        ("args a#b #c", "<a#b>"),
        ("args '#' \\#", "<#><#>"),
        ('args $ a$ "$" $,', "<$><a$><$><$,>"),
        ("args x\\", "<x\\>"),
        ("args if for done while", "<if><for><done><while>"),
        ("args a=b", "<a=b>"),
        (
            "args {1..3} {c..d} x{a,b}y{,!} {3..1} {a} {}",
            "<1><2><3><{c..d}><xay><xay!><xby><xby!><3><2><1><{a}><{}>",
        ),
        ("args {,} {,a}", "<a>"),
        ("args '{1..2}' \"{a,b}\" \\{a,b}", "<{1..2}><{a,b}><{a,b}>"),
        ("args --format {{.ID}},{{.Name}}", "<--format><{{.ID}},{{.Name}}>"),
        ("args --format='{{range .A}}{{.B}} {{end}}'", "<--format={{range .A}}{{.B}} {{end}}>"),
        ("args *.txt ~ [a]", "<*.txt><~><[a]>"),
    ],
)
def test_quoting(line, shown):
    assert sh(line).stdout == shown + "\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("args $V", "<a><b>"),
        ('args "$V"', "< a  b >"),
        ("args x$V", "<x><a><b>"),
        ("args ${V}y", "<a><b><y>"),
        ("args '$V' \\$V", "<$V><$V>"),
        ("args x$none y", "<x><y>"),
        ("args $none", ""),
        ('args "$none"', "<>"),
        ("args $none$none", ""),
        ("args x$BLANK'y'", "<x><y>"),
        ('args $(echo one two) "$(echo one  two)"', "<one><two><one two>"),
        ("args `echo one`two", "<onetwo>"),
        ("args $(echo $(echo $(echo deep)))", "<deep>"),
        ("args `echo \\`echo deep\\``", "<deep>"),
        ('args "$(echo "in ner")"', "<in ner>"),
        ("args $(echo ')' # no )\n)", "<)>"),
        ("args $1 $# $@ $*", "<0>"),
        ("args $()x", "<x>"),
    ],
)
def test_expansion(line, shown):
    assert sh("V=' a  b '; BLANK='  '", line).stdout == shown + "\n"


def test_substitution_strips_newlines_at_the_end_only():
    assert sh('args "$(echo "\na\n\n")"').stdout == "<\na>\n"


# --- running -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "stdout", "code"),
    [
        ("echo a; echo b", "a\nb\n", 0),
        ("echo a && echo b", "a\nb\n", 0),
        ("fail && echo b", "out\n", 1),
        ("fail 3 || echo b", "out\nb\n", 0),
        ("fail && echo a || echo b", "out\nb\n", 0),
        ("echo a || fail && echo b", "a\nb\n", 0),
        ("! fail", "out\n", 0),
        ("! echo a", "a\n", 1),
        ("! ! fail", "out\n", 1),
        ("!; echo $?", "1\n", 0),
        ("! !", "", 0),
        ("echo a && !", "a\n", 1),
        ("fail 4; echo $?", "out\n4\n", 0),
        ("echo $?", "0\n", 0),
        ("echo a | cat | cat", "a\n", 0),
        ("fail | cat", "out\n", 0),
        ("echo a | fail 2", "out\n", 2),
        ("nosuch", "", 127),
        ("for i in 1 2 3; do echo $i; done", "1\n2\n3\n", 0),
        ("for i in a b; do for j in 1 2; do echo $i$j; done; done", "a1\na2\nb1\nb2\n", 0),
        ("for i in; do echo $i; done", "", 0),
        ("for i; do echo $i; done", "", 0),
        ("for i in a; do echo $i; done | cat", "a\n", 0),
        ("for i in a; do cat; done < /dev/null", "", 0),
        ("V=1; echo $V", "1\n", 0),
        ("V='a b'; W=$V; args \"$W\"", "<a b>\n", 0),
        ("V=1 echo $V", "\n", 0),
        ("V=$(fail 3)", "", 3),
        ("$(fail 3)", "", 127),
        ("$(nosuch)", "", 127),
        ("V=1 | cat; echo $V", "\n", 0),
        ("V=$(W=1; echo $W); echo $V$W", "1\n", 0),
        ("'V'=1", "", 127),
        ("V=1 W=2; args $V$W", "<12>\n", 0),
        ("cat", "typed\n", 0),
        ("cat < /dev/null", "", 0),
        ("echo a\necho b", "a\nb\n", 0),
    ],
)  # fmt: skip
def test_lines_run(line, stdout, code):
    done = sh(line, stdin="typed\n")
    assert (done.stdout, done.exit) == (stdout, code)


def test_substitution_of_a_failing_command_keeps_its_output():
    done = sh("echo $(fail)")
    assert done == Result("out\n", "err\n", 0)


@pytest.mark.parametrize(
    ("line", "stdout", "stderr", "screen"),
    [
        ("fail", "out\n", "err\n", "err\nout\n"),
        ("fail > /dev/null", "", "err\n", "err\n"),
        ("fail 2> /dev/null", "out\n", "", "out\n"),
        ("fail 2>>/dev/null 1>>/dev/null", "", "", ""),
        ("fail &> /dev/null", "", "", ""),
        ("fail >& /dev/null", "", "", ""),
        ("fail >/dev/null 2>&1", "", "", ""),
        ("fail 2>&1 >/dev/null", "err\n", "", "err\n"),
        ("fail 2>&1", "err\nout\n", "", "err\nout\n"),
        ("fail 1>&2", "", "err\nout\n", "err\nout\n"),
        ("fail >&2 2>&1", "", "err\nout\n", "err\nout\n"),
        ("fail 2>&1 | cat", "err\nout\n", "", "err\nout\n"),
        ("fail | cat", "out\n", "err\n", "err\nout\n"),
        ("fail; echo a", "out\na\n", "err\n", "err\nout\na\n"),
        ("for i in 1; do fail; done 2>/dev/null", "out\n", "", "out\n"),
        ("2>/dev/null fail", "out\n", "", "out\n"),
        ("echo a2>/dev/null", "", "", ""),
    ],
)  # fmt: skip
def test_streams(line, stdout, stderr, screen):
    done = sh(line)
    assert (done.stdout, done.stderr, done.screen) == (stdout, stderr, screen)


def test_a_redirect_alone_is_a_command():
    assert sh("> /dev/null") == Result()


def test_export_and_environments():
    assert sh("A=1; export B=2 C; C=3", "D=4 env").stdout == "B=2\nC=3\nD=4\n"
    assert sh("export A='x y'", 'B=$A; args "$B"').stdout == "<x y>\n"
    assert sh("export A", "env").stdout == ""
    assert sh("export A=$(fail)").stderr == "err\n"
    assert sh("export 1=2") == Result("", "bash: export: `1=2': not a valid identifier\n", 1)
    assert Evaluator(run, {"HOME": "/root"}).run_line("env; echo $HOME").stdout == "HOME=/root\n/root\n"


def test_two_shells_share_nothing():
    one, other = Evaluator(run), Evaluator(run)
    one.run_line("V=1; fail 5")
    assert (other.variables, other.last_exit) == ({}, 0)
    assert repr(one) == "<Evaluator 1 variables, last exit 5>"
