"""What a link says of its base."""

import pytest

from tests.unit.store.support import bucket, connect, link_plan, plane
from wabucketref.errors import WaBucketError
from wabucketref.operations.link import relative_base

CANARY = "cAnArY0x7f"


@pytest.mark.row("B3", "B4")
@pytest.mark.parametrize(
    "path",
    [
        f"s3://K:{CANARY}@b/",
        f"s3://K:{CANARY}@b/../x",
        f"s3://K:{CANARY}@b/x//y",
        f"s3://K:{CANARY}@other/x?s={CANARY}",
    ],
)
def test_a_url_with_credentials_is_refused_without_them(path: str) -> None:
    with pytest.raises(WaBucketError) as caught:
        relative_base("s3://b", path)
    assert CANARY not in f"{caught.value} {caught.value.hint}"


@pytest.mark.row("B3")
@pytest.mark.parametrize("base", [f"s3:/K:{CANARY}@b/x", f"s3:K:{CANARY}@b"])
def test_a_mistyped_one_does_not_show_them_either(base: str) -> None:
    for use in (
        lambda: plane(bucket()).check_link_source("memory://b", base),
        lambda: connect(bucket(), link_plan(base)),
    ):
        with pytest.raises(WaBucketError) as caught:
            use()
        assert CANARY not in f"{caught.value} {caught.value.hint}"
