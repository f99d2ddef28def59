"""How each CI system reads what a step hands on, as its documentation or source describes it."""

import re
from collections.abc import Iterable, Mapping


def apolo(printed: Iterable[str]) -> Mapping[str, str]:
    """Apolo-Flow: commands at the beginning of a line, blanks around it ignored."""
    found = {}
    for line in "\n".join(printed).encode().splitlines():
        if match := re.fullmatch(rb"::\s*set-output\s+name\s*=\s*([A-Za-z][A-Za-z0-9_]*)\s*::(.+)", line.strip()):
            found[match[1].decode()] = match[2].decode()
    return found


def github(text: str) -> Mapping[str, str]:
    """The runner: ``name=value``, or ``name<<MARK`` and lines up to the mark."""
    found = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, mark = line.split("<<", 1)
            value = []
            for one in lines:
                if one == mark:
                    break
                value.append(one)
            else:
                raise AssertionError(f"no {mark}")
            found[name] = "\n".join(value)
        else:
            name, _, rest = line.partition("=")
            found[name] = rest
    return found


def dotenv(text: str) -> Mapping[str, str]:
    """GitLab: up to the first ``=``, blanks around both sides cut; anything else is an error."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(.*?)=(.*)", line)
        assert match is not None, line
        assert re.fullmatch(r"[A-Za-z0-9_]+", match[1].strip()), line
        found[match[1].strip()] = match[2].strip()
    return found


def azure(printed: Iterable[str]) -> Mapping[str, str]:
    """The agent: a command anywhere in a line; outputs of the step as ``step.NAME``."""
    found = {}
    for line in "\n".join(printed).splitlines():
        match = re.search(r"##vso\[task\.setvariable ([^\]]*)\](.*)", line)
        if match is None:
            continue
        properties = dict(one.split("=", 1) for one in match[1].split(";") if one)
        name = properties["variable"] if properties.get("isOutput") != "true" else f"step.{properties['variable']}"
        found[name] = match[2].replace("%0D", "\r").replace("%0A", "\n").replace("%AZP25", "%")
    return found


def properties(text: str) -> Mapping[str, str]:
    """``java.util.Properties.load``: Latin-1, escapes, continued lines, comments."""
    found = {}
    pending = ""
    for line in text.encode().decode("latin-1").split("\n"):
        line = pending + line.lstrip(" \t\f")
        if len(line) - len(line.rstrip("\\")) & 1:
            pending = line[:-1]
            continue
        pending = ""
        if not line or line[0] in "#!":
            continue
        key = re.match(r"(?:\\.|[^\\=: \t\f])*", line)
        assert key is not None
        rest = re.sub(r"^[ \t\f]*[=:]?[ \t\f]*", "", line[key.end() :])
        found[_unescaped(key[0])] = _unescaped(rest)
    return found


def _unescaped(text: str) -> str:
    plain = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}

    def one(match: re.Match[str]) -> str:
        return chr(int(match[1][1:], 16)) if len(match[1]) == 5 else plain.get(match[1], match[1])

    units = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text)
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
