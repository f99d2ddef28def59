"""A file of Java properties, as Jenkins' ``readProperties`` and many other tools read them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from wabucketref.ci.files import replace, writing
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import UsageError

ENDINGS: Final = (".properties", ".env")
_VARIABLE: Final = "WABUCKET_OUTPUT_FILE"
_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


class Properties:
    """Lines ``name=value`` in the file that ``$WABUCKET_OUTPUT_FILE`` or ``--outputs-file`` names, if its name ends in
    ``.properties`` or ``.env``; lines of the same names are replaced, others stay."""

    name = "properties"
    doc = "https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return environ.get(_VARIABLE, "").endswith(ENDINGS)

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        chosen = environ.get(_VARIABLE)
        if not chosen:
            raise UsageError(f"{_VARIABLE} is not set", hint="give the file to write by --outputs-file")
        path = Path(chosen)
        values = {name: value or "" for name, value in (dict(facts.named()) | dict(facts.further())).items()}
        with writing(path, _VARIABLE):
            before = path.read_text("utf-8", errors="surrogateescape").splitlines() if path.exists() else []
        kept = [line for line in before if line.partition("=")[0].strip() not in values]
        lines = [*kept, *(f"{name}={escaped(value)}" for name, value in values.items())]
        replace(path, "".join(f"{line}\n" for line in lines), _VARIABLE)


def escaped(value: str) -> str:
    """`value` as ``java.util.Properties`` reads it back, in ASCII: it reads files as Latin-1."""
    text = "".join(_escape(character) for character in value)
    return f"\\{text}" if text.startswith(" ") else text


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


OUTPUTS = Properties()
