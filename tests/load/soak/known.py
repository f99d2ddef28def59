"""Faults of the product that are known and not mended yet. Each goes with the commit that mends it."""

from tests.load.soak.oracle import Place

READERS = ("download", "verify", "look")


def blames_the_bytes(kind: str, code: int, place: Place | None) -> bool:
    """A reader beside an ``--overwrite`` that is not recorded yet is told 7, where 5 were right."""
    return code == 7 and kind in READERS and place is not None and (bool(place.may) or place.unrecorded)


def took_its_alias_back(place: Place) -> bool:
    """The record of an upload that is told late takes the alias from what overwrote it meanwhile."""
    return place.late


def outlived_its_artifact(place: Place | None) -> bool:
    """A download that was stopped leaves its staging directory for a later try. When the artifact is replaced or
    removed before that, the later try uses another or none, and this one stays."""
    return place is not None and (len(place.sent) > 1 or None in place.now)
