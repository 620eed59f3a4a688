"""What is told of errors that are no error of imgcopy."""

import errno

import pytest

from imgcopy_core_stubs.cli.failures import report


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_what_the_system_does_not_give_is_no_bug(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, debug=False) == 1
    line = capsys.readouterr().err
    assert line.startswith("imgcopy: error: this process is allowed no more memory, threads or ")
    assert type(error).__name__ in line


def test_anything_else_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(RuntimeError("else"), debug=False) == 1
    assert "this is a bug, please report it" in capsys.readouterr().err
