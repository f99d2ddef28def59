"""The matrix of reliability, its tests and its page agree."""

from pathlib import Path

import pytest

from tests.faults.rows import families, rows, shown
from tests.tools import reliability
from tests.tools.generate import DOCS


def test_the_page_is_up_to_date() -> None:
    text = (DOCS / reliability.PAGE).read_text(encoding="utf-8")
    assert text == reliability.page(), "run `python -m tests.tools.reliability`"


def test_marks_name_rows() -> None:
    known = rows()
    assert [mark for mark in shown() if mark.row not in known] == []


def test_every_row_is_shown_or_says_what_is_open() -> None:
    tested = {mark.row for mark in shown()}
    assert [row.id for row in rows().values() if row.id not in tested and not row.open] == []


def test_every_row_has_its_family_and_is_told() -> None:
    assert {name[0] for name in rows()} == set(families())
    for row in rows().values():
        assert row.case, row
        assert row.promise, row


def test_marks_are_found_wherever_pytest_takes_them(tmp_path: Path) -> None:
    """On a test, a class, a module and a parameter; not elsewhere."""
    (tmp_path / "test_all.py").write_text(
        "pytestmark = pytest.mark.row('A1')\n"
        "@pytest.mark.row('B2', 'B3')\ndef test_one(): ...\n"
        "@pytest.mark.row('C4')\nclass TestIt:\n    async def test_two(self): ...\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.row('D5'))])\ndef test_three(x): ...\n"
        "@pytest.mark.row('E6')\ndef helper(): ...\n",
    )
    (tmp_path / "other.py").write_text("@pytest.mark.row('F7')\ndef test_none(): ...\n")
    found = {(mark.row, mark.test) for mark in shown(tmp_path)}
    assert found == {
        *(("A1", test) for test in ("test_one", "test_two", "test_three")),
        *(("B2", "test_one"), ("B3", "test_one"), ("C4", "test_two"), ("D5", "test_three")),
    }


@pytest.mark.parametrize("mark", ["row(NAME)", "row('n1')", "row('N1 and more')"])
def test_a_mark_that_is_no_row_is_named(tmp_path: Path, mark: str) -> None:
    (tmp_path / "test_it.py").write_text(f"@pytest.mark.{mark}\ndef test_it(): ...\n")
    with pytest.raises(AssertionError, match="row"):
        shown(tmp_path)
