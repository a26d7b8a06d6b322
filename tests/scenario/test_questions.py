"""The runnable questions: each script checks its own expected result."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "questions"
QUESTIONS = ("q01", "q02", "q03", "q04", "q05", "q06", "q07", "q10", "q11", "q30")


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_expected_result_is_found(question, capsys):
    runpy.run_path(str(FOLDER / f"{question}.py"), run_name="__main__")
    assert capsys.readouterr().out


def test_every_script_is_run():
    assert tuple(sorted(path.stem for path in FOLDER.glob("q*.py"))) == QUESTIONS
