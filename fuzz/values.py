"""Strings and JSON values that parsers and validators often handle wrongly."""

from typing import Any

from fuzz.request_model import LEGACY_VERSIONS, PREFIX, VERSION

NESTED: Any = []
for _ in range(60):
    NESTED = [NESTED]
"""Lists in lists."""

JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, 2**53, 2**63, 2**64, -(2**64), 10**400, "", " ", "a",
    "null", "é", "日本", "\x00", "\x7f", "\r\n", "\ufeff", "\u2028", "😀", "\ud800", "x\udfff", "a" * 300,
    "-" * 200, "../../etc/passwd", "%00", "%ff", "%", "=?base64?", "=?base64?QQ==?=", "${jndi:x}", [], {},
    [[]], [{}], {"": {}}, {"a": None}, NESTED, list(range(40)), {str(i): i for i in range(40)}, {"$ref": "#"},
    {"type": "object"}, "@raw:1e400@", "@raw:-0@", "@raw:1E+2@", "@raw:01@", "@raw:NaN@", "@raw:1.0@",
    "@raw:" + "9" * 4301 + "@", "@raw:" + "[" * 400 + "]" * 400 + "@", "@raw:\"\\ud800\"@",
    "@raw:-Infinity@", "@raw:'x'@", "@raw:[1,]@", "@raw:\"\\u0000\"@", "@raw:@",
)  # fmt: skip
"""Values; ``@raw:…@`` stands for JSON text that Python would not write."""

MEMBER_NAMES = (
    "", "_meta", "id", "jsonrpc", "method", "params", "name", "uri", "arguments", "cursor", "ref",
    "argument", "requestState", "inputResponses", "action", "content", "type", "a" * 200, "\x00", "é",
    "__class__", f"{PREFIX}protocolVersion", f"{PREFIX}clientCapabilities", "progressToken", "constructor",
)  # fmt: skip
"""Names of members, to be put where they do not belong."""

METHODS = (
    "server/discover", "tools/list", "tools/call", "resources/list", "resources/templates/list",
    "resources/read", "prompts/list", "prompts/get", "completion/complete", "subscriptions/listen",
    "tasks/get", "tasks/update", "tasks/cancel", "initialize", "ping", "logging/setLevel", "",
    "tools/call ", "TOOLS/CALL", "tools", "notifications/cancelled", "resources/subscribe",
)  # fmt: skip
"""JSON-RPC methods: known, unknown, and almost known."""

NAMES = (
    "echo", "add", "order", "refund", "visit", "travel", "approve", "typed", "tree", "price", "route",
    "anything", "narrate", "greet", "count", "interview", "broken", "nobody", "order ", "ORDER",
)  # fmt: skip
"""Names of tools and prompts."""

URIS = (
    "static://readme", "orders://", "orders://a/b", "orders://%2e%2e", "orders://%ff", "orders://a%2Fb",
    "x", "orders://1/lines?page=x", "orders://1/lines?tag&tag=&tag==", "files://host/../x",
    "files://host//x", "files://host/C:/x", "files://host/%00", "tags://host/a/../b", "dates://---.",
    "dates://1-2-3", "dates://" + "-" * 60 + "/", "pairs://,", "pairs://,,,,",
    "wide://" + "-" * 60 + ".txt", "math://x", "math://" + "9" * 400, "math://-0", "vault://box",
    "vault://%62ox", "vault://é", "", ":", "{+x}", "file:///etc/passwd", "orders://" + "a" * 9000,
    "http://169.254.169.254/", "orders://{order_id}",
)  # fmt: skip
"""URIs that match, that almost match, and that must not match."""

VERSION_VALUES = (*sorted(LEGACY_VERSIONS), VERSION, "2099-01-01", "", "1.0")
"""Protocol versions, known and unknown."""

HEADER_NAMES = (
    "content-type", "accept", "mcp-protocol-version", "mcp-method", "mcp-name", "origin", "x-user",
    "mcp-param-region", "mcp-param-zone", "mcp-param-dry", "mcp-param-site", "mcp-session-id", "cookie",
    "last-event-id", "authorization", "host", "content-length", "content-encoding", "transfer-encoding",
    "x-forwarded-for", "access-control-request-headers", "expect", "traceparent", "",
)  # fmt: skip
"""Names of headers."""

HEADER_VALUES = (
    "", " ", "*/*", "text/event-stream", "application/json", "application/json; charset=utf-16",
    "application/json;q=0, */*;q=0", "text/html", "APPLICATION/JSON", "application/jsonx", "2025-11-25",
    "2026-07-28", " 2026-07-28\t", "2026-07-28, 2026-07-28", "=?base64?MjAyNi0wNy0yOA==?=", "tools/call",
    "order", "=?base64?b3JkZXI=?=", "=?base64?b3JkZXI?=", "=?base64??=", "=?base64?=", "=?base64?//8=?=",
    "=?BASE64?b3JkZXI=?=", "https://app.example.com", "https://evil.example", "null", "http://localhost:1",
    "http://[::1", "http://localhost\r\nx: y", "http://localhost/é", "https://" + "a" * 500, "alice", "bob",
    "eu-west-1", "7", "7.0", "0x7", "7_0", "1e400", "-0", "\u0667", "true", "True", "é", "日本", "a\x00b",
    "a\r\nb: c", "\x7f", "x" * 3000, ";" * 800, "," * 800, "q=0;" * 200, "gzip", "chunked",
    "mcp-param-a, mcp-param-é, mcp-param-x\r\ny", "*",
)  # fmt: skip
"""Values of headers."""

HTTP_METHODS = (
    "GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "post", "TRACE", "", "P\u00d6ST", "X" * 300,
)  # fmt: skip
"""HTTP methods."""

STAGES = (
    "prod", "$default", "", "v1", "é", "a/b", "%2f",
)  # fmt: skip
"""Stages of APIs."""

PATHS = (
    "/", "", "/mcp/", "//mcp", "/mcp/%2e%2e", "/é", "/" + "a" * 500, "/mcp;x=1", "*",
)  # fmt: skip
"""Paths."""

BYTE_SEQUENCES = (
    b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b'"', b"{", b"]", b",", b"\n", b"\xc0\x80",
    b"/**/", b"1e999", b"\\u0000", b"\\uD800", b" ",
)  # fmt: skip
"""Bytes to be inserted into bodies."""

BODIES = (
    b"", b"null", b"0", b'""', b"[]", b"{}", b"[" * 3000, b'{"a":' * 500, b"\xff\xfe", b"a=b&c=d", b"<xml/>",
    b" " * 500,
)  # fmt: skip
"""Bodies that are not requests."""
