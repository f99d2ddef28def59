"""Attestations: right ones are accepted, by openssl too; wrong keys, digests and bytes end with exit code 7."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ci.samples import SAMPLES, SHA
from tests.unit.cli import schemas
from tests.unit.cli.samples import artifact, run
from wabucketref.ci.attestation import dsse, keys
from wabucketref.ci.attestation.statement import check_subject, digest_set, payload, statement
from wabucketref.cli.main import main
from wabucketref.errors import IntegrityError, SettingsError, UsageError

KINDS: dict[str, Callable[[], Any]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
}
PEM = serialization.Encoding.PEM


def write_keys(place: Path, key: Any, password: bytes | None = None, name: str = "key") -> tuple[str, str]:
    """(private, public) files."""
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private, public = place / f"{name}.pem", place / f"{name}.pub"
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, how))
    public.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return str(private), str(public)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_signs_and_verifies(tmp_path: Path, kind: str) -> None:
    private, public = write_keys(tmp_path, KINDS[kind]())
    signer, verifier = keys.private_key(private, {}), keys.public_key(public)
    assert signer.keyid == verifier.keyid
    made = dsse.envelope(b'{"a": 1}', signer)
    assert dsse.opened(json.dumps(made).encode(), verifier) == b'{"a": 1}'
    _, other = write_keys(tmp_path, KINDS[kind](), name="other")
    with pytest.raises(IntegrityError, match="no signature of the key"):
        dsse.opened(json.dumps(made).encode(), keys.public_key(other))


def test_openssl_agrees(tmp_path: Path) -> None:
    """The signature is over DSSE's encoding of type and payload, written here by hand."""
    private, public = write_keys(tmp_path, KINDS["ed25519"]())
    made = dsse.envelope(b"hello", keys.private_key(private, {}))
    (tmp_path / "message").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 5 hello")
    (tmp_path / "sig").write_bytes(base64.b64decode(made["signatures"][0]["sig"]))
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin"]
    ran = subprocess.run([*words, "-in", tmp_path / "message", "-sigfile", tmp_path / "sig"], capture_output=True)
    assert ran.returncode == 0, ran.stderr


def test_encrypted_keys(tmp_path: Path) -> None:
    private, _ = write_keys(tmp_path, KINDS["ed25519"](), b"s3cret")
    assert keys.private_key(private, {keys.PASSWORD: "s3cret"}).keyid
    with pytest.raises(UsageError, match="is encrypted"):
        keys.private_key(private, {})
    with pytest.raises(UsageError, match="no private key") as wrong:
        keys.private_key(private, {keys.PASSWORD: "other"})
    assert "s3cret" not in str(wrong.value)
    plain, _ = write_keys(tmp_path, KINDS["ed25519"](), name="plain")
    with pytest.raises(UsageError, match="is not encrypted"):
        keys.private_key(plain, {keys.PASSWORD: "s3cret"})


def test_keys_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = write_keys(tmp_path, rsa.generate_private_key(65537, 2048))
    for read in (lambda: keys.private_key(private, {}), lambda: keys.public_key(public)):
        with pytest.raises(UsageError, match="of another kind"):
            read()
    odd, odd_public = write_keys(tmp_path, ec.generate_private_key(ec.SECP256K1()), name="odd")
    with pytest.raises(UsageError, match="of another kind"):
        keys.private_key(odd, {})
    with pytest.raises(UsageError, match="no public key"):
        keys.public_key(odd)
    with pytest.raises(UsageError, match="no private key"):
        keys.private_key(odd_public, {})
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    with pytest.raises(UsageError, match="more than 65536 bytes"):
        keys.public_key(tmp_path / "big")
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(SettingsError, match="not installed") as missing:
        keys.public_key(public)
    assert missing.value.hint == "pip install 'wabucketref[attest]'"


def test_the_statement() -> None:
    job = {**SAMPLES["github"].facts, "cicd.provider": "github"}
    made = run(job=job, config={"lr": 0.1, "loss": float("nan"), "job": {"x": 1}})
    found = json.loads(payload(statement(artifact(), made, [artifact(name="raw", alias="1")])))
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["subject"] == [{"name": "dataset/cats:first", "digest": {"blake3": "ab" * 32}}]
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    assert definition["externalParameters"]["arguments"] == {"lr": 0.1, "loss": "NaN"}
    assert definition["internalParameters"]["job"]["cicd.pipeline.run.id"] == "77"
    source, used = definition["resolvedDependencies"]
    assert source == {"uri": "git+https://github.com/team/models@topic", "digest": {"gitCommit": SHA}}
    assert (used["name"], used["digest"]) == ("dataset/raw:1", {"blake3": "ab" * 32})
    assert details["builder"]["id"] == "urn:wabucketref:builder:github"
    assert details["metadata"]["invocationId"] == "https://github.com/team/models/actions/runs/77"
    assert details["metadata"]["startedOn"].endswith("+00:00")


def test_an_artifact_whose_run_is_not_known() -> None:
    found = statement(artifact(), None, [])
    assert found["predicate"]["runDetails"]["builder"]["id"] == "urn:wabucketref:builder:unknown"
    assert check_subject(payload(found), artifact())["subject"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"\xff", b'{"_type": "x", "subject": []}',
        b'{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": {}}]}',
        b'{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": "ab"}]}',
        b'{"_type": "https://in-toto.io/Statement/v1", "subject": {}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_statements_that_are_none(body: bytes) -> None:
    with pytest.raises(IntegrityError):
        check_subject(body, artifact())


def test_an_artifact_without_a_digest_is_never_right() -> None:
    body = payload(statement(artifact(), None, []))
    with pytest.raises(IntegrityError):
        check_subject(body, artifact(digest=None))
    assert digest_set("sha256:ab") == {"sha256": "ab"}


class Anything:
    keyid = "k" * 64

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return False


@given(st.binary(max_size=200) | st.from_regex(rb'\{"payload[a-zA-Z]{0,4}": .{0,40}\}'))
def test_envelopes_that_are_none(text: bytes) -> None:
    with pytest.raises(IntegrityError):
        dsse.opened(text, Anything())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WABUCKET_TRACKER", "embedded")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("alpha")
    assert main(["upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", "-q"]) == 0
    write_keys(tmp_path, KINDS["p256"]())
    write_keys(tmp_path, KINDS["p256"](), name="other")
    assert main(["attest", "dataset/cats:latest", "--key", "key.pem", "-o", "sub/cats.json"]) == 0
    return tmp_path


CHECK = ["verify", "dataset/cats:one", "--attestation", "sub/cats.json", "--key"]


def test_on_the_command_line(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main([*CHECK, "key.pub", "--deep", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    schemas.check("verify", found)
    assert found["attestation"]["digest"] == found["artifact"]["digest"]
    assert main(["attest", "dataset/cats:one", "--key", "key.pem", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    schemas.check("attest", document)
    assert document["keyid"] == found["attestation"]["keyid"]
    signed = json.loads(base64.b64decode(document["envelope"]["payload"]))
    assert signed["subject"][0]["name"] == "dataset/cats:one"
    assert main(["attest", "dataset/cats:one", "--key", "key.pem"]) == 0
    assert json.loads(capsys.readouterr().out)["payloadType"] == "application/vnd.in-toto+json"


@pytest.mark.row("X2")
def test_wrong_key_tampered_payload_other_content(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CHECK, "other.pub"]) == 7
    assert "no signature of the key" in capsys.readouterr().err
    envelope = json.loads(Path("sub/cats.json").read_text())
    body = json.loads(base64.b64decode(envelope["payload"]))
    body["predicate"]["buildDefinition"]["externalParameters"]["entity"] = "mallory"
    Path("tampered.json").write_text(
        json.dumps(envelope | {"payload": base64.b64encode(json.dumps(body).encode()).decode()})
    )
    assert main(["verify", "dataset/cats:one", "--attestation", "tampered.json", "--key", "key.pub"]) == 7
    Path("typed.json").write_text(json.dumps(envelope | {"payloadType": "text/plain"}))
    assert main(["verify", "dataset/cats:one", "--attestation", "typed.json", "--key", "key.pub"]) == 7
    Path("data/a").write_text("replaced")
    assert main(["upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", "--overwrite", "-q"]) == 0
    assert main([*CHECK, "key.pub"]) == 7
    assert "on other content: dataset/cats:one" in capsys.readouterr().err


@pytest.mark.row("X2")
def test_what_the_tracker_does_not_know_is_checked_against_the_bucket(
    desk: Path, monkeypatch: pytest.MonkeyPatch, isolated_environment: Path
) -> None:
    bucket = next(isolated_environment.rglob("buckets/demo"))
    monkeypatch.setenv("WABUCKET_HOME", str(desk / "home"))
    monkeypatch.setenv("WABUCKET_BUCKET", f"file://{bucket}")
    assert main([*CHECK, "key.pub"]) == 0
    assert main([*CHECK, "other.pub"]) == 7
    (bucket / "dataset" / "cats" / "one" / "a").write_text("alphb")
    assert main([*CHECK, "key.pub", "--deep"]) == 7


def test_files_that_are_missing_and_options_that_need_each_other(desk: Path) -> None:
    assert main(["attest", "dataset/cats:one", "--key", "none.pem"]) == 3
    assert main(["attest", "dataset/cats:two", "--key", "key.pem"]) == 3
    assert main(["attest", "dataset/cats:one", "--key", "key.pem", "-o", "data/a/x"]) == 5
    assert main([*CHECK, "none.pub"]) == 3
    assert main(["verify", "dataset/cats:one", "--attestation", "none.json", "--key", "key.pub"]) == 3
    assert main(["verify", "dataset/cats:one", "--attestation", "data/a", "--key", "key.pub"]) == 7
    assert main(CHECK[:-1]) == 2
    assert main(["verify", "--all", "--attestation", "sub/cats.json", "--key", "key.pub"]) == 2
    assert main(["attest", "dataset/cats:one"]) == 2
