"""Attestations are read by in-toto's own libraries, which take long to install."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.unit.ci.test_attestation import write_keys
from wabucketref.cli.main import main

READ = """
import base64, json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

text = open(sys.argv[1]).read()
keyid = json.loads(text)["signatures"][0]["keyid"]
key = SSlibKey.from_crypto(load_pem_public_key(open(sys.argv[2], "rb").read()), keyid=keyid)
assert list(Envelope.from_dict(json.loads(text)).verify([key], 1)) == [keyid]
body = json.loads(base64.b64decode(json.loads(text)["payload"]))
Statement.copy_from_pb(json_format.ParseDict(body, statement_pb2.Statement())).validate()
json_format.ParseDict(body["predicate"], provenance_pb2.Provenance())  # refuses fields that it does not know
"""


@pytest.mark.timeout(900)
def test_in_totos_libraries_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    libraries = ["in-toto-attestation>=0.9", "securesystemslib[crypto]>=1.2"]
    subprocess.run([place / "bin" / "pip", "install", "--quiet", *libraries], check=True)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WABUCKET_TRACKER", "embedded")
    for name, value in {"GITLAB_CI": "true", "CI_JOB_ID": "6", "CI_COMMIT_SHA": "4f1c" * 10}.items():
        monkeypatch.setenv(name, value)
    private, public = write_keys(tmp_path, ed25519.Ed25519PrivateKey.generate())
    (tmp_path / "data").write_text("alpha")
    assert main(["upload", str(tmp_path / "data"), "-n", "cats", "-t", "dataset", "-a", "one"]) == 0
    output = str(tmp_path / "attestation.json")
    assert main(["attest", "dataset/cats:one", "--key", private, "-o", output]) == 0
    ran = subprocess.run([place / "bin" / "python", "-c", READ, output, public], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
