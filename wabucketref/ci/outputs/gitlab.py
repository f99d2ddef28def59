"""GitLab CI: a dotenv file, to be named under ``artifacts: reports: dotenv`` of the job."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from wabucketref.ci.files import replace, writing
from wabucketref.ci.lines import one_value
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts

FILE: Final = "wabucket.env"


class GitLab:
    """Lines ``ARTIFACT_NAME[_SUFFIX]=VALUE`` in ``$WABUCKET_DOTENV``, by default ``$CI_PROJECT_DIR/wabucket.env``.

    Names are upper case, as GitLab's own variables are, and every character outside ``A-Z 0-9 _`` becomes ``_``. A line
    of the same name from an earlier upload of the job is replaced; other lines stay.
    """

    name = "gitlab"
    doc = "https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return environ.get("GITLAB_CI") == "true" and bool(_target(environ))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        path = _target(environ) or Path(FILE)
        named = {re.sub(r"[^A-Z0-9_]", "_", name.upper()): value for name, value in facts.named().items()}
        values = {name: one_value(value, "a dotenv report") for name, value in named.items()}
        with writing(path, "WABUCKET_DOTENV"):
            before = path.read_text("utf-8", errors="surrogateescape").splitlines() if path.exists() else []
        kept = [line for line in before if line.partition("=")[0] not in values]
        lines = [*kept, *(f"{name}={value}" for name, value in values.items())]
        replace(path, "".join(f"{line}\n" for line in lines), "WABUCKET_DOTENV")


def _target(environ: Mapping[str, str]) -> Path | None:
    if chosen := environ.get("WABUCKET_DOTENV"):
        return Path(chosen)
    project = environ.get("CI_PROJECT_DIR")
    return Path(project, FILE) if project else None


OUTPUTS = GitLab()
