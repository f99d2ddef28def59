"""``docs/reference/ci.md`` says what contexts, outputs and their tests are."""

from tests.tools import ci_reference
from tests.tools.generate import DOCS
from tests.unit.ci.samples import SAMPLES
from wabucketref.wiring import CONTEXTS, OUTPUTS, registries


def test_the_page_is_up_to_date() -> None:
    text = (DOCS / ci_reference.PAGE).read_text(encoding="utf-8")
    assert text == ci_reference.page(), "run `python -m tests.tools.ci_reference`"


def test_every_system_and_output_is_on_it() -> None:
    page = ci_reference.page()
    for name in CONTEXTS:
        assert f"## {ci_reference.TITLES[name]}\n" in page
    for name in OUTPUTS:
        assert f"| `{name}` |" in page
    for sample in SAMPLES.values():
        assert all(f"| `{fact}` |" in page for fact in sample.facts)


def test_documentation_is_named_by_every_context_and_output() -> None:
    kinds = registries(plugins=False)
    for kind, names in (("context", CONTEXTS), ("outputs", OUTPUTS)):
        assert all(kinds[kind].get(name).doc.startswith("https://") for name in names)
