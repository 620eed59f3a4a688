"""Digests: exactly those of the OCI image specification, and nothing that could be a path."""

import hashlib

import pytest

from imgcopy_core_stubs import Digest

# Of b"abc": FIPS 180-2, appendices B.1, C.1 and D.1.
ABC = {
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
    "8086072ba1e7cc2358baeca134c825a7",
    "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
}
HEX = ABC["sha256"]


@pytest.mark.parametrize("algorithm", ABC)
def test_a_digest_parses_prints_and_hashes(algorithm: str) -> None:
    text = f"{algorithm}:{ABC[algorithm]}"
    digest = Digest.parse(text)
    assert (digest.algorithm, digest.hex) == (algorithm, ABC[algorithm])
    assert str(digest) == text
    assert Digest.of(b"abc", algorithm) == digest


def test_sha256_is_the_default() -> None:
    assert str(Digest.of(b"abc")) == f"sha256:{HEX}"
    assert str(Digest.of(b"")) == f"sha256:{hashlib.sha256().hexdigest()}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a digest"),
        ("sha256", "not a digest"),
        (":", "not a digest"),
        ("sha256:", "not a digest"),
        (HEX, "not a digest"),
        (f":{HEX}", "not a digest"),
        (f"sha256:{HEX}\n", "not a digest"),
        (f"\nsha256:{HEX}", "not a digest"),
        (f"sha256:{HEX.upper()}", "not a digest"),
        (f"SHA256:{HEX}", "not a digest"),
        (f"sha256: {HEX[1:]}", "not a digest"),
        (f"sha256:{HEX[:-1]}g", "not a digest"),
        (f"sha256:{HEX[:-1]}٣", "not a digest"),
        ("sha256:../../../../../../etc/passwd", "not a digest"),
        (f"sha256:../{HEX[3:]}", "not a digest"),
        (f"sha256:{HEX[:-1]}\0", "not a digest"),
        (f"sha256+b64u:{HEX}", "not a digest"),
        (f"{'a' * 33}:{HEX}", "not a digest"),
        ("sha256:abc", "a sha256 digest has 64 hex digits, not 3"),
        (f"sha256:{HEX}0", "a sha256 digest has 64 hex digits, not 65"),
        (f"sha512:{HEX}", "a sha512 digest has 128 hex digits, not 64"),
        ("md5:900150983cd24fb0d6963f7d28e17f72", "digest algorithm md5 is unsupported"),
        (f"sha3:{HEX}", "known: sha256, sha384, sha512"),
    ],
)
def test_what_is_no_digest(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Digest.parse(text)


def test_digests_are_values() -> None:
    digest = Digest.parse(f"sha256:{HEX}")
    assert digest == Digest("sha256", HEX)
    assert len({digest, Digest("sha256", HEX), Digest.of(b"")}) == 2
