"""The runnable questions: each script checks its own expected result, and the index leads to each."""

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "questions"
QUESTIONS = sorted(path.stem for path in FOLDER.glob("q*.py"))
#: a row of the index: | [Q01](q01.py) | question? | answer. |
ROW = re.compile(r"\| \[Q(\d\d)\]\(q\1\.py\) \| ([^|]+\?[^|]*) \| ([^|]+\.) \|")


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_expected_result_is_found(question, capsys):
    runpy.run_path(str(FOLDER / f"{question}.py"), run_name="__main__")
    assert capsys.readouterr().out


def test_every_script_says_its_question():
    for question in QUESTIONS:
        text = (FOLDER / f"{question}.py").read_text(encoding="utf-8")
        assert text.startswith(f'"""{question.upper()}: ')


def test_every_script_is_in_the_index():
    rows = [line for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if "[Q" in line]
    listed = [match[1] for match in map(ROW.fullmatch, rows) if match]
    assert len(listed) == len(rows)
    assert sorted(listed) == [f"{number:02}" for number in range(1, 31)]
    assert sorted(f"q{number}" for number in listed) == QUESTIONS  # and every question has its script
