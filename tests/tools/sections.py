"""Sections of a page that are written by different programs."""

import re


def section_of(page: str, title: str) -> str:
    """The section ``## TITLE`` of `page` with all below it, empty when there is none."""
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def with_section(page: str, title: str, section: str, before: str) -> str:
    """`page` with `section` as its ``## TITLE``; a new one comes before ``## BEFORE``."""
    old = section_of(page, title)
    if old:
        return page.replace(old, section)
    head, mark, tail = page.partition(f"## {before}\n")
    return head + section + mark + tail
