"""Importing meshsim imports next to nothing; its names come when they are asked for."""

import subprocess
import sys

import pytest

import meshsim


def test_importing_the_package_imports_no_room_and_no_package():
    code = (
        "import sys, meshsim; print([m for m in sys.modules if m.startswith('meshsim.') or m in "
        "('attr', 'attrs', 'sortedcontainers')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_cluster_imports_no_shell_before_a_line_is_run():
    code = (
        "import sys, meshsim; host = meshsim.Cluster().add_host('host01'); "
        "loaded = 'meshsim.shell.docker' in sys.modules; host.run('docker ps'); "
        "print(loaded, 'meshsim.shell.docker' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def test_names_and_rooms_are_found():
    assert set(meshsim.__all__) <= set(dir(meshsim))
    for name in meshsim.__all__:
        assert getattr(meshsim, name).__name__ == name
    assert meshsim.ipvs.Table.__module__.startswith("meshsim.ipvs")
    assert meshsim.shell.Result.__module__ == "meshsim.shell.result"


@pytest.mark.parametrize(
    ("module", "name"), [(meshsim, "nothing"), (meshsim, "_x"), (meshsim.shell, "nothing")]
)
def test_what_is_not_there_is_said_in_pythons_words(module, name):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute '{name}'"):
        getattr(module, name)
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from meshsim import Nothing")


def test_a_room_that_lacks_a_package_says_which(monkeypatch):
    """An optional extra that is missing is not mistaken for a missing room."""
    monkeypatch.setitem(sys.modules, "attrs", None)
    monkeypatch.delitem(sys.modules, "meshsim.profile")
    monkeypatch.delattr(meshsim, "profile", raising=False)
    with pytest.raises(ModuleNotFoundError, match="attrs"):
        meshsim.profile  # noqa: B018
