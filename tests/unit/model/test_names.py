import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import IntegrityError, UsageError
from wabucketref.model.names import (
    check_component,
    check_manifest_path,
    check_new_alias,
    check_project,
    explain_paths,
    path_problem,
    version_number,
)

ALLOWED = string.ascii_letters + string.digits + "_.-"
DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE | re.DOTALL)


def is_a_name(text: str) -> bool:
    """The rule in its own words, to compare with."""
    return (
        0 < len(text) <= 128
        and set(text) <= set(ALLOWED)
        and not text.endswith(".")
        and not text.lower().startswith(".wabucket")
        and not DEVICES.fullmatch(text)
    )


def accepts(text: str) -> bool:
    try:
        return check_component(text, "name") == text
    except UsageError:
        return False


@pytest.mark.row("N1")
@given(
    st.text(alphabet=ALLOWED, max_size=140) | st.text(max_size=10) | st.from_regex(r"\.[wW]abucket.*", fullmatch=True)
)
def test_n1_exactly_the_names_of_the_rule_pass(text: str) -> None:
    assert accepts(text) == is_a_name(text)


@pytest.mark.row("N1", "N3")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "type is empty"),
        ("x" * 129, "type has 129 characters"),
        ("a/b", r"U\+002F"),
        ("a b", r"U\+0020"),
        ("ä", r"U\+00E4"),
        ("a\0b", r"U\+0000"),
        ("a\n", r"U\+000A"),
        ("\udcff", r"U\+DCFF"),
        (".", "means a directory|is not a name"),
        ("..", "is not a name"),
        (".wabucket", r"starts with \.wabucket"),
        (".WaBucket-x", r"starts with \.wabucket"),
        ("x.", "ends with a dot"),
        ("CON", "device name"),
        ("nul.txt", "device name"),
        ("COM1", "device name"),
    ],
)
def test_n1_n3_messages_name_field_rule_and_character(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        check_component(text, "type")
    assert caught.value.message.startswith("type ")
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["-x", "x" * 128, ".hidden", "a.b", "console", "com10", "V1", "v1-rc", "_", "0"])
def test_names_that_look_odd_but_are_fine(text: str) -> None:
    assert check_component(text, "name") == text


@pytest.mark.row("N2")
def test_n2_latest_is_reserved_and_versions_are_known() -> None:
    with pytest.raises(UsageError, match="'latest' is reserved"):
        check_new_alias("latest")
    assert check_new_alias("Latest") == "Latest"
    assert check_new_alias("v12") == "v12"
    found = {text: version_number(text) for text in ("v0", "v12", "V1", "v1-rc", "v01", "v", "v-1", "v1\n", "v١")}
    assert found == {"v0": 0, "v12": 12} | dict.fromkeys(("V1", "v1-rc", "v01", "v", "v-1", "v1\n", "v١"))
    assert version_number("v" + "9" * 127) is not None


@given(st.text(max_size=140))
def test_projects_follow_the_rule_of_wandb(text: str) -> None:
    bad = set("/\\#?%:") & set(text) or any(unicodedata.category(one) in ("Cc", "Cs") for one in text)
    if not text.strip() or len(text) > 128 or bad:
        with pytest.raises(UsageError):
            check_project(text)
    else:
        assert check_project(text) == text


def test_project_with_punctuation() -> None:
    assert check_project("my-w&b-project") == "my-w&b-project"


@pytest.mark.row("H1")
@pytest.mark.parametrize(
    "path",
    [
        "", "/x", "../x", "a/../../x", "a/..", ".", "./a", "a/.", "a//b", "a/", "a\0b", "a\nb", "a\tb", "\udcff",
        ".wabucket", ".wabucket/manifest.json", ".WABUCKET/x", "x" * 256, "é" * 128, "a/" * 2048 + "a", "e\u0301",
    ],
)  # fmt: skip
def test_h1_paths_that_are_refused(path: str) -> None:
    assert path_problem(path)
    with pytest.raises(IntegrityError, match="the manifest of x lists the path") as caught:
        check_manifest_path(path, "the manifest of x")
    assert caught.value.exit_code == 7
    assert caught.value.message.isprintable()


@pytest.mark.row("H1")
@pytest.mark.parametrize("path", ["C:\\x", "c:/x", "\\\\host\\x", "\\x"])
def test_h1_windows_paths_are_data_in_a_source_but_refused_in_a_manifest(path: str) -> None:
    assert path_problem(path) is None
    with pytest.raises(IntegrityError, match="absolute on Windows"):
        check_manifest_path(path, "x")


@pytest.mark.parametrize(
    "path", ["a", "a/b c/é", "...", "a..b", "x" * 255, "a/.wabucket/x", ".wabucket-x", "a\\b", "a:b", "日本/語", " a "]
)
def test_paths_that_pass(path: str) -> None:
    assert path_problem(path) is None
    assert check_manifest_path(path, "x") == path


@pytest.mark.row("H1")
@given(st.text(alphabet="ab./\\ \0\n:é\u0301\udcff", max_size=20))
def test_a_path_that_passes_stays_below_its_directory(path: str) -> None:
    if path_problem(path) is None:
        parts = path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert parts[0].lower() != ".wabucket"
        assert path.encode().decode() == unicodedata.normalize("NFC", path)


@pytest.mark.row("S7")
def test_offending_paths_are_listed_escaped_and_counted() -> None:
    error = explain_paths([(f"a\n{n}", "has the character U+000A") for n in range(25)], "source /x")
    assert error.exit_code == 2
    assert r"'a\n0'" in error.message
    assert error.message.endswith("; and 5 more")
    assert error.message.isprintable()
