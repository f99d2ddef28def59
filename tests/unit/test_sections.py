"""A page of several authors keeps what each wrote."""

from tests.tools.sections import section_of, with_section

PAGE = "# All\n\n## One\n\nfirst\n\n### Below\n\n## Two\n\nsecond\n"


def test_sections_are_found_and_replaced() -> None:
    assert section_of(PAGE, "One") == "## One\n\nfirst\n\n### Below\n\n"
    assert section_of(PAGE, "Two") == "## Two\n\nsecond\n"
    assert section_of(PAGE, "Three") == ""
    more = with_section(PAGE, "Three", "## Three\n\nthird\n\n", before="Two")
    assert more == PAGE.replace("## Two", "## Three\n\nthird\n\n## Two")
    assert with_section(more, "Three", "", before="Two") == PAGE
