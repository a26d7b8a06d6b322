"""The house rules that no linter states: export lists, and what may not be used below floor 7."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import meshsim

SOURCE = Path(meshsim.__file__).parent
MODULES = sorted(
    m.name for m in pkgutil.walk_packages([str(SOURCE)], "meshsim.") if not m.name.endswith("__main__")
)
OUTER_ROOMS = ("serve", "console")
BANNED_IMPORTS = {"socket", "threading", "asyncio", "subprocess", "time", "multiprocessing", "os"}
COPIER = SOURCE / "sim" / "copying.py"  # does the work of all __deepcopy__ and keeps their memo
BANNED_CALLS = {"open", "print", "input", "id", "hash"}


def below_floor_7() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py") if p.relative_to(SOURCE).parts[0] not in OUTER_ROOMS)


@pytest.mark.parametrize("name", ["meshsim", *MODULES])
def test_export_lists_are_true(name):  # their order is ruff's business (RUF022)
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is None:
        return
    assert len(set(exported)) == len(exported)
    for each in exported:
        assert hasattr(module, each), f"{name} does not have {each}"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("path", below_floor_7(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_outside_world_below_floor_7(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
            assert not names & BANNED_IMPORTS, f"line {node.lineno} imports {names & BANNED_IMPORTS}"
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] not in BANNED_IMPORTS, f"line {node.lineno}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = node.func.id in ("id", "hash") and _inside_protocol_method(path, node)
            allowed |= node.func.id == "id" and path == COPIER
            assert node.func.id not in BANNED_CALLS or allowed, f"line {node.lineno} calls {node.func.id}()"


def _inside_protocol_method(path: Path, call: ast.Call) -> bool:
    """Whether the call stands where ids and hashes belong: the copier, __deepcopy__ and __hash__."""
    return path.name == "copying.py" or any(
        isinstance(node, ast.FunctionDef)
        and node.name in ("__deepcopy__", "__hash__")
        and node.lineno <= call.lineno <= (node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_files_stay_small_enough_to_read():
    for path in SOURCE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 600, f"{path.relative_to(SOURCE)} is no longer one room"
