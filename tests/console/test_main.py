"""The meshsim command: sessions, checks, and one clear sentence for everything that goes wrong."""

from pathlib import Path

import pytest

from meshsim.console.main import main

LESSON = Path(__file__).parents[2] / "examples" / "lessons" / "routing-mesh.md"


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "lesson.md"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_lesson_is_as_written(capsys):
    assert main(["check", str(LESSON)]) == 0
    assert capsys.readouterr().out.endswith("25 of 25 commands as written\n")


def test_the_lesson_prints_its_session(capsys):
    assert main(["run", str(LESSON)]) == 0
    session = capsys.readouterr().out
    for line in (
        "host01$ docker swarm init\n",
        "http.\t\t\t600\tIN\tA\t10.0.1.2\n",
        ";; MSG SIZE  rcvd: 42\n",
        "5 packets transmitted, 5 packets received, 0% packet loss\n",
        "\n10.0.1.4\n",
        "    ::ffff:10.0.0.3: 1\n",
    ):
        assert line in session
    assert session.count("seq=") == 5
    assert "Traceback" not in session


@pytest.mark.parametrize(
    ("written", "other"),
    [("\n10.0.1.4\n", "\n10.0.1.9\n"), ("600\tIN\tA\t10.0.1.2", "600\tIN\tA\t10.0.1.3"), ("2/2", "1/2")],
)
def test_a_changed_output_is_shown_and_fails(write, capsys, written, other):
    text = LESSON.read_text(encoding="utf-8")
    assert written in text
    assert main(["check", write(text.replace(written, other, 1))]) == 1
    shown = capsys.readouterr().out
    assert f"- {other.strip()}" in shown or any(
        line.startswith("- ") and other.strip() in line for line in shown.splitlines()
    )
    assert "24 of 25 commands as written" in shown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# nothing to run\n", "the lesson has no commands"),
        ("---\nhosts: a\n---\n```console\nb$ ls\n```\n", "unknown host 'b'; the lesson has a"),
        ("---\nengine: 19\n---\n```console\na$ ls\n```\n", "no engine '19' is modelled; known: 20.10"),
        ("---\nimages: x\n---\n```console\na$ ls\n```\n", "images are"),
        ("---\nhosts: a\naddresses: 1.2.3\n---\n```console\na$ ls\n```\n", "no IPv4 address: 1.2.3"),
    ],
)
def test_a_bad_lesson_gives_one_sentence(write, capsys, text, sentence):
    assert main(["run", write(text)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("meshsim: ")
    assert sentence in error
    assert error.count("\n") == 1


def test_a_file_that_is_not_there(capsys, tmp_path):
    assert main(["check", str(tmp_path / "nosuch.md")]) == 2
    assert "nosuch.md: No such file or directory" in capsys.readouterr().err
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    assert main(["check", str(tmp_path / "binary.md")]) == 2
    assert "binary.md: not a text file" in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 0
    assert "run lessons and print the sessions" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["frobnicate"])
    assert caught.value.code == 2
