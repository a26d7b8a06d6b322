"""Recorded vectors: what real kernels and real schedulers answered, and where to find them.

``--vectors DIR`` names a folder of files of the same form (for example ``ipvs.json``); without it the
project's own copies beside this file are used. A file that is missing from the folder means that its
tests are skipped, so a folder may hold any subset.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

OWN = Path(__file__).parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--vectors",
        metavar="DIR",
        default=None,
        help="folder with recorded vectors (*.json) to run instead of the project's own",
    )


def load_vectors(config: pytest.Config, name: str) -> dict[str, Any] | None:
    """The content of file `name` in the folder of ``--vectors``; None when it is missing there.

    Meant for ``pytest_generate_tests``, which has no fixtures: one test per recorded case.
    """
    # The option is unknown when pytest was started above this folder: conftests of folders that are
    # not named on the command line are read after the options.
    folder = Path(config.getoption("--vectors", default=None) or OWN)
    if not folder.is_dir():
        raise pytest.UsageError(f"--vectors: no such folder: {folder}")
    path = folder / name
    if not path.is_file():
        return None
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def parametrize_vectors(metafunc: pytest.Metafunc, fixture: str, name: str, key: str) -> None:
    """Give `metafunc` one test per item of list `key` in file `name`, named by its "id" or its place.

    A missing file gives one skipped test that says so.
    """
    loaded = load_vectors(metafunc.config, name)
    if loaded is None:
        skipped = pytest.param(None, id="missing", marks=pytest.mark.skip(reason=f"no {name} in --vectors"))
        metafunc.parametrize(fixture, [skipped])
        return
    cases = loaded[key]
    metafunc.parametrize(fixture, cases, ids=[str(case.get("id", n)) for n, case in enumerate(cases)])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module with ``VECTORS = {fixture: (file, key)}`` gets one test per item of that list."""
    for fixture, (name, key) in getattr(metafunc.module, "VECTORS", {}).items():
        if fixture in metafunc.fixturenames:
            parametrize_vectors(metafunc, fixture, name, key)


@pytest.fixture(scope="session")
def vectors(request: pytest.FixtureRequest) -> Path:
    """The folder the vectors come from."""
    return Path(request.config.getoption("--vectors", default=None) or OWN)
