"""Artifacts and their files as text."""

import json
from collections.abc import Iterable, Iterator, Sequence

from wabucketref.cli.render.text import count, fields, long_table, moment, printable, size, table
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.manifest import Entry
from wabucketref.model.result import VerifyResult


def artifact_table(artifacts: Sequence[ArtifactInfo]) -> list[str]:
    """One line a version; nothing for none."""
    if not artifacts:
        return []
    rows = [
        (str(one.ref), one.version or "", also(one), str(one.files), size(one.bytes), moment(one.created))
        for one in artifacts
    ]
    return table(("ARTIFACT", "VERSION", "ALSO", "FILES", "SIZE", "CREATED"), rows, right=frozenset({3, 4}))


def also(artifact: ArtifactInfo) -> str:
    """Its names besides the first alias."""
    return " ".join(name for name in artifact.aliases if name != artifact.alias)


def artifact_fields(artifact: ArtifactInfo) -> list[str]:
    """All that is known of one version."""
    return fields(
        [
            ("artifact", str(artifact.ref)),
            ("version", artifact.version or "not known to the tracker"),
            ("also", also(artifact)),
            ("files", str(artifact.files)),
            ("size", size(artifact.bytes) + (f" ({artifact.bytes} B)" if artifact.bytes >= 1024 else "")),
            ("digest", artifact.digest or "none: an upload of an earlier release, which cannot be verified"),
            ("uri", artifact.uri),
            ("linked", "yes: the files lie elsewhere in the bucket" if artifact.linked else ""),
            ("created", moment(artifact.created)),
            *((f"metadata {printable(key)}", value_text(value)) for key, value in artifact.metadata.items()),
        ]
    )


def value_text(value: object) -> str:
    """A value of config, summary or metadata: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def file_lines(files: Iterable[Entry]) -> Iterator[str]:
    """One line a file, under headings; an empty directory ends with a slash. Goes over `files` twice."""

    def rows() -> Iterator[Sequence[str]]:
        for one in files:
            yield (f"{one.path}/", "", "") if one.type == "directory" else (one.path, str(one.size), one.digest)

    return long_table(("PATH", "BYTES", "DIGEST"), rows, right=frozenset({1}))


def verify_lines(result: VerifyResult) -> list[str]:
    """What was checked, then every damage."""
    how = "every byte read" if result.deep else "presence and sizes"
    state = f"{count(len(result.damage), 'file')} damaged" if result.damage else "ok"
    lines = [f"{result.artifact.ref}: {state} ({count(result.files, 'file')}, {size(result.bytes)}, {how})"]
    if result.attestation:
        lines.append(f"  attested with the key {result.attestation.keyid}")
    for one in result.damage:
        lines.append(printable(f"  {one.path}: {one.problem}, expected {one.expected}, found {one.found}"))
    lines += [printable(f"  {path}: not in the manifest") for path in result.extra]
    return lines
