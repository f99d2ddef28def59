"""References: ``TYPE/NAME:ALIAS``, optionally pinned with ``@DIGEST``."""

from dataclasses import dataclass

from wabucketref.errors import IntegrityError, UsageError
from wabucketref.model.manifest import check_digest
from wabucketref.model.names import check_component


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A parsed reference to one upload. `alias` may be an alias, ``latest`` or ``vN``."""

    type: str
    name: str
    alias: str
    digest: str | None = None

    def __post_init__(self) -> None:
        check_component(self.type, "type")
        check_component(self.name, "name")
        check_component(self.alias, "alias")

    def __str__(self) -> str:
        return f"{self.type}/{self.name}:{self.alias}"

    @property
    def directory(self) -> str:
        """The artifact's directory relative to the bucket: ``type/name/alias``."""
        return f"{self.type}/{self.name}/{self.alias}"

    @classmethod
    def parse(cls, text: str) -> "ArtifactRef":
        """Read ``TYPE/NAME:ALIAS[@DIGEST]``.

        Raises:
            UsageError: with the right spelling built from the input.
        """
        body, at, digest = text.partition("@")
        slashes, colons = body.count("/"), body.count(":")
        if slashes != 1 or colons != 1 or body.index("/") > body.index(":"):
            raise UsageError(f"{text!r} is not a reference of the form TYPE/NAME:ALIAS", hint=_suggest(body))
        kind, rest = body.split("/")
        name, alias = rest.split(":")
        if not (kind and name and alias):
            raise UsageError(f"{text!r} is not a reference of the form TYPE/NAME:ALIAS", hint=_suggest(body))
        return cls(kind, name, alias, _pin(digest) if at else None)


def _pin(digest: str) -> str:
    try:
        return check_digest(digest, "the reference")
    except IntegrityError as error:
        raise UsageError(
            f"the pin {digest[:80]!r} is not a digest",
            hint="write TYPE/NAME:ALIAS@blake3: and 64 lower-case hex digits",
        ) from error


def _suggest(body: str) -> str:
    """The spelling the user probably meant."""
    artifact, _, alias = body.partition(":")
    if artifact.count("/") == 1 and ":" in alias:
        return f"an alias has no colon; write {artifact}:{alias.partition(':')[0]}"
    parts = [part for part in body.replace(":", "/").split("/") if part]
    if len(parts) >= 4:
        return f"W&B's entity/project/name:alias is not used here; write TYPE/{parts[-2]}:{parts[-1]}"
    kind, name, alias = [*parts, *("TYPE", "NAME", "ALIAS")[len(parts) :]]
    return f"write {kind}/{name}:{alias}"
