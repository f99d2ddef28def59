"""Which items wait for the one before them."""

from wabucketref.service.succession import Succession


def test_one_after_the_other_for_each_key() -> None:
    waiting: Succession[str] = Succession()
    assert waiting.may_go("a", "a1")
    assert not waiting.may_go("a", "a2")
    assert not waiting.may_go("a", "a3")
    assert waiting.may_go("b", "b1")
    assert [waiting.ended("a"), waiting.ended("a"), waiting.ended("a")] == ["a2", "a3", None]
    assert waiting.may_go("a", "a4")
    assert waiting.ended("b") is None
