"""docs/PERMISSIONS.md is what the policies are."""

from tests.core.permissions_page import PAGE, page


def test_the_page_is_made_of_the_policies():
    assert PAGE.read_text(encoding="utf-8") == page(), "make it again: python -m tests.core.permissions_page"
