"""What looks like a secret, so that no fact ever carries one."""

import re
from collections.abc import Mapping
from typing import Final

_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|ACCOUNT_?KEY|PRIVATE_?KEY|SAS_?URL|PASSED_CONFIG",
    re.IGNORECASE,
)
_SHORTEST: Final = 8
"""Shorter values of secret variables mask nothing: they are part of too many words."""

_SHAPES = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|gl(?:pat|cbt|dt|rt|ptt|oas)-[A-Za-z0-9_.-]{16,255}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abeprs]-[A-Za-z0-9-]{10,255}|AIza[A-Za-z0-9_-]{30,64}|hf_[A-Za-z0-9]{30,64}"
    r"|npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{50,255}|sk-[A-Za-z0-9_-]{20,255}|bk[uac]a_[A-Za-z0-9]{20,64}"
    r"|dckr_pat_[A-Za-z0-9_-]{20,64}|eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,4096}(?:\.[A-Za-z0-9_-]{0,1024})?"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----"
)


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret: a job or branch may have been named after one."""
    return frozenset(value for name, value in environ.items() if len(value) >= _SHORTEST and _NAME.search(name))


def without_tokens(text: str, mask: str) -> str:
    """`text` with `mask` in place of what has the shape of a well-known provider's token or of a private key."""
    return _SHAPES.sub(mask, text)
