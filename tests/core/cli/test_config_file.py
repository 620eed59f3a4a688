from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import field, frozen

from imgcopy_core_stubs.cli.config_file import (
    ConfigFile,
    check_schemes,
    preset_values,
    read_config_file,
)
from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.transport import ImageReference, Transport


class Layout(Enum):
    DOCKER = "docker"
    OCI = "oci"


@frozen
class SourceOptions:
    directory: str | None = None
    verify: bool = True


@frozen
class DestinationOptions:
    directory: str | None = None
    layout: Layout = Layout.DOCKER
    tags: tuple[str, ...] = ()
    more_tags: tuple[str, ...] | None = field(default=None)
    level: int = 3


class Example(Transport):
    scheme: ClassVar[str] = "docker-archive"
    source_options: ClassVar[type | None] = SourceOptions
    destination_options: ClassVar[type | None] = DestinationOptions

    def parse_reference(self, text: str) -> ImageReference:
        raise AssertionError(text)


SCHEMES = ("dir", "docker", "docker-archive")


def read(tmp_path: Path, text: str | bytes) -> ConfigFile:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config_file({"IMGCOPY_CONFIG": str(path)})


def preset(
    cls: type[SourceOptions | DestinationOptions] | None,
    *,
    config: ConfigFile | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, object]:
    config = config or ConfigFile("none", {})
    return preset_values(Example(), cls, config, environ or {}, SCHEMES)


class TestTheFile:
    def test_each_direction_gets_what_it_knows(self, tmp_path: Path) -> None:
        config = read(
            tmp_path,
            "[transports.docker-archive]\n"
            'directory = "/big"\nlayout = "oci"\ntags = ["a", "b"]\nverify = false\nlevel = 5\n'
            "[transports.dir]\nwhatever = 1\n",
        )

        assert preset(SourceOptions, config=config) == {"directory": "/big", "verify": False}
        assert preset(DestinationOptions, config=config) == {
            "directory": "/big",
            "layout": Layout.OCI,
            "tags": ("a", "b"),
            "level": 5,
        }
        assert preset(None, config=config) == {}

    def test_names_may_have_hyphens(self, tmp_path: Path) -> None:
        config = read(tmp_path, '[transports.docker-archive]\nmore-tags = ["a"]\n')

        assert preset(DestinationOptions, config=config) == {"more_tags": ("a",)}

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ('layout = "tar"', 'layout": must be one of docker, oci, not "tar"'),
            ("layuot = 1", 'layuot": unknown for "docker-archive"; it has "directory", "layout"'),
            ('level = "5"', 'level": must be an integer'),
            ("level = true", 'level": must be an integer'),
            ("level = 1.0", 'level": must be an integer'),
            ('tags = "a"', 'tags": must be a list'),
            ("tags = [1]", 'tags[0]": must be a string, not 1'),
            ("verify = 1", 'verify": must be true or false'),
        ],
    )
    def test_what_is_wrong_is_named_with_the_file(
        self, tmp_path: Path, line: str, problem: str
    ) -> None:
        config = read(tmp_path, f"[transports.docker-archive]\n{line}\n")

        with pytest.raises(InvalidOption) as caught:
            preset(DestinationOptions, config=config)
            preset(SourceOptions, config=config)

        where = f'option "{tmp_path}/config.toml [transports.docker-archive] '
        assert str(caught.value).startswith(where + problem)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[transports", "it is not valid TOML: "),
            (b"x = '\xff'", "it is not valid TOML: "),
            ("a = 1\na = 2\n", "it is not valid TOML: "),
            ("[transport.oci]\n", 'unknown: "transport"; it has tables [transports.SCHEME]'),
            ("transports = 1\n", "transports must hold tables"),
            ("[transports]\noci = 1\n", "transports must hold tables"),
            ("#" * (1024 * 1024 + 1), "it is larger than 1048576 bytes"),
        ],
    )
    def test_invalid_files(self, tmp_path: Path, text: str | bytes, problem: str) -> None:
        with pytest.raises(InvalidOption) as caught:
            read(tmp_path, text)

        assert str(caught.value).startswith(f'option "config file {tmp_path}/config.toml": ')
        assert problem in str(caught.value)

    def test_the_largest_file(self, tmp_path: Path) -> None:
        assert read(tmp_path, "#" * (1024 * 1024)).tables == {}

    def test_a_table_of_no_transport(self, tmp_path: Path) -> None:
        config = read(tmp_path, "[transports.dir]\n[transports.docker-archiv]\n")

        with pytest.raises(InvalidOption) as caught:
            check_schemes(config, SCHEMES)

        assert str(caught.value) == (
            f'option "{tmp_path}/config.toml [transports.docker-archiv]": there is no such '
            'transport; there are "dir", "docker", "docker-archive"'
        )

    def test_a_named_file_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidOption, match="No such file or directory"):
            read_config_file({"IMGCOPY_CONFIG": str(tmp_path / "nowhere")})

    def test_a_directory_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidOption, match="Is a directory"):
            read_config_file({"IMGCOPY_CONFIG": str(tmp_path)})

    def test_the_users_file_need_not_be_there(self, tmp_path: Path) -> None:
        config = read_config_file({"XDG_CONFIG_HOME": str(tmp_path)})

        assert config == ConfigFile(f"{tmp_path}/imgcopy/config.toml", {})

    def test_the_users_file_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / ".config" / "imgcopy" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text("[transports.oci]\nx = 1\n")
        monkeypatch.setenv("HOME", str(tmp_path))

        assert read_config_file({}) == ConfigFile(str(path), {"oci": {"x": 1}})


class TestTheEnvironment:
    def test_it_wins_over_the_file(self, tmp_path: Path) -> None:
        config = read(tmp_path, '[transports.docker-archive]\nlayout = "oci"\ndirectory = "/big"\n')
        environ = {"IMGCOPY_DOCKER_ARCHIVE_LAYOUT": "docker", "IMGCOPY_DOCKER_ARCHIVE_LEVEL": "7"}

        assert preset(DestinationOptions, config=config, environ=environ) == {
            "layout": Layout.DOCKER,
            "directory": "/big",
            "level": 7,
        }
        assert preset(SourceOptions, config=config, environ=environ) == {"directory": "/big"}

    def test_several_values_have_commas(self) -> None:
        environ = {
            "IMGCOPY_DOCKER_ARCHIVE_TAGS": "a:1,b:2",
            "IMGCOPY_DOCKER_ARCHIVE_MORE_TAGS": "c",
            "IMGCOPY_DOCKER_ARCHIVE_DIRECTORY": "a,b",
        }

        assert preset(DestinationOptions, environ=environ) == {
            "tags": ("a:1", "b:2"),
            "more_tags": ("c",),
            "directory": "a,b",
        }

    def test_the_longest_scheme_that_fits_is_meant(self) -> None:
        class Docker(Example):
            scheme: ClassVar[str] = "docker"

        environ = {"IMGCOPY_DOCKER_ARCHIVE_LAYOUT": "oci", "IMGCOPY_DOCKER_LAYOUT": "docker"}
        config = ConfigFile("none", {})

        values = preset_values(Docker(), DestinationOptions, config, environ, SCHEMES)

        assert values == {"layout": Layout.DOCKER}

    def test_others_do_not_matter(self) -> None:
        environ = {
            "IMGCOPY_CONFIG": "x",
            "IMGCOPY_DISABLE_PLUGINS": "x",
            "IMGCOPY_DIR_NONSENSE": "x",
            "DOCKER_ARCHIVE_LAYOUT": "x",
        }

        assert preset(DestinationOptions, environ=environ) == {}

    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("LAYOUT", "tar", 'must be one of docker, oci, not "tar"'),
            ("LAYUOT", "oci", 'unknown for "docker-archive"; it has "directory", "layout"'),
            ("LEVEL", "-1", "must be an integer"),
            ("VERIFY", "maybe", "must be true or false"),
        ],
    )
    def test_what_is_wrong_is_named_with_the_variable(
        self, name: str, value: str, problem: str
    ) -> None:
        environ = {f"IMGCOPY_DOCKER_ARCHIVE_{name}": value}

        with pytest.raises(InvalidOption) as caught:
            preset(DestinationOptions, environ=environ)
            preset(SourceOptions, environ=environ)

        assert str(caught.value).startswith(f'option "IMGCOPY_DOCKER_ARCHIVE_{name}": {problem}')
