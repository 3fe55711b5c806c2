from lambent.cli.gateway.messages import HttpRequest


def test_header_look_up():
    request = HttpRequest("GET", "/", "", (("X-A", "1"), ("x-a", "2"), ("B", "3")), b"", "127.0.0.1", 80)
    assert list(request.values("x-a")) == ["1", "2"]
    assert request.value("x-a") == "2"
    assert request.value("missing") == ""
