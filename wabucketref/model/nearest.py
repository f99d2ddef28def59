"""The known word a user probably meant."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The member of `known` most like `word`, or None when nothing is alike. Case does not count."""
    import difflib  # costs as much to import as the rest of a floor, and only errors need it

    folded = {one.casefold(): one for one in sorted(known)}
    found = difflib.get_close_matches(word[:200].casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None
