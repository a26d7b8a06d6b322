"""The test files shown in the how-tos are run as their readers would run them."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
SHOWN = [
    (page.stem, name, text)
    for page in sorted(HOW_TO.glob("*.md"))
    for name, text in re.findall(r"```python\n# (test_\w+)\.py\n(.*?)```", page.read_text(), flags=re.DOTALL)
]


def test_the_how_tos_show_test_files():
    assert [name for _, name, _ in SHOWN] == [
        "test_shop",
        "test_marked",
        "test_turns",
        "test_turns_in_the_mesh",
    ]


@pytest.mark.parametrize(("page", "name", "text"), SHOWN, ids=lambda value: value[:30])
def test_a_test_file_of_a_how_to_passes(pytester, page, name, text):
    pytester.makepyfile(**{name: text})
    options = ["--meshsim-seed=7"] if name == "test_marked" else []
    pytester.runpytest_inprocess("-p", "no:cacheprovider", *options).assert_outcomes(passed=1)
