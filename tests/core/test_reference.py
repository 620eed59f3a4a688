"""The docker reference grammar.

The facts are those of github.com/distribution/reference: of its `reference_test.go`,
`regexp_test.go` and `normalize_test.go`.
"""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import Digest, DockerReference, InvalidReference

F64 = "f" * 64
F128 = "f" * 128
HEX_NAME = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest"),
    [
        # Familiar names belong to Docker Hub.
        ("app", "docker.io", "library/app", None, None),
        ("app:1", "docker.io", "library/app", "1", None),
        ("test_com", "docker.io", "library/test_com", None, None),
        ("test.com:tag", "docker.io", "library/test.com", "tag", None),
        ("test.com:5000", "docker.io", "library/test.com", "5000", None),
        ("lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", None),
        ("foo_bar.com:8080", "docker.io", "library/foo_bar.com", "8080", None),
        ("192.168.1.1", "docker.io", "library/192.168.1.1", None, None),
        ("192.168.0.1:80", "docker.io", "library/192.168.0.1", "80", None),
        ("localhost", "docker.io", "library/localhost", None, None),
        (f"localhost:8080@sha256:{F64}", "docker.io", "library/localhost", "8080", F64),
        ("docker/migrator", "docker.io", "docker/migrator", None, None),
        ("test_com/foo", "docker.io", "test_com/foo", None, None),
        ("do__cker/docker", "docker.io", "do__cker/docker", None, None),
        ("docker---rules/docker", "docker.io", "docker---rules/docker", None, None),
        ("d/docker", "docker.io", "d/docker", None, None),
        ("library/foo/bar", "docker.io", "library/foo/bar", None, None),
        ("store/foo/bar", "docker.io", "store/foo/bar", None, None),
        # Docker Hub's domain, and its old one.
        ("docker.io/app", "docker.io", "library/app", None, None),
        ("docker.io/library/app", "docker.io", "library/app", None, None),
        ("docker.io/fooo/bar", "docker.io", "fooo/bar", None, None),
        ("index.docker.io/app", "docker.io", "library/app", None, None),
        ("index.docker.io/library/app", "docker.io", "library/app", None, None),
        ("index.docker.io/fooo/bar", "docker.io", "fooo/bar", None, None),
        ("index.docker.io:443/app", "index.docker.io:443", "app", None, None),
        # What is a domain: it has a dot or a port, is `localhost`, or is not in lower case.
        ("test.com/repo:tag", "test.com", "repo", "tag", None),
        ("test:5000/repo", "test:5000", "repo", None, None),
        ("test:5000/repo:tag", "test:5000", "repo", "tag", None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:1", "localhost:5000", "app", "1", None),
        ("LOCALHOST/app", "LOCALHOST", "app", None, None),
        ("Foo/bar", "Foo", "bar", None, None),
        ("Uppercase/lowercase:tag", "Uppercase", "lowercase", "tag", None),
        ("Asdf.com/foo/bar", "Asdf.com", "foo/bar", None, None),
        ("prefixlocalhost/app", "docker.io", "prefixlocalhost/app", None, None),
        ("sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux",
         "some-long-tag", None),
        ("b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io",
         "test.example.com/my-app", "test.example.com", None),
        ("xn--n3h.com:18080/foo", "xn--n3h.com:18080", "foo", None, None),
        ("test-com:8080/foo", "test-com:8080", "foo", None, None),
        ("0101.com/a", "0101.com", "a", None, None),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", None),
        ("192.168.1.1:750050/repo", "192.168.1.1:750050", "repo", None, None),
        ("registry.io/foo/project--id.module--name.ver---sion--name", "registry.io",
         "foo/project--id.module--name.ver---sion--name", None, None),
        ("example.com/some_separator__underscore/myimage", "example.com",
         "some_separator__underscore/myimage", None, None),
        # IPv6.
        ("[2001:db8::1]/repo", "[2001:db8::1]", "repo", None, None),
        ("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", "tag", None),
        ("[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000", "repo", "tag", None),
        (f"[2001:db8::1]:5000/repo@sha256:{F64}", "[2001:db8::1]:5000", "repo", None, F64),
        ("[2001:db8::]:5000/repo", "[2001:db8::]:5000", "repo", None, None),
        ("[::1]:5000/repo", "[::1]:5000", "repo", None, None),
        # Digests.
        (f"test:5000/repo@sha256:{F64}", "test:5000", "repo", None, F64),
        (f"test:5000/repo:tag@sha256:{F64}", "test:5000", "repo", "tag", F64),
        (f"xn--7o8h.com/myimage:xn--7o8h.com@sha512:{F128}", "xn--7o8h.com", "myimage",
         "xn--7o8h.com", F128),
        # 64 hex digits are an image ID only where they are all there is.
        (f"docker.io/{HEX_NAME}", "docker.io", f"library/{HEX_NAME}", None, None),
        (f"{HEX_NAME}:1", "docker.io", f"library/{HEX_NAME}", "1", None),
        (HEX_NAME[:-1], "docker.io", f"library/{HEX_NAME[:-1]}", None, None),
        (f"{HEX_NAME}0", "docker.io", f"library/{HEX_NAME}0", None, None),
        ("thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev", "docker.io",
         "library/thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev", None, None),
    ],
)  # fmt: skip
def test_well_formed_references(
    text: str, domain: str, path: str, tag: str | None, digest: str | None
) -> None:
    reference = DockerReference.parse(text)
    assert (reference.domain, reference.path, reference.tag) == (domain, path, tag)
    assert reference.name == f"{domain}/{path}"
    assert (reference.digest.hex if reference.digest else None) == digest
    assert DockerReference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("redis", "docker.io/library/redis"),
        ("redis:latest", "docker.io/library/redis:latest"),
        (f"busybox:latest@sha256:{F64}", f"docker.io/library/busybox:latest@sha256:{F64}"),
        (f"dmcgowan/myapp@sha256:{F64}", f"docker.io/dmcgowan/myapp@sha256:{F64}"),
        ("index.docker.io/library/ubuntu-12.04-base", "docker.io/library/ubuntu-12.04-base"),
        ("127.0.0.1:8000/private/moonbase", "127.0.0.1:8000/private/moonbase"),
        ("FOO/bar", "FOO/bar"),
    ],
)
def test_references_print_in_full(text: str, printed: str) -> None:
    assert str(DockerReference.parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        (":justtag", "it has no repository name"),
        (f"@sha256:{F64}", "it has no repository name"),
        ("docker.io/", "it has no repository name"),
        ("docker/", 'the repository "docker/" is malformed'),
        ("foo.com/", "it has no repository name"),
        # Repositories.
        ("Uppercase:tag", 'the repository "Uppercase" must be in lower case'),
        ("docker/Docker", 'the repository "docker/Docker" must be in lower case'),
        ("docker.io/library/Docker", 'the repository "Docker" must be in lower case'),
        ("test:5000/Uppercase/lowercase:tag", "must be in lower case"),
        ("Foo/FarB", 'the repository "FarB" must be in lower case'),
        ("aa/asdf$$^/aa", 'the repository "aa/asdf$$^/aa" is malformed'),
        ("-docker", "the repository"),
        ("docker-/docker", "the repository"),
        ("docker///docker", "the repository"),
        ("a//a/a", "the repository"),
        ("a/a/a/a/", "the repository"),
        ("/a", "the repository"),
        ("____/____", "the repository"),
        ("_docker/_docker", "the repository"),
        ("dock..er/docker", "the domain"),
        ("dock_.er/docker", "the domain"),
        ("dock-.er/docker", "the domain"),
        ("a___b/docker", "the repository"),
        ("example.com/..dots/myimage", "the repository"),
        ("example.com/.dots/myimage", "the repository"),
        ("example.com/__underscore/myimage", "the repository"),
        ("foo/bar-", "the repository"),
        ("a:b:c", "the repository"),
        ("app ", "the repository"),
        (" app", "the repository"),
        ("app\n", r'the repository "app\n" is malformed'),
        ("app\0", "the repository"),
        ("äpp", "the repository"),
        ("app٣", "the repository"),
        ("[2001:db8::1]", "the tag"),
        ("[fc00::1]:5000", "the repository"),
        (HEX_NAME, "64 hex digits are an image ID"),
        # Domains.
        ("https://github.com/docker/docker", 'the domain "https:" is malformed'),
        ("-docker.io/docker/docker", 'the domain "-docker.io" is malformed'),
        ("ab-.com/a", "the domain"),
        ("ab.-com/a", "the domain"),
        ("docker./docker", "the domain"),
        (".docker/docker", "the domain"),
        ("do..cker/docker", "the domain"),
        ("foo.com:http/bar", "the domain"),
        ("test.com:/bar", "the domain"),
        ("bad_hostname.com:8080/myapp:tag", "the domain"),
        ("do__cker:8080/docker", "the domain"),
        ("fc00::1:5000/debian", "the domain"),
        ("[fd00:1:2::3]75050/a", "the domain"),
        ("[fd00:1:2::3]::75050/a", "the domain"),
        ("[fe80::1%eth0]:5000/debian", "the domain"),
        ("[2001:db8:3:4::192.0.2.33]:5000/debian", "the domain"),
        ("Ä/app", "the domain"),
        ("Foo\n/bar", "the domain"),
        # Tags.
        ("app:", 'the tag "" is malformed'),
        ("app:-foo", 'the tag "-foo" is malformed'),
        ("app:.foo", 'the tag ".foo" is malformed'),
        ("registry.com:8080/myapp:invalid~tag", 'the tag "invalid~tag" is malformed'),
        ("app:1\n", r'the tag "1\n" is malformed'),
        ("app:ä", "the tag"),
        ("app:٣", "the tag"),
        ("app:" + "a" * 129, "its tag has 129 characters, 128 are allowed"),
        # Digests.
        ("app@", 'the digest "": not a digest'),
        ("app@sha256:abc", 'the digest "sha256:abc": a sha256 digest has 64 hex digits, not 3'),
        (f"app@sha256:{F64}\n", "not a digest"),
        (f"app@sha256:{F64.upper()}", "not a digest"),
        (f"app@sha256:{F64}@sha256:{F64}", "not a digest"),
        (f"app@sha256:{F64}:tag", "not a digest"),
        ("repo@sha256:ffffffffffffffffffffffffffffffffff", "has 64 hex digits, not 34"),
        (f"validname@invaliddigest:{F64}", "digest algorithm invaliddigest is unsupported"),
        ("registry.com:8080/myapp@2bad", "not a digest"),
        ("[fe80::1%@invalidzone]:5000/repo", "not a digest"),
        ("app@-1", 'the digest "-1": not a digest'),
    ],
)  # fmt: skip
def test_malformed_references(text: str, problem: str) -> None:
    with pytest.raises(InvalidReference, match=re.escape(problem)) as caught:
        DockerReference.parse(text)
    assert caught.value.text == text
    assert str(caught.value).isprintable()


def test_a_tag_of_128_characters_passes() -> None:
    tag = "_" + "a" * 127
    assert DockerReference.parse(f"app:{tag}").tag == tag


@pytest.mark.parametrize("prefix", ["", "example.com/"])
def test_a_repository_of_255_characters_passes_and_one_of_256_fails(prefix: str) -> None:
    longest = "a/" * 127 + "a"
    assert DockerReference.parse(f"{prefix}{longest}:tag-puts-this-over-max").path == longest
    with pytest.raises(InvalidReference, match="longer than 255 characters"):
        DockerReference.parse(f"{prefix}{longest}a")


def test_the_part_that_normalising_adds_counts_for_the_length() -> None:
    assert len(DockerReference.parse("a" * 247).path) == 255
    with pytest.raises(InvalidReference, match="longer than 255 characters"):
        DockerReference.parse("a" * 248)


def test_tagged_adds_the_default_tag_only_to_a_bare_name() -> None:
    assert str(DockerReference.parse("app").tagged()) == "docker.io/library/app:latest"
    for text in ("app:1", f"app@sha256:{F64}", f"app:1@sha256:{F64}"):
        reference = DockerReference.parse(text)
        assert reference.tagged() == reference


@pytest.mark.parametrize("hostile", ["a" * 50_000 + "!", "a-" * 50_000, "A." * 50_000 + "/a-"])
def test_a_long_text_takes_no_long_time(hostile: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidReference):
        DockerReference.parse(hostile)
    assert time.process_time() - start < 1


words = st.text("az09", min_size=1, max_size=3)
labels = st.sampled_from(["a", "Z9", "a-b", "x--y"])
components = st.builds("{}{}{}".format, words, st.sampled_from(["", "_", "__", "-", "---"]), words)
domains = st.one_of(
    st.sampled_from(["docker.io", "index.docker.io", "localhost", "[::1]", "[2001:db8::1]"]),
    st.lists(labels, min_size=2, max_size=4).map(".".join),
)
ports = st.sampled_from(["", ":0", ":5000", ":99999"])
tags = st.text("azAZ09_", min_size=1, max_size=1).flatmap(
    lambda first: st.text("azAZ09_.-", max_size=127).map(lambda rest: first + rest)
)
digests = st.binary(max_size=4).map(Digest.of)


@st.composite
def references(draw: st.DrawFn) -> str:
    text = "/".join(draw(st.lists(components, min_size=1, max_size=4)))
    if draw(st.booleans()):
        text = f"{draw(domains)}{draw(ports)}/{text}.{draw(words)}"
    if draw(st.booleans()):
        text += f":{draw(tags)}"
    if draw(st.booleans()):
        text += f"@{draw(digests)}"
    return text


@given(references())
def test_what_is_printed_parses_to_an_equal_reference(text: str) -> None:
    reference = DockerReference.parse(text)
    assert DockerReference.parse(str(reference)) == reference
    assert str(DockerReference.parse(str(reference))) == str(reference)


@given(st.text(alphabet="aAz09.:/@_-[]% \n\0é", max_size=12))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        reference = DockerReference.parse(text)
    except InvalidReference:
        return
    assert DockerReference.parse(str(reference)) == reference
