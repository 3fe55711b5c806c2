"""The metadata document of a protected resource."""

from lambent.auth.resource_metadata import resource_metadata


def test_the_least() -> None:
    assert resource_metadata("https://a.test/mcp", ["https://login.test"], [], "shop", None) == {
        "resource": "https://a.test/mcp",
        "authorization_servers": ["https://login.test"],
        "bearer_methods_supported": ["header"],
        "resource_name": "shop",
    }


def test_everything() -> None:
    found = resource_metadata("https://a.test", ["b", "c"], ["d", "e"], "shop", "https://docs.test")
    assert found["authorization_servers"] == ["b", "c"]
    assert found["scopes_supported"] == ["d", "e"]
    assert found["resource_documentation"] == "https://docs.test"
