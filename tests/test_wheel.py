"""The wheel holds what a user needs: built, installed and run away from the checkout.

The checkout, and an editable installation of it, must not be what answers. So the wheel goes into a folder of
its own, and Python starts there with -S: site-packages is then a plain folder on the path, for the
dependencies, whose .pth files (through which an editable installation is found) are not read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PIP = (sys.executable, "-m", "pip")
PACKAGES = ("actfusion_stream", "extractors", "models")


def run(*command: Path | str, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    # A copy, because setuptools packs whatever an older build has left under build/.
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in (*PACKAGES, "tools", "tests"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    run(*PIP, "wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", built)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run(*PIP, "install", wheel, "--no-deps", "--no-index", "--target", folder)
    return folder


def run_installed(installed: Path, elsewhere: Path, *command: Path | str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return run(sys.executable, "-S", *command, cwd=elsewhere, env={**os.environ, "PYTHONPATH": path})


def test_wheel_holds_every_module_and_asset_and_nothing_else(wheel: Path):
    expected = [
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    inside = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(inside) == sorted(expected)


def test_packages_are_imported_from_the_wheel(installed: Path, tmp_path: Path):
    code = f"import {', '.join(PACKAGES)}; print(*(p.__file__ for p in ({', '.join(PACKAGES)})), sep='\\n')"
    output = run_installed(installed, tmp_path, "-c", code).stdout
    assert output.splitlines() == [str(installed / package / "__init__.py") for package in PACKAGES]


@pytest.mark.parametrize("command", ["actfusion-stream", "actfusion-kitchen"])
def test_commands_run_from_another_folder(installed: Path, tmp_path: Path, command: str):
    assert run_installed(installed, tmp_path, installed / "bin" / command, "--help").stdout.startswith(
        "usage: "
    )
