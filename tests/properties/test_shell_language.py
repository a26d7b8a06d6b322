"""Properties of the shell's language: it agrees with bash, keeps what it reads, raises typed errors only."""
# ruff: noqa: E501, PT017   rows of tokens read best on one line; either outcome of a property is asserted about

from __future__ import annotations

import random
import shutil
import string
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.errors import MeshsimError, NotModelled, ScriptError, TemplateProblem, UsageProblem
from meshsim.shell.compare import IdMap, compare
from meshsim.shell.evaluate import Evaluator
from meshsim.shell.filters import FILTERS
from meshsim.shell.flags import Command, Flag, parse
from meshsim.shell.lesson import parse_lesson
from meshsim.shell.line import parse_line
from meshsim.shell.result import Result
from meshsim.shell.templates import Template

BASH = shutil.which("bash")


def run(argv, stdin, env):
    """``args`` shows its words; filters filter; all else is unknown."""
    name, *words = argv
    if name == "args":
        return Result("".join(f"<{word}>" for word in words) + "\n")
    if name in FILTERS:
        return FILTERS[name](words, stdin)
    return Result("", f"bash: {name}: command not found\n", 127)


# --- lines ---------------------------------------------------------------------------------------

PIECES = st.sampled_from([
    "a", "b c", "  ", "'", "'x y'", '"', '"p  q"', '"$V"', "$V", "${V}", "$(args 1 2)", '"$(args a  b)"', "`args z`",
    "\\ ", "\\$", "\\\\", "#", ";", "&&", "||", "|", "!", "\n", "{1..3}", "{x,y}", "V=1", "W='u v'", "args", "true", "false",
    "for i in 1 2; do args $i; done", "$W", "$?", "2>&1", ">/dev/null", "''", '""', "-", "=", "cat",
])  # fmt: skip
LINES = st.lists(PIECES, max_size=9).map(" ".join) | st.lists(PIECES, max_size=6).map("".join)


@pytest.mark.skipif(BASH is None, reason="compares with bash")
@given(st.lists(LINES, min_size=6, max_size=6))
def test_lines_mean_what_bash_takes_them_to_mean(lines):
    # Several lines a process, since starting one is what costs.
    understood = [line for line in (f"args {line}" for line in lines) if _parses(line)]
    marks = "\n".join(f"V=' 1 2 '; unset W i\n{line}\nprintf '%s\\n' \"[$?]\"" for line in understood)
    setup = 'args() { local w; for w in "$@"; do printf \'<%s>\' "$w"; done; echo; }\n'
    setup += 'command_not_found_handle() { echo "bash: $1: command not found" >&2; return 127; }\n'
    script = setup + "exec 2>/dev/null </dev/null\n" + marks
    real = subprocess.run(
        [str(BASH), "--norc", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert real.stdout == "".join(_run_here(line) for line in understood)


def _parses(line):
    try:
        parse_line(line)
    except MeshsimError:
        return False
    return True


def _run_here(line):
    shell = Evaluator(run, {"V": " 1 2 "})
    done = shell.run_line(line)
    return f"{done.stdout}[{shell.last_exit}]\n"


@given(st.text(alphabet=string.ascii_letters + string.punctuation + " \t\n\\'\"é", max_size=60))
def test_any_text_parses_or_is_refused_in_words(text):
    try:
        parse_line(text)
    except (ScriptError, NotModelled) as error:
        assert str(error).strip()


@given(st.lists(st.text(min_size=0, max_size=12).filter(lambda text: "\x00" not in text), max_size=5))
def test_single_quotes_keep_every_word(words):
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    seen = []
    Evaluator(lambda argv, stdin, env: seen.append(argv) or Result()).run_line(f"x {quoted}")
    assert seen == [["x", *words]]


# --- flags ---------------------------------------------------------------------------------------

COMMAND = Command(
    "docker x",
    "[OPTIONS] [ARG...]",
    "Do x",
    (
        Flag("name", "str", "n"),
        Flag("detach", "bool", "d"),
        Flag("env", "list", "e"),
        Flag("replicas", "uint"),
    ),
    most=None,
)
VALUES = st.text(alphabet=string.ascii_letters + "=.-", min_size=1, max_size=8)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("name"), VALUES, st.sampled_from(["--name={}", "--name {}", "-n={}", "-n {}"])),
            st.tuples(st.just("env"), VALUES, st.sampled_from(["--env={}", "--env {}", "-e {}"])),
            st.tuples(st.just("replicas"), st.integers(0, 99).map(str), st.sampled_from(["--replicas={}", "--replicas {}"])),
            st.tuples(st.just("detach"), st.just("true"), st.sampled_from(["-d", "--detach", "--detach=true", "-d=true"])),
            st.tuples(st.just(""), st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=6), st.just("{}")),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_flags_agree_with_the_plain_reading(items):
    words = [word for _, value, form in items for word in form.format(value).split(" ")]
    parsed = parse(COMMAND, words)
    expected = {"name": "", "detach": False, "env": (), "replicas": 0}
    for name, value, _ in items:
        if name == "env":
            expected["env"] += (value,)
        elif name == "replicas":
            expected["replicas"] = int(value)
        elif name:
            expected[name] = True if name == "detach" else value
    assert dict(parsed.values) == expected
    assert parsed.operands == tuple(value for name, value, _ in items if not name)
    assert parsed.changed == tuple(dict.fromkeys(name for name, _, _ in items if name))


@given(st.lists(st.text(alphabet="-=dnex ab1", max_size=6), max_size=5))
def test_any_words_parse_or_are_refused(words):
    try:
        parsed = parse(COMMAND, words)
    except UsageProblem as problem:
        assert problem.exit_code in (1, 125)
        assert "docker x" in str(problem)
    else:
        assert set(parsed.changed) <= set(parsed.values)


# --- templates -----------------------------------------------------------------------------------


@given(st.text(alphabet="{}.$|()\"`'-/* \n:=abIDifrangeend0159,", max_size=40))
def test_any_template_renders_or_is_refused(text):
    try:
        Template(text).render({"a": 1, "b": ["x"], "ID": {"e": None}})
    except (TemplateProblem, NotModelled) as error:
        assert str(error).strip()


TOKENS = st.sampled_from(
    ["{{", "}}", ".a", ".b", ".ID.e", "range", "if", "else", "end", "with", "$x", ":=", "=", "|", "(", ")", '"s"', "1",
     "len", "index", "json", "printf", "eq", "and", "not", "upper", " ", " ", "text", "{{- ", " -}}", "nil", ","]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=16).map("".join))
def test_any_order_of_template_tokens_renders_or_is_refused(text):
    test_any_template_renders_or_is_refused.hypothesis.inner_test(text)


# --- filters -------------------------------------------------------------------------------------


@given(
    st.sampled_from(sorted(FILTERS)),
    st.lists(st.text(alphabet="-nkrtcsd0123 abcfx[]*.\\/^$,:;p{}()=+\"'", max_size=8), max_size=3),
    st.text(alphabet="ab 1\n\t", max_size=20),
)
def test_filters_answer_or_say_what_is_not_modelled(name, args, stdin):
    try:
        done = FILTERS[name](args, stdin)
    except NotModelled as error:
        assert str(error).strip()
    else:
        assert done.exit in (0, 1, 2)


# --- lessons -------------------------------------------------------------------------------------

LINE = st.lists(
    st.sampled_from(
        ["host01", "10.0.1.2", "Up 5 minutes", "7 seconds ago", "2/2", "ID", "time=0.1 ms", "id:", "..", "a"]
    ),
    min_size=1,
    max_size=5,
).map("   ".join)


@given(st.lists(LINE, max_size=8), st.lists(st.integers(0, 5), max_size=12), st.integers(0, 999))
def test_an_output_equals_itself_under_any_renaming_of_its_ids(lines, places, seed):
    draw = random.Random(seed)

    def fresh():
        ids = [
            "".join(draw.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(24)) for _ in range(6)
        ]
        return [f"{index}{text}" for index, text in enumerate(ids)]

    pages, runs = fresh(), fresh()
    order = draw.sample(range(6), 6)
    pairs = [(pages[index], runs[order[index]]) for index in range(6)]
    page = [*lines, *(pairs[place][0][: 12 if place % 2 else 25] for place in places)]
    actual = [*lines, *(pairs[place][1][: 12 if place % 2 else 25] for place in places)]
    ids = IdMap()
    assert compare(page, "\n".join(actual), ids).same
    ids.check()


@given(
    st.lists(LINE, min_size=1, max_size=8), st.integers(0, 7), st.text(alphabet="xyz", min_size=1, max_size=4)
)
def test_a_changed_line_is_found(lines, place, text):
    changed = list(lines)
    changed[place % len(lines)] += " " + text
    diff = compare(lines, "\n".join(changed))
    assert not diff.same
    assert f"+ {changed[place % len(lines)]}" in diff.text.splitlines()


@given(st.text(alphabet="`~$#>-: abhost01\\\nconsole.", max_size=120))
def test_any_page_is_a_lesson_or_refused_with_its_line(text):
    try:
        lesson = parse_lesson(text, "page.md")
    except ScriptError as error:
        assert error.line >= 1
    else:
        assert lesson.steps
        assert all(step.host in lesson.hosts for step in lesson.steps)
