"""`inspect`, `list-tags`, `validate` and `manifest-digest`."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.core.cli.running import Runner, run_process
from tests.core.transports.layouts import (
    CONFIG,
    LAYER,
    MANIFEST,
    Image,
    Layout,
    described,
    named,
)
from tests.layers import layer_of

PLAIN_LAYER = layer_of(b"a layer")
RAW_CONFIG = (
    b'{"created": "2020-01-01T00:00:00.5Z", "architecture": "arm64", "os": "linux",\n'
    b' "docker_version": "20.10.7", "x": 1.10, "bidi": "\\u202e",\n'
    b' "config": {"Labels": {"l": "<&>"}, "Env": ["A=b"], "Cmd": null},\n'
    b' "rootfs": {"type": "layers", "diff_ids": ["sha256:'
    + hashlib.sha256(PLAIN_LAYER).hexdigest().encode()
    + b'"]}}'
)


@pytest.fixture
def full(tmp_path: Path) -> Layout:
    """A layout with one image whose config has everything that `inspect` shows."""
    layout = Layout(tmp_path / "full")
    layout.write_index(named(full_image(layout), "app"))
    return layout


def full_image(layout: Layout, **more: Any) -> dict[str, Any]:
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(RAW_CONFIG, CONFIG),
        "layers": [layout.blob(PLAIN_LAYER, LAYER, annotations={"a": "b"})],
    }
    return layout.blob(json.dumps(document, indent=1).encode(), MANIFEST, **more)


def index_of(layout: Layout) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((layout.path / "index.json").read_bytes())
    return index


class TestInspect:
    def test_the_keys_of_skopeo(self, run: Runner, full: Layout) -> None:
        result = run("inspect", f"oci:{full.path}:app")

        assert (result.code, result.stderr) == (0, "")
        layer = described(PLAIN_LAYER, LAYER)
        shown = json.loads(result.stdout)
        assert shown == {
            "Digest": index_of(full)["manifests"][0]["digest"],
            "RepoTags": [],
            "Created": "2020-01-01T00:00:00.5Z",
            "DockerVersion": "20.10.7",
            "Labels": {"l": "<&>"},
            "Architecture": "arm64",
            "Os": "linux",
            "Layers": [layer["digest"]],
            "LayersData": [
                {
                    "MIMEType": LAYER,
                    "Digest": layer["digest"],
                    "Size": len(PLAIN_LAYER),
                    "Annotations": {"a": "b"},
                }
            ],
            "Env": ["A=b"],
        }
        assert list(shown)[:3] == ["Digest", "RepoTags", "Created"]

    def test_what_a_config_lacks(self, run: Runner, layout: Layout) -> None:
        shown = json.loads(run("inspect", f"oci:{layout.path}").stdout)

        assert shown["Created"] is None
        assert shown["DockerVersion"] == ""
        assert shown["Labels"] is None
        assert shown["Env"] is None

    def test_the_name_where_the_place_knows_one(
        self, run: Runner, layout: Layout, tmp_path: Path
    ) -> None:
        run("copy", f"oci:{layout.path}", f"docker-archive:{tmp_path}/app.tar:example.org/app:1")

        shown = json.loads(
            run("inspect", f"docker-archive:{tmp_path}/app.tar:example.org/app:1").stdout
        )

        assert (shown["Name"], shown["Tag"]) == ("example.org/app", "1")
        assert shown["Layers"] == [described(Image("app").layer, LAYER)["digest"]]

    def test_raw_is_byte_for_byte(self, run: Runner, full: Layout) -> None:
        manifest = full.file(index_of(full)["manifests"][0]).read_bytes()

        assert run("inspect", "--raw", f"oci:{full.path}").stdout == manifest
        assert run("inspect", "--raw", "--config", f"oci:{full.path}").stdout == RAW_CONFIG

    def test_the_config(self, run: Runner, full: Layout) -> None:
        shown = run("inspect", "--config", f"oci:{full.path}").stdout

        assert json.loads(shown) == json.loads(RAW_CONFIG)
        assert b'\n    "x": 1.10,\n    "bidi": "\\u202e",\n' in shown

    def test_a_config_that_does_not_verify(self, run: Runner, full: Layout) -> None:
        full.file(described(RAW_CONFIG, CONFIG)).write_bytes(RAW_CONFIG.replace(b"arm64", b"amd64"))

        result = run("inspect", f"oci:{full.path}")

        assert (result.code, result.stdout) == (3, b"")
        assert "does not verify" in result.error

    def test_an_artifact(self, run: Runner, tmp_path: Path) -> None:
        layout = Layout(tmp_path / "artifact")
        config = layout.blob(b"{}", "application/vnd.oci.empty.v1+json")
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
        raw = json.dumps(document).encode()
        layout.write_index(layout.blob(raw, MANIFEST))

        result = run("inspect", f"oci:{layout.path}")

        assert result.code == 3
        assert "application/vnd.oci.empty.v1+json" in result.error
        assert run("inspect", "--raw", f"oci:{layout.path}").stdout == raw

    def test_an_index(self, run: Runner, layout: Layout) -> None:
        wanted = full_image(layout, platform={"os": "linux", "architecture": "arm64"})
        other = layout.image("other", platform={"os": "linux", "architecture": "s390x"})
        index = layout.index(other, wanted)
        layout.write_index(index)
        image = f"oci:{layout.path}"

        shown = json.loads(run("inspect", "--override-arch", "arm64", image).stdout)

        assert (shown["Architecture"], shown["Digest"]) == ("arm64", index["digest"])
        assert run("inspect", "--raw", image).stdout == layout.file(index).read_bytes()
        chosen = run("inspect", "--raw", "--platform", "linux/arm64", image).stdout
        assert chosen == layout.file(wanted).read_bytes()
        config = run("inspect", "--raw", "--config", "--platform", "linux/arm64", image).stdout
        assert config == RAW_CONFIG
        assert run("inspect", "--platform", "windows/amd64", image).code == 3

    @pytest.mark.parametrize("command", ["inspect", "inspect --raw", "validate"])
    @pytest.mark.parametrize("option", ["--platform=linux/s390x", "--override-arch=s390x"])
    def test_an_image_for_another_platform_than_was_asked_for(
        self, run: Runner, full: Layout, command: str, option: str
    ) -> None:
        image = f"oci:{full.path}:app"
        result = run(*command.split(), option, image)
        assert result.code == 3
        assert f'"{image}" has no image for platform "linux/s390x"; it has "linux/arm64"' in (
            result.error
        )
        assert run(*command.split(), "--platform=linux/arm64", image).code == 0

    @pytest.mark.peers
    @pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
    @pytest.mark.parametrize("options", [[], ["--config"], ["--raw"], ["--raw", "--config"]])
    def test_skopeo_says_the_same(self, run: Runner, full: Layout, options: list[str]) -> None:
        full.blob(RAW_CONFIG, CONFIG)
        image = f"oci:{full.path}:app"
        skopeo = subprocess.run(
            ["skopeo", "inspect", *options, image], capture_output=True, check=True
        )

        ours = json.loads(run("inspect", *options, image).stdout)
        theirs = json.loads(skopeo.stdout)

        if not options:
            ours.pop("LayersData")
            theirs.pop("LayersData", None)
        if options == ["--config"]:  # skopeo drops what it does not know
            ours = {key: ours[key] for key in theirs}
            ours["config"].pop("Cmd")
        assert ours == theirs


class TestListTags:
    def test_a_layout(self, run: Runner, layout: Layout) -> None:
        layout.write_index(named(layout.image("a"), "one"), named(layout.image("b"), "two"))

        result = run("list-tags", f"oci:{layout.path}")

        assert result.stdout == b'{\n    "Tags": [\n        "one",\n        "two"\n    ]\n}\n'

    def test_an_archive(self, run: Runner, layout: Layout, tmp_path: Path) -> None:
        for name in ("", ":app:1"):
            run("copy", f"oci:{layout.path}", f"docker-archive:{tmp_path}/app{len(name)}.tar{name}")

        tagged = json.loads(run("list-tags", f"docker-archive:{tmp_path}/app6.tar").stdout)
        untagged = json.loads(run("list-tags", f"docker-archive:{tmp_path}/app0.tar").stdout)

        assert tagged == {"Tags": ["docker.io/library/app:1"]}
        assert untagged == {"Tags": ["@0"]}

    def test_a_transport_without_tags(self, run: Runner, tmp_path: Path) -> None:
        result = run("list-tags", f"dir:{tmp_path}")

        assert result.code == 2
        assert 'the transport "dir" has no tags to list' in result.error

    def test_options_are_checked(self, run: Runner, tmp_path: Path) -> None:
        for command in ("list-tags", "inspect", "validate"):
            result = run(command, "--src-opt", "x=1", f"dir:{tmp_path}")
            assert result.code == 2
            assert '"--src-opt x": the transport "dir" has no options here' in result.error


class TestValidate:
    def test_a_sound_image(self, run: Runner, full: Layout) -> None:
        result = run("validate", f"oci:{full.path}:app")

        assert (result.code, result.stderr) == (0, "")
        size = len(RAW_CONFIG) + len(PLAIN_LAYER)
        assert result.stdout.decode() == (
            f"PASS: oci:{full.path}:app (1 image, 2 blobs, {size / 1000:.1f} kB)\n"
        )

    def test_every_problem_is_a_line(self, run: Runner, full: Layout) -> None:
        full.file(described(RAW_CONFIG, CONFIG)).unlink()
        full.file(described(PLAIN_LAYER, LAYER)).write_bytes(PLAIN_LAYER + b"x")

        result = run("validate", f"oci:{full.path}:app")

        assert (result.code, result.stdout) == (3, b"")
        config, layer = result.stderr.splitlines()
        assert config.startswith("imgcopy: error: ")
        assert described(RAW_CONFIG, CONFIG)["digest"][7:] in config
        assert described(PLAIN_LAYER, LAYER)["digest"] in layer
        assert layer.endswith("does not verify: expected 2048 bytes, got 2049")

    def test_a_missing_image(self, run: Runner, full: Layout) -> None:
        result = run("validate", f"oci:{full.path}:other")

        assert result.code == 3
        assert '"app"' in result.error

    def test_the_largest_layer(self, run: Runner, full: Layout) -> None:
        image = f"oci:{full.path}"

        assert run("validate", "--max-layer-size", len(PLAIN_LAYER), image).code == 0
        result = run("validate", "--max-layer-size", len(PLAIN_LAYER) - 1, image)
        assert result.code == 3
        assert "exceeds the limit of 2047 bytes" in result.error

    def test_one_image_of_an_index(self, run: Runner, layout: Layout) -> None:
        good = full_image(layout, platform={"os": "linux", "architecture": "arm64"})
        bad = {**good, "digest": "sha256:" + "0" * 64, "platform": {"os": "x", "architecture": "y"}}
        layout.write_index(layout.index(good, bad))

        assert run("validate", f"oci:{layout.path}").code == 3
        assert run("validate", "--platform", "linux/arm64", f"oci:{layout.path}").code == 0


class TestManifestDigest:
    def test_it_is_the_digest_of_the_file(self, run: Runner, tmp_path: Path) -> None:
        path = tmp_path / "manifest.json"
        path.write_bytes(b"anything\n")

        result = run("manifest-digest", path)

        digest = hashlib.sha256(b"anything\n").hexdigest()
        assert (result.code, result.stdout) == (0, f"sha256:{digest}\n".encode())

    def test_standard_input(self) -> None:
        result = run_process("manifest-digest", "/dev/stdin", input=b"{}")

        assert result.stdout.decode() == f"sha256:{hashlib.sha256(b'{}').hexdigest()}\n"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (None, "there is no such file"),
            (b" " * (4 * 1024 * 1024 + 1), "exceeds the limit of 4194304 bytes"),
            (b'{"schemaVersion": 1, "signatures": []}', "it is a Docker schema 1 manifest"),
        ],
    )
    def test_what_it_refuses(
        self, run: Runner, tmp_path: Path, content: bytes | None, problem: str
    ) -> None:
        path = tmp_path / "manifest\x1b.json"
        if content is not None:
            path.write_bytes(content)

        result = run("manifest-digest", path)

        assert result.code == 3
        assert problem in result.error
        assert f'"{tmp_path}/manifest\\x1b.json"' in result.error

    def test_a_directory(self, run: Runner, tmp_path: Path) -> None:
        result = run("manifest-digest", tmp_path)

        assert (result.code, result.error) == (3, f'cannot read "{tmp_path}": Is a directory')
