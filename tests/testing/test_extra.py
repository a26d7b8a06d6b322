"""Without the extra the rest of the library works, and the kit says what is missing."""

import subprocess
import sys


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_hypothesis_one_sentence_says_what_to_install():
    result = run("import sys; sys.modules['hypothesis'] = None; import meshsim.testing")
    assert result.stderr.splitlines()[-1] == (
        "ImportError: meshsim.testing needs hypothesis: pip install 'meshsim[testing]'"
    )


def test_the_rest_of_the_library_needs_neither_hypothesis_nor_pytest():
    code = "import sys, meshsim.scenario, meshsim.console; print({'hypothesis', 'pytest'} & {*sys.modules})"
    assert run(code).stdout == "set()\n"
