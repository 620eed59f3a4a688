import io

from imgcopy_docker_archive.writing._tar_write import TarWriter
from tests.docker_archive import expected_archive as expected


def test_rewinding_cuts_off() -> None:
    file = io.BytesIO()
    tar = TarWriter(file, "out.tar", temporary_directory=None)
    tar.add("kept", b"1")
    position = tar.position
    tar.add("dropped", b"2")
    assert tar.rewind(position)
    tar.add_symlink("link", "kept")
    tar.finish()
    assert file.getvalue() == expected.archive(
        expected.member("kept", b"1"), expected.symlink("link", "kept")
    )
