import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.running import Result, Runner, run_process
from tests.core.transports.layouts import Image, Layout, files, named, sha256


def archive(path: Path) -> list[dict[str, Any]]:
    """An archive's manifest.json."""
    with tarfile.open(path) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        items: list[dict[str, Any]] = json.loads(member.read())
        return items


def digest_in(line: str) -> str:
    """The digest that the last line of a copy ends with."""
    return line.rstrip().rpartition(" (")[2].removesuffix(")")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where an archive goes: a directory with nothing else in it."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "app.tar"


@pytest.fixture
def copy(run: Runner, layout: Layout, out: Path) -> Callable[..., Result]:
    """Copies the layout's image to `out`."""

    def copy_app(*options: object, to: str = "") -> Result:
        return run("copy", *options, f"oci:{layout.path}:app", to or f"docker-archive:{out}:app:1")

    return copy_app


Copy = Callable[..., Result]


class TestWhatIsSaid:
    def test_the_last_line_names_both_ends_and_the_digest(
        self, copy: Copy, layout: Layout, out: Path
    ) -> None:
        result = copy()

        assert (result.code, result.stdout) == (0, b"")
        line = result.stderr
        ends = f'"oci:{layout.path}:app" to "docker-archive:{out}:app:1"'
        assert line == f"copied {ends} ({digest_in(line)})\n"
        assert digest_in(line).startswith("sha256:")
        assert archive(out)[0]["RepoTags"] == ["docker.io/library/app:1"]

    def test_names_that_several_images_do_not_keep(
        self, run: Runner, layout: Layout, out: Path
    ) -> None:
        image = layout.image("again")
        layout.write_index(named(image, "example.org/app:1"), named(layout.image("bare"), "bare"))

        result = run("copy", "--all-images", f"oci:{layout.path}", f"docker-archive:{out}")

        summary = f'copied 2 images to "docker-archive:{out}", 1 without a name'
        assert result.code == 0
        hint = "a bare tag is none there, and the last image of a name has it"
        assert result.stderr == f"{summary} ({hint})\n"

    def test_images_that_had_no_name(self, run: Runner, layout: Layout, out: Path) -> None:
        layout.write_index(named(layout.image("again"), "again"), layout.image("nameless"))

        result = run("copy", "--all-images", f"oci:{layout.path}", f"oci:{out}")

        assert result.code == 0
        assert result.stderr == f'copied 2 images to "oci:{out}", 1 without a name\n'

    @pytest.mark.parametrize("scheme", ["oci", "docker-archive"])
    def test_images_that_lost_their_name_to_a_later_one(
        self, run: Runner, layout: Layout, tmp_path: Path, out: Path, scheme: str
    ) -> None:
        layout.write_index(named(layout.image("one"), "app:1"))
        later = Layout(tmp_path / "later")
        later.write_index(named(later.image("two"), "app:1"))

        result = run("copy", f"oci:{layout.path}", f"oci:{later.path}", f"{scheme}:{out}")

        assert result.code == 0
        line = f'copied 2 images to "{scheme}:{out}", 1 without a name'
        assert result.stderr.startswith(line)

    def test_a_single_one_of_several(self, run: Runner, layout: Layout, out: Path) -> None:
        result = run("copy", "--all-images", f"oci:{layout.path}", f"oci:{out}")
        assert (result.code, result.stderr.partition(" to ")[0]) == (0, "copied 1 image")

    @pytest.mark.parametrize("option", ["-q", "--quiet", "--progress=none"])
    def test_quiet(self, copy: Copy, out: Path, option: str) -> None:
        assert copy(option) == Result(0, b"", "")
        assert out.exists()

    def test_json_progress(self, copy: Copy) -> None:
        result = copy("--progress", "json")

        events = [json.loads(line) for line in result.stderr.splitlines()]
        names = [event["event"] for event in events]
        assert names[0] == "copy-started"
        assert names[-1] == "committed"
        assert sorted(names[1:-1]) == [
            *["blob-done"] * 2,
            *["blob-progress"] * names.count("blob-progress"),
            *["blob-started"] * 2,
        ]

    def test_an_archive_on_standard_output_has_nothing_else_there(self, layout: Layout) -> None:
        result = run_process("copy", f"oci:{layout.path}:app", "docker-archive:-:app:1")

        assert result.code == 0
        assert result.stdout[257:263] == b"ustar\0"
        assert result.stdout.endswith(bytes(1024))
        assert result.stderr.splitlines()[-1].startswith("copied ")

    def test_standard_output_and_input_need_not_block(self, layout: Layout, tmp_path: Path) -> None:
        layout.write_index(named(layout.image("app" * 5000), "app"))  # more than a pipe holds
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with ThreadPoolExecutor() as pool, open(reading, "rb") as pipe:
            sending = pool.submit(
                run_process,
                *("copy", f"oci:{layout.path}:app", "docker-archive:-:app:1"),
                stdout=writing,
            )
            time.sleep(1)  # by now it waits
            os.close(writing)
            archive = pipe.read()
        assert sending.result().code == 0, sending.result().stderr

        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        with ThreadPoolExecutor() as pool, open(writing, "wb") as pipe:
            receiving = pool.submit(
                run_process, "copy", "docker-archive:-", f"dir:{tmp_path}/copy", stdin=reading
            )
            time.sleep(1)
            pipe.write(archive)
        os.close(reading)
        assert receiving.result().code == 0, receiving.result().stderr
        assert Image("app" * 5000).layer in files(tmp_path / "copy").values()

    def test_the_digest_goes_to_a_file(self, copy: Copy, layout: Layout, tmp_path: Path) -> None:
        path = tmp_path / "digest"
        path.write_text("something old, and longer than a digest " * 5)

        result = copy("--digestfile", path, to=f"dir:{tmp_path}/copy")

        manifest = (tmp_path / "copy" / "manifest.json").read_bytes()
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        assert path.read_text() == digest
        assert digest_in(result.stderr) == digest

    def test_the_digest_goes_to_a_pipe(self, layout: Layout, tmp_path: Path) -> None:
        to = f"dir:{tmp_path}/copy"
        result = run_process(
            "copy", "-q", "--digestfile", "/dev/stdout", f"oci:{layout.path}:app", to
        )

        manifest = (tmp_path / "copy" / "manifest.json").read_bytes()
        assert result.stdout.decode() == "sha256:" + hashlib.sha256(manifest).hexdigest()

    @pytest.mark.parametrize("digest_file", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    @pytest.mark.parametrize("place", ["-", "-:app:1", "/dev/stdout", "/dev/fd/1:app:1"])
    def test_image_and_digest_cannot_both_go_to_standard_output(
        self, copy: Copy, digest_file: str, place: str
    ) -> None:
        result = copy("--digestfile", digest_file, to=f"docker-archive:{place}")

        assert (result.code, result.stdout) == (2, b"")
        assert result.error == (
            f'option "--digestfile {digest_file}": the image goes to standard output, '
            "and nothing else may (name a file)"
        )

    def test_a_directory_may_be_called_like_standard_output(
        self, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)

        assert copy("-q", "--digestfile", "/dev/stdout", to="dir:-").stdout.startswith(b"sha256:")

    def test_a_digest_file_that_cannot_be_written_is_found_before_the_copy(
        self, copy: Copy, out: Path, tmp_path: Path
    ) -> None:
        result = copy("--digestfile", tmp_path / "nowhere" / "digest")

        assert result.code == 5
        assert (
            result.error == f'cannot write "{tmp_path}/nowhere/digest": No such file or directory'
        )
        assert not out.exists()

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
    def test_what_is_copied_is_told_though_the_digest_file_is_full(
        self, copy: Copy, out: Path
    ) -> None:
        result = copy("--digestfile", "/dev/full")

        copied, error = result.stderr.splitlines()
        assert copied.startswith("copied ")
        assert error == 'imgcopy: error: cannot write "/dev/full": No space left on device'
        assert (result.code, out.exists()) == (5, True)

    def test_after_a_failed_copy_the_digest_file_is_as_it_was(
        self, copy: Copy, out: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "digest"
        path.write_text("old")
        out.write_text("old")

        assert copy("--digestfile", path).code == 5
        assert (path.read_text(), out.read_text()) == ("old", "old")


class TestOptionsOfTheCopy:
    def test_an_existing_file_is_refused_unless_it_may_be_replaced(
        self, copy: Copy, out: Path
    ) -> None:
        out.write_text("old")

        result = copy()
        assert (result.code, out.read_text()) == (5, "old")
        assert result.error == f'"{out}" already exists (add --overwrite to replace it)'
        assert copy("--overwrite").code == 0
        assert len(archive(out)) == 1
        assert os.listdir(out.parent) == [out.name]

    def test_an_image_is_added_to_an_archive(
        self, run: Runner, copy: Copy, layout: Layout, out: Path
    ) -> None:
        assert copy("--append").code == 0
        copy("--append", to=f"docker-archive:{out}:other")

        assert [item["RepoTags"] for item in archive(out)] == [
            ["docker.io/library/app:1", "docker.io/library/other:latest"]
        ]

    def test_only_where_the_transport_can(self, copy: Copy, tmp_path: Path) -> None:
        result = copy("--append", to=f"oci:{tmp_path}/copy:app")

        assert result.error == (
            'option "--append": the transport "oci" has no such option for writing'
        )

    def test_additional_tags(self, copy: Copy, out: Path) -> None:
        copy("--additional-tag", "app:2", "--additional-tag=example.org/app", "--overwrite")

        assert archive(out)[0]["RepoTags"] == [
            "docker.io/library/app:1",
            "docker.io/library/app:2",
            "example.org/app:latest",
        ]

    def test_formats(self, copy: Copy, tmp_path: Path) -> None:
        copy("-f", "v2s2", to=f"dir:{tmp_path}/docker")
        copy("--format", "oci", to=f"dir:{tmp_path}/oci")

        def media_type(name: str) -> object:
            return json.loads((tmp_path / name / "manifest.json").read_bytes())["mediaType"]

        assert media_type("docker") == "application/vnd.docker.distribution.manifest.v2+json"
        assert media_type("oci") == "application/vnd.oci.image.manifest.v1+json"

    def test_a_digest_that_cannot_be_preserved(self, copy: Copy, tmp_path: Path) -> None:
        result = copy("--preserve-digests", "--format=v2s2", to=f"dir:{tmp_path}/copy")

        assert result.code == 5
        assert "so digests cannot be preserved (leave out --format)" in result.error
        assert not (tmp_path / "copy").exists()

    def test_an_archive_that_has_to_preserve_digests_gets_the_layout_that_does(
        self, copy: Copy, layout: Layout, out: Path
    ) -> None:
        original = json.loads((layout.path / "index.json").read_bytes())["manifests"][0]["digest"]

        assert digest_in(copy("--preserve-digests").stderr) == original
        assert out.exists()

    def test_the_largest_layer(self, copy: Copy, layout: Layout, out: Path) -> None:
        size = len(Image("app").layer)

        result = copy("--max-layer-size", size - 1)
        assert result.code == 3
        assert f"exceeds the limit of {size - 1} bytes" in result.error
        assert not out.exists()
        assert copy("--max-layer-size", size).code == 0

    def test_parallel_copies(self, copy: Copy, out: Path) -> None:
        assert copy("--image-parallel-copies", 1).code == 0

    def test_signatures_may_be_left_behind(
        self, run: Runner, copy: Copy, out: Path, tmp_path: Path
    ) -> None:
        copy(to=f"dir:{tmp_path}/signed")
        (tmp_path / "signed" / "signature-1").write_bytes(b"a signature")

        refused = run("copy", f"dir:{tmp_path}/signed", f"docker-archive:{out}")
        assert refused.code == 5
        assert "Storing signatures for docker tar files is not supported" in refused.error
        removed = run(
            "copy", "--remove-signatures", f"dir:{tmp_path}/signed", f"docker-archive:{out}"
        )
        assert removed.code == 0

    def test_the_transports_own_options(self, copy: Copy, tmp_path: Path) -> None:
        assert copy("--dest-opt", "additional-tags=a:1", "--dest-opt=additional_tags=b:1").code == 0

    def test_the_command_line_wins_over_environment_and_file(
        self, copy: Copy, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tmp_path / "config.toml"
        config.write_text(
            '[transports.docker-archive]\nexisting = "replace"\nadditional_tags = ["file:1"]\n'
        )
        monkeypatch.setenv("IMGCOPY_CONFIG", str(config))
        out.write_text("old")

        def tags(*options: str) -> object:
            assert copy(*options).code == 0
            return archive(out)[0]["RepoTags"][1:]

        assert tags() == ["docker.io/library/file:1"]
        monkeypatch.setenv("IMGCOPY_DOCKER_ARCHIVE_ADDITIONAL_TAGS", "env:1,env:2")
        assert tags() == ["docker.io/library/env:1", "docker.io/library/env:2"]
        assert tags("--additional-tag", "cli:1") == ["docker.io/library/cli:1"]
        monkeypatch.setenv("IMGCOPY_DOCKER_ARCHIVE_EXISTING", "refuse")
        assert copy().code == 5

    def test_the_directory_for_temporary_files(
        self, copy: Copy, run: Runner, layout: Layout, out: Path, tmp_path: Path
    ) -> None:
        copy()

        assert (
            run("copy", "--tmpdir", tmp_path, f"docker-archive:{out}", f"dir:{tmp_path}/b").code
            == 0
        )
        assert copy("--overwrite", "--tmpdir", tmp_path).code == 0


class TestOptionsThatDoNotApply:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (["--additional-tag", "a:1"], '"--additional-tag": the transport "dir" has no such'),
            (["--tmpdir", "."], '"--tmpdir": the transport "dir" has no such option'),
            (["--src-opt", "x=1"], '"--src-opt x": the transport "oci" has no options here'),
            (["--dest-opt", "layuot=oci"], '"--dest-opt layuot": unknown for "dir"; it has "'),
            (
                ["--dest-opt", "existing=maybe"],
                '"--dest-opt existing": must be one of refuse, replace',
            ),
            (
                ["--overwrite", "--dest-opt", "existing=refuse"],
                '"--overwrite": cannot be combined with --dest-opt existing',
            ),
            (
                ["-a", "--multi-arch", "system"],
                '"--all": cannot be combined with --multi-arch system',
            ),
            (
                ["--append", "--overwrite"],
                '"--append": cannot be combined with --overwrite',
            ),
            (
                ["--append", "--dest-opt", "existing=replace"],
                '"--append": cannot be combined with --dest-opt existing',
            ),
            (
                ["-a", "--platform", "linux/arm64"],
                '"--platform": nothing is chosen by platform with --multi-arch all (leave out one',
            ),
            (
                ["--multi-arch=index-only", "--override-arch=arm64"],
                '"--platform": nothing is chosen by platform with --multi-arch index-only',
            ),
            (
                ["--dry-run", "--digestfile", "digest"],
                '"--dry-run": cannot be combined with --digestfile',
            ),
            (
                ["--dry-run", "--progress", "json"],
                '"--dry-run": cannot be combined with --progress json',
            ),
            (
                ["--dry-run", "--progress", "auto"],
                '"--dry-run": cannot be combined with --progress auto',
            ),
            (
                ["--platform", "linux/arm64", "--override-os", "linux"],
                '"--platform": cannot be combined with --override-os',
            ),
            (["-q", "--progress", "json"], '"--quiet": cannot be combined with --progress json'),
        ],
    )
    def test_are_usage_errors_and_nothing_is_copied(
        self, copy: Copy, tmp_path: Path, options: list[str], problem: str
    ) -> None:
        result = copy(*options, to=f"dir:{tmp_path}/copy")

        assert result.code == 2
        assert f"option {problem}" in result.error
        assert not (tmp_path / "copy").exists()


class TestTheSameFile:
    def test_is_refused_whatever_it_is_called(self, copy: Copy, run: Runner, out: Path) -> None:
        copy()
        content = out.read_bytes()
        linked = out.with_name("linked.tar")
        linked.hardlink_to(out)
        symbolic = out.with_name("symbolic.tar")
        symbolic.symlink_to(out)

        for other in (out, linked, symbolic):
            result = run("copy", "--overwrite", f"docker-archive:{other}", f"docker-archive:{out}")
            assert result.code == 2
            assert result.error == (
                f'"{out}" is both the source and the destination; name another file'
            )
        assert out.read_bytes() == content

    @pytest.mark.parametrize("is_source_open", [False, True])
    def test_standard_streams_are_files_too(
        self, copy: Copy, out: Path, is_source_open: bool
    ) -> None:
        copy()
        content = out.read_bytes()
        source = "-" if is_source_open else str(out)
        with out.open("rb") as reading, out.open("ab") as appending:
            result = run_process(
                "copy",
                f"docker-archive:{source}",
                "docker-archive:-:b:1",
                stdin=reading,
                stdout=appending,
            )

        assert result.code == 2
        assert "is both the source and the destination" in result.error
        assert out.read_bytes() == content

    def test_the_digest_goes_to_another_file(self, copy: Copy, layout: Layout, out: Path) -> None:
        copy()
        content = out.read_bytes()
        for to in (f"docker-archive:{out}", f"docker-archive:{out.parent}/../out/{out.name}"):
            result = copy("--overwrite", "--digestfile", out, to=to)
            assert result.code == 2
            assert "(name another file)" in result.error
        assert copy("--digestfile", layout.path, to=f"dir:{out.parent}/new").code == 2
        assert out.read_bytes() == content

    @pytest.mark.parametrize("name", ["index.json", "oci-layout", "digest", "blobs/sha256/digest"])
    def test_the_digest_goes_to_no_file_of_a_layout(
        self, copy: Copy, layout: Layout, out: Path, name: str
    ) -> None:
        before = {path: path.read_bytes() for path in layout.path.rglob("*") if path.is_file()}

        for to in (f"docker-archive:{out}", f"oci:{layout.path}:other"):
            result = copy("--digestfile", layout.path / name, to=to)
            assert result.code == 2
            assert "the image is there" in result.error

        after = {path: path.read_bytes() for path in layout.path.rglob("*") if path.is_file()}
        assert after == before

    def test_a_digest_file_in_a_working_directory_that_was_deleted(self, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
        command = [sys.executable, "-m", "imgcopy_core_stubs", "copy", "--digestfile", "d"]
        command += [f"oci:{tmp_path}/none", f"dir:{tmp_path}/new"]
        done = subprocess.run(
            ["sh", "-c", script, "sh", str(gone), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 5
        assert done.stderr == 'imgcopy: error: cannot write "d": No such file or directory\n'

    def test_another_image_of_the_same_layout_is_none(self, run: Runner, layout: Layout) -> None:
        result = run("copy", f"oci:{layout.path}:app", f"oci:{layout.path}:other")

        assert result.code == 0
        names = json.loads(run("list-tags", f"oci:{layout.path}").stdout)
        assert names == {"Tags": ["app", "other"]}


class TestIndexes:
    @pytest.fixture
    def index(self, layout: Layout) -> Layout:
        arm, amd = (
            layout.image(name, platform={"os": "linux", "architecture": name})
            for name in ("arm64", "amd64")
        )
        layout.write_index(named(layout.index(arm, amd), "app"))
        return layout

    def manifest(self, path: Path) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
        return document

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            (["--platform", "linux/arm64"], "arm64"),
            (["--override-arch", "arm64", "--override-os", "linux"], "arm64"),
            (["--override-arch", "amd64"], "amd64"),
            (["--multi-arch", "system", "--platform", "linux/amd64"], "amd64"),
        ],
    )
    def test_one_image_is_chosen(
        self, index: Layout, copy: Copy, tmp_path: Path, options: list[str], name: str
    ) -> None:
        assert copy(*options, to=f"dir:{tmp_path}/copy").code == 0

        layer = sha256(Image(name).layer).removeprefix("sha256:")
        assert (tmp_path / "copy" / layer).exists()
        assert "layers" in self.manifest(tmp_path / "copy")

    def test_a_platform_that_there_is_not(self, index: Layout, copy: Copy, out: Path) -> None:
        result = copy("--platform", "linux/s390x")

        assert result.code == 3
        assert 'it has "linux/arm64", "linux/amd64"' in result.error

    @pytest.mark.parametrize("options", [["-a"], ["--all"], ["--multi-arch", "all"]])
    def test_all_are_copied(
        self, index: Layout, copy: Copy, run: Runner, tmp_path: Path, options: list[str]
    ) -> None:
        assert copy(*options, to=f"oci:{tmp_path}/copy:app").code == 0

        blobs = files(tmp_path / "copy" / "blobs" / "sha256")
        assert len(blobs) == len(["index", *["manifest", "config", "layer"] * 2])
        assert b"(2 images, 4 blobs, " in run("validate", f"oci:{tmp_path}/copy").stdout

    def test_the_index_alone(self, index: Layout, copy: Copy, tmp_path: Path) -> None:
        assert copy("--multi-arch", "index-only", to=f"oci:{tmp_path}/copy:app").code == 0

        assert len(files(tmp_path / "copy" / "blobs" / "sha256")) == 1

    @pytest.mark.parametrize("architecture", ["amd64", "arm64"])
    def test_an_archive_of_all_shows_docker_the_one_for_the_platform(
        self, index: Layout, copy: Copy, out: Path, architecture: str
    ) -> None:
        assert copy("--all", f"--platform=linux/{architecture}").code == 0

        layer = sha256(Image(architecture).layer).removeprefix("sha256:")
        assert archive(out)[0]["Layers"] == [f"blobs/sha256/{layer}"]

    def test_which_is_an_option_of_the_transport(
        self, index: Layout, copy: Copy, out: Path
    ) -> None:
        twice = ("--platform=linux/amd64", "--dest-opt", "platform=linux/arm64")

        result = copy("--all", *twice)
        assert result.error == ('option "--platform": cannot be combined with --dest-opt platform')
        assert not out.exists()
        assert copy("--multi-arch=index-only", "--platform=linux/amd64").code == 2


def test_a_broken_plugin_does_not_spoil_an_archive_on_standard_output(
    layout: Layout, distributions: Distributions
) -> None:
    distributions.install("loud", "print('hello')\nimport no_such_module")

    result = run_process(
        "copy",
        "-q",
        f"oci:{layout.path}:app",
        "docker-archive:-",
        environ=distributions.environ,
    )

    assert result.code == 0
    assert result.stdout[257:263] == b"ustar\0"
    hello, warning = result.stderr.splitlines()
    assert hello == "hello"
    assert warning.startswith('imgcopy: warning: plugin "loud (imgcopy-loud 1.0)": failed to load')
