"""`docker-archive:` keeps every law of the conformance kit; `tarfile` and `json` read it back."""

import pytest
from click.testing import CliRunner

from imgcopy_core_stubs.conformance import ConformanceSuite, DestinationSuite, Place
from imgcopy_core_stubs.conformance.__main__ import main
from imgcopy_core_stubs.conformance.formats import docker_archive
from imgcopy_docker_archive.config import DockerArchiveDestinationOptions, Existing, Layout
from imgcopy_docker_archive.transport import DockerArchiveTransport


class TestDockerArchive(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return Place(
            DockerArchiveTransport(),
            docker_archive.new_reference,
            docker_archive.stored,
            new_collection=docker_archive.new_collection,
            references=("a.tar", "a.tar:app", "a.tar:@2", r"a\:b.tar:app:1", "-"),
            malformed=("", ":app", "a.tar:", "a.tar:APP", "a.tar:@x", "a.tar:@-1", "a\0b"),
        )


class TestDockerArchiveThatReplaces(DestinationSuite):
    @pytest.fixture
    def place(self) -> Place:
        options = DockerArchiveDestinationOptions(existing=Existing.REPLACE)
        return Place(
            DockerArchiveTransport(),
            docker_archive.new_reference,
            docker_archive.stored,
            new_collection=docker_archive.new_collection,
            destination_options=options,
        )


class TestOciLayout(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return Place(
            DockerArchiveTransport(),
            docker_archive.new_reference,
            docker_archive.stored,
            new_collection=docker_archive.new_collection,
            malformed=("", ":app"),
            destination_options=DockerArchiveDestinationOptions(layout=Layout.OCI),
        )


def test_the_kits_command_knows_the_format() -> None:
    result = CliRunner().invoke(main, ["docker-archive", "--law", "comes back"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "docker-archive: 2 laws, 2 held"
