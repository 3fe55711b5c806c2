from lambent.cli.client.mirrored import header_value, mirrored_headers


def test_marked_arguments_become_headers():
    inner = {"properties": {"zone": {"type": "boolean", "x-mcp-header": "Zone"}}}
    schema = {"properties": {"region": {"x-mcp-header": "Region"}, "place": inner, "other": {}}}
    arguments = {"region": "münchen", "place": {"zone": True}, "other": "x"}
    assert mirrored_headers(schema, arguments) == {
        "mcp-param-region": "=?base64?bcO8bmNoZW4=?=",
        "mcp-param-zone": "true",
    }
    assert mirrored_headers(schema, {"region": None}) == {}
    assert mirrored_headers(None, arguments) == {}


def test_values_that_a_header_cannot_carry_are_encoded():
    assert header_value("plain") == "plain"
    assert header_value(" x") == "=?base64?IHg=?="
    assert header_value("=?base64?eA==?=") == "=?base64?PT9iYXNlNjQ/ZUE9PT89?="
