"""The ids that clients see: base64 of ``Kind:rest``, as W&B's own are. The SDK also writes artifacts' in hex."""

import base64
import binascii
from collections.abc import Sequence

ARTIFACT = "Artifact"
COLLECTION = "ArtifactCollection"
TYPE = "ArtifactType"
MANIFEST = "ArtifactManifest"


def public(kind: str, *parts: object) -> str:
    """The id of one thing of a kind."""
    return base64.b64encode(":".join((kind, *map(str, parts))).encode()).decode()


def number(kind: str, given: str) -> int | None:
    """The database's key in an id of `kind`, None for anything else."""
    parts = _parts(given)
    return _integer(parts[1]) if len(parts) == 2 and parts[0] == kind else None


def artifact_id(version_pk: int, draft_pk: int | None) -> str:
    """The one id of a version: that of the draft it was made from, where there was one."""
    return public(ARTIFACT, f"v{version_pk}") if draft_pk is None else draft_id(draft_pk)


def draft_id(draft_pk: int) -> str:
    """The id of what is not committed yet; it stays the version's id."""
    return public(ARTIFACT, f"d{draft_pk}")


def artifact_keys(given: str) -> tuple[int | None, int | None]:
    """(version, draft) of an artifact's id: one of them is None, both are for anything else."""
    parts = _parts(given)
    if len(parts) != 2 or parts[0] != ARTIFACT or parts[1][:1] not in ("v", "d"):
        return None, None
    pk = _integer(parts[1][1:])
    return (pk, None) if parts[1][0] == "v" else (None, pk)


def _parts(given: str) -> Sequence[str]:
    try:
        return base64.b64decode(given, validate=True).decode().split(":")
    except (binascii.Error, ValueError):
        return ()


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
