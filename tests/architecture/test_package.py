"""What the wheel holds. A module that is left out would fail at a user's, and nowhere here."""

import re
import sys
import tomllib
from importlib import metadata, resources
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, imports, modules, name

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTED: list[str] = PYPROJECT["tool"]["setuptools"]["packages"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("penstock", *(part for part in parts if part != "__init__")))


def test_every_folder_with_modules_is_listed() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in modules(*PACKAGES)}

    assert sorted(f"penstock.{folder.replace('/', '.')}" for folder in folders) == sorted(LISTED)


def test_every_listed_package_has_its_folder() -> None:
    mapping: dict[str, str] = PYPROJECT["tool"]["setuptools"]["package-dir"]

    assert sorted(mapping) == sorted(LISTED)
    for package, folder in mapping.items():
        assert package == f"penstock.{folder.replace('/', '.')}"


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=name)
def test_every_module_can_be_found(path: Path) -> None:
    spec = find_spec(module_name(path))

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).read_bytes() == path.read_bytes(), "the wheel is older than the tree"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_its_door_and_its_types(package: str) -> None:
    files = resources.files(f"penstock.{package}")

    assert files.joinpath("__init__.py").is_file()
    assert files.joinpath("py.typed").is_file()


def test_every_statement_file_travels_with_its_module() -> None:
    for path in (path for folder in PACKAGES for path in (ROOT / folder).rglob("*.sql")):
        relative = path.relative_to(ROOT)
        shipped = resources.files(f"penstock.{relative.parts[0]}").joinpath(*relative.parts[1:])

        assert shipped.read_bytes() == path.read_bytes(), name(path)


def test_penstock_itself_is_a_namespace() -> None:
    spec = find_spec("penstock")

    assert spec is not None
    assert spec.origin is None
    assert not (ROOT / "__init__.py").exists()


def test_third_party_imports_are_declared() -> None:
    """What the packages import, the wheel asks for: the dev environment has more."""
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["loadtest"]]
    declared = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("-", "_") for line in wanted}
    declared |= {"hdrh" if name == "hdrhistogram" else name for name in declared}
    # Parts of what is declared: starlette is built on anyio, typer on click, uvicorn on h11.
    declared |= {"click", "h11", "penstock"}

    foreign = {
        imported.partition(".")[0]
        for path in modules(*PACKAGES)
        for _line, imported in imports(path)
    }
    assert foreign - set(sys.stdlib_module_names) <= declared


# Packages that the standard library imports for us, and the module of it that does.
IMPORTED_BY = {"tzdata": "zoneinfo"}


@pytest.mark.parametrize("line", PYPROJECT["project"]["dependencies"])
def test_every_dependency_is_used(line: str) -> None:
    package = re.split(r"[^A-Za-z0-9_.-]", line)[0].replace("-", "_")
    module = IMPORTED_BY.get(package, package)

    assert any(
        imported.partition(".")[0] == module
        for path in modules(*PACKAGES)
        for _line, imported in imports(path)
    )


def test_the_version_is_written_once() -> None:
    version: str = PYPROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "## Unreleased" in changelog or f"## {version}" in changelog
    for path in modules(*PACKAGES):
        text = path.read_text(encoding="utf-8")
        again = re.search(rf"version\b.*= *[\"']{re.escape(version)}", text, re.IGNORECASE)
        assert again is None, name(path)


def test_the_installed_version_is_the_projects(request: pytest.FixtureRequest) -> None:
    installed = request.config.getoption("--installed")

    assert not installed or metadata.version("penstock") == PYPROJECT["project"]["version"]
