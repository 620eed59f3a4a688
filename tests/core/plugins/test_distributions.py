"""Which distributions bring plugins: the same ones, however they are found."""

import importlib.metadata
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from imgcopy_core_stubs.plugins import _distributions
from imgcopy_core_stubs.plugins._distributions import plugin_distributions

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: a: b\n\nName: body\n"
ENTRY_POINTS = "[console_scripts]\nx = y:z\n\n[imgcopy]\nsome = json\n"

Found = list[tuple[str, str, list[str]]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of the module search path."""
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.setattr(sys, "path", [str(path)])
    return path


@pytest.fixture
def no_importlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """`importlib.metadata` must not be asked."""
    monkeypatch.setattr(_distributions, "_all", None)


def install(
    site: Path,
    name: str = "some",
    version: str = "1.0",
    *,
    entry_points: str = ENTRY_POINTS,
    kind: str = ".dist-info",
) -> Path:
    directory = site / f"{name.replace('-', '_')}-{version}{kind}"
    directory.mkdir()
    file = "METADATA" if kind == ".dist-info" else "PKG-INFO"
    (directory / file).write_text(METADATA.format(name=name, version=version))
    (directory / "entry_points.txt").write_text(entry_points)
    return directory


def found() -> Found:
    return [
        (distribution.name, distribution.version, [name for name, _ in distribution.entry_points])
        for distribution in plugin_distributions()
    ]


def loaded(names: Iterable[str]) -> dict[str, object]:
    (distribution,) = plugin_distributions()
    loaders = dict(distribution.entry_points)
    return {name: loaders[name]() for name in names}


@pytest.mark.usefixtures("no_importlib")
class TestDirectoriesOfMetadata:
    def test_a_plugin(self, site: Path) -> None:
        install(site)

        assert found() == [("some", "1.0", ["some"])]
        assert loaded(["some"]) == {"some": sys.modules["json"]}

    def test_a_module_in_a_package(self, site: Path) -> None:
        install(site, entry_points="[imgcopy]\nsome = importlib.metadata\n")

        assert loaded(["some"]) == {"some": importlib.metadata}

    def test_what_a_file_may_hold_besides(self, site: Path) -> None:
        text = "# [imgcopy]\n\n[imgcopy]\n# c = d\n  a=json\r\n b-1.x  =  csv\n\n[other]\ne = f\n"
        install(site, entry_points=text)

        assert found() == [("some", "1.0", ["a", "b-1.x"])]

    @pytest.mark.parametrize(
        "text", ["", "[other]\nimgcopy = json\n", "[imgcopy.other]\na = json\n", "[Imgcopy]\na=b\n"]
    )
    def test_no_plugin(self, site: Path, text: str) -> None:
        install(site, entry_points=text)

        assert found() == []

    def test_there_may_be_no_file_or_only_a_file(self, site: Path) -> None:
        (install(site, "nothing") / "entry_points.txt").unlink()
        (site / "old-1.0.egg-info").write_text("Metadata-Version: 1.0\n")
        (site / "metadata.txt").write_text("[imgcopy]\n")
        sys.path.append(str(site / "nowhere"))

        assert found() == []

    def test_of_two_installations_the_first_counts(self, site: Path, tmp_path: Path) -> None:
        later = tmp_path / "later"
        later.mkdir()
        sys.path += [str(later), str(site)]
        install(later, "some-thing", "2.0")
        install(later, "Other", "2.0")
        install(site, "Some.Thing", "1.0")

        assert found() == [("Some.Thing", "1.0", ["some"]), ("Other", "2.0", ["some"])]

    def test_the_working_directory(self, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install(site)
        monkeypatch.setattr(sys, "path", [""])
        monkeypatch.chdir(site)

        assert found() == [("some", "1.0", ["some"])]


class TestAnythingElse:
    """What only `importlib.metadata` can tell, it is asked."""

    def test_an_object_in_a_module(self, site: Path) -> None:
        install(site, entry_points="[imgcopy]\na = json:loads\nb = json [extra]\n")

        json = sys.modules["json"]
        assert loaded(["a", "b"]) == {"a": json.loads, "b": json}

    def test_an_egg_info_directory(self, site: Path) -> None:
        install(site, kind=".egg-info")

        assert found() == [("some", "1.0", ["some"])]

    def test_an_egg(self, site: Path) -> None:
        egg = site / "some-1.0-py3.egg"
        egg.mkdir()
        install(egg, kind=".egg-info").rename(egg / "EGG-INFO")
        sys.path.append(str(egg))

        assert found() == [("some", "1.0", ["some"])]

    def test_a_zip_file(self, site: Path, tmp_path: Path) -> None:
        install(site, "other")
        with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
            prefix = "some-1.0.dist-info"
            archive.writestr(f"{prefix}/METADATA", METADATA.format(name="some", version="1.0"))
            archive.writestr(f"{prefix}/entry_points.txt", ENTRY_POINTS)
        sys.path.append(str(tmp_path / "some.zip"))

        assert found() == [("other", "1.0", ["some"]), ("some", "1.0", ["some"])]

    def test_a_finder_that_knows_other_places(
        self, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = tmp_path / "place"
        place.mkdir()
        directory = install(place)

        class Finder(importlib.metadata.DistributionFinder):
            def find_distributions(
                self, context: object = None
            ) -> Iterable[importlib.metadata.Distribution]:
                return [importlib.metadata.Distribution.at(directory)]

            def find_spec(
                self, name: str, path: Sequence[str] | None, target: object = None
            ) -> None:
                return None

        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

        assert found() == [("some", "1.0", ["some"])]

    def test_a_damaged_one_does_not_hide_the_others(self, site: Path) -> None:
        (install(site, "damaged") / "METADATA").unlink()
        (install(site, "latin") / "entry_points.txt").write_bytes(b"[imgcopy]\n\xe9 = json\n")
        install(site, "other")

        assert ("other", "1.0", ["some"]) in found()
        assert ("latin", "1.0", ["some"]) not in found()
