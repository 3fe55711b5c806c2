import re
import uuid

from lambent.cli.gateway.messages import Arrival, FrontEndRequest


def test_header_look_up():
    request = FrontEndRequest("GET", "/", "", (("X-A", "1"), ("x-a", "2"), ("B", "3")), b"", "127.0.0.1", 80)
    assert list(request.values("x-a")) == ["1", "2"]
    assert request.value("x-a") == "2"
    assert request.value("missing") == ""


def test_an_arrival_has_ids_of_its_own():
    first, second = Arrival.now(), Arrival.now()
    assert first.request_id != second.request_id
    assert str(uuid.UUID(first.request_id)) == first.request_id
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", first.trace_id)
    assert int(first.trace_id.split("-")[1], 16) == first.epoch_ms // 1000
