"""The wheel holds what a user needs: built, installed and run away from the checkout.

The checkout, and an editable installation of it, must not be what answers. So the wheel goes into an
environment of its own. A .pth file adds the site-packages of this one, for the dependencies; .pth files in
there, through which an editable installation is found, are not read then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from own_videos import follow

REPOSITORY = Path(__file__).resolve().parents[1]
HOMES = {
    "actfusion_stream": "actfusion_stream",
    "extractors": "actfusion_stream/extractors",
    "models": "actfusion_stream/models",
    "tools": "actfusion_stream/tools",
}  # folders of the repository, and where they stand in the wheel
COMMANDS = [
    "actfusion-stream",
    "actfusion-kitchen",
    "actfusion-weights",
    "actfusion-train",
    "actfusion-evaluate",
    "actfusion-extract",
    "actfusion-convert",
    "actfusion-annotations",
    "actfusion-convert-segments",
    "actfusion-plot",
]
USERS_OWN = ("extractors", "models", "tools", "utils")  # names that nearly every training repository has


def run(*command: Path | str, **options: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(kind: str, source: Path, target: Path) -> Path:
    """Call setuptools as pip and `build` do, but offline: it is a dependency of development.

    Args:
        kind: wheel or sdist.
        source: folder of pyproject.toml.
        target: folder for the archive.
    """
    code = f"from setuptools.build_meta import build_{kind}; print(build_{kind}({str(target)!r}))"
    return target / run(sys.executable, "-c", code, cwd=source).splitlines()[-1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because setuptools packs whatever an older build has left under build/."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder)
    for name in (*HOMES, "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the bin/ of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    here = folder / "bin/python"
    packages = Path(run(here, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    run(sys.executable, "-m", "pip", "--python", here, "install", wheel, "--no-deps", "--no-index")
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(dependencies)) + "\n")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's folder, with packages whose names are those of our folders."""
    for name in USERS_OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('the {name} of the user')\n")
    return tmp_path


def alone() -> dict[str, str]:
    """Environment variables that lead to no checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def names_in(wheel: Path) -> list[str]:
    return sorted(name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name)


def test_wheel_holds_every_module_and_asset_once_and_nothing_else(wheel: Path) -> None:
    expected = [
        f"{home}/{path.relative_to(REPOSITORY / name).as_posix()}"
        for name, home in HOMES.items()
        for path in (REPOSITORY / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert names_in(wheel) == sorted(expected)


def test_an_sdist_makes_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", source, tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert names_in(build("wheel", unpacked, tmp_path)) == names_in(wheel)


def test_a_script_beside_packages_of_the_same_names_watches_a_video(
    environment: Path, elsewhere: Path, tiny_video: Path, tiny_checkpoint: Path
) -> None:
    script = elsewhere / "watch.py"
    script.write_text(
        "import sys\n"
        "import actfusion_stream\n"
        "from actfusion_stream import open_stream\n"
        "with open_stream(sys.argv[1], checkpoint=sys.argv[2], horizon='3s', device='cpu') as stream:\n"
        "    seen = [tick.seen_until for tick in stream]\n"
        "print(actfusion_stream.__file__, len(seen), stream.finish()[-1].end)\n"
    )
    python = environment / "bin/python"
    said = run(python, script, tiny_video, tiny_checkpoint, cwd=elsewhere, env=alone()).split()
    assert Path(said[0]).is_relative_to(environment)
    assert int(said[1]) > 5
    assert float(said[2]) == pytest.approx(6.0)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_answer_from_another_folder(environment: Path, elsewhere: Path, command: str) -> None:
    said = run(environment / "bin" / command, "--help", cwd=elsewhere, env=alone())
    assert said.startswith(f"usage: {command} ")


@pytest.mark.slow
def test_the_page_on_own_videos_is_true_of_the_wheel(environment: Path, elsewhere: Path) -> None:
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    follow(elsewhere, {**alone(), "PATH": path})
