import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import UsageError
from wabucketref.model.reference import ArtifactRef

names = st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=1, max_size=20).filter(
    lambda text: text.lower() not in ("con", "prn", "aux", "nul") and not text.lower().startswith(("com", "lpt"))
)
DIGEST = "blake3:" + "0a" * 32


@given(names, names, names, st.sampled_from([None, DIGEST]))
def test_what_is_written_reads_back(kind: str, name: str, alias: str, digest: str | None) -> None:
    ref = ArtifactRef(kind, name, alias, digest)
    text = f"{ref}@{digest}" if digest else str(ref)
    assert ArtifactRef.parse(text) == ref
    assert ref.directory == f"{kind}/{name}/{alias}"


@pytest.mark.row("N4")
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("model/net", "write model/net:ALIAS"),
        ("net", "write net/NAME:ALIAS"),
        ("", "write TYPE/NAME:ALIAS"),
        ("model/net:", "write model/net:ALIAS"),
        ("/net:v1", "write net/v1:ALIAS"),
        ("model/:v1", "write model/v1:ALIAS"),
        ("model:net:v1", "write model/net:v1"),
        ("model/net/v1", "write model/net:v1"),
        ("model:net/v1", "write model/net:v1"),
        ("model/net:a:b", "write model/net:a"),
        ("team/project/net:v0", "write TYPE/net:v0"),
    ],
)
def test_n4_hint_has_the_right_spelling(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is not a reference of the form TYPE/NAME:ALIAS") as caught:
        ArtifactRef.parse(text)
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


@pytest.mark.row("N1")
@pytest.mark.parametrize("text", ["model/net:..", "mo del/net:a", "model/.wabucket:a", "model/net:a\n", "CON/net:a"])
def test_n1_parts_follow_the_rules_for_names(text: str) -> None:
    with pytest.raises(UsageError):
        ArtifactRef.parse(text)


@pytest.mark.parametrize("pin", ["", "x", "sha256:" + "0" * 64, DIGEST.upper(), DIGEST[:-1], DIGEST + "@x"])
def test_pin_must_be_a_whole_digest(pin: str) -> None:
    with pytest.raises(UsageError, match="is not a digest"):
        ArtifactRef.parse(f"model/net:v1@{pin}")


@pytest.mark.row("N4")
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        ref = ArtifactRef.parse(text)
    except UsageError:
        return
    assert text.split("@")[0] == str(ref)
