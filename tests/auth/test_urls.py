"""Which URLs are secure."""

import pytest

from lambent.auth.urls import is_secure


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test", True),
        ("HTTPS://A.TEST/", True),
        ("https://a.test:8443/b/c?d=e", True),
        ("http://localhost/", True),
        ("http://LOCALHOST/", True),
        ("http://127.0.0.1:1/", True),
        ("http://[::1]/", True),
        ("http://a.test", False),
        ("http://127.0.0.1.a.test/", False),
        ("http://localhost@a.test/", False),
        ("https://a@b.test/", False),
        ("https://a.test\\@b.test/", False),
        ("https://a.test/#b", False),
        ("https://a.test/ b", False),
        ("https://a.test/\r\nb", False),
        ("https://ä.test/", False),
        ("https://:443/", False),
        ("https://a.test:b/", False),
        ("https://[a/", False),
        ("//a.test/", False),
        ("a.test", False),
        ("", False),
    ],
)
def test_urls(url: str, *, expected: bool) -> None:
    assert is_secure(url) is expected
