"""Frames of log records; what is in them is compared with the managed runtime in ``test_loop``."""

import logging
import os
import time

import pytest

from lambent.hosts.aws_lambda.runtime_client.logs import FramedOutput, frame_type, output_of


@pytest.mark.parametrize(
    ("level", "text", "json"),
    [
        (logging.NOTSET, 0xA55A0003, 0xA55A0002),
        (logging.DEBUG, 0xA55A000B, 0xA55A000A),
        (logging.INFO, 0xA55A000F, 0xA55A000E),
        (logging.WARNING, 0xA55A0013, 0xA55A0012),
        (logging.ERROR, 0xA55A0017, 0xA55A0016),
        (logging.CRITICAL, 0xA55A001B, 0xA55A001A),
        (5, 0xA55A0003, 0xA55A0002),
        (25, 0xA55A000F, 0xA55A000E),
        (99, 0xA55A001B, 0xA55A001A),
    ],
)
def test_a_frame_says_how_severe_its_record_is(level: int, text: int, json: int) -> None:
    assert frame_type(level, is_json=False) == text
    assert frame_type(level, is_json=True) == json


def test_a_record_of_several_lines_is_one_frame() -> None:
    reading, writing = os.pipe()
    environment = {"_LAMBDA_TELEMETRY_LOG_FD": str(writing)}
    output = output_of(environment)
    assert isinstance(output, FramedOutput)
    assert environment == {}, "no child shall write there"
    before = time.time_ns() // 1000
    output.write_lines(["[ERROR] \u00e9", "line"], is_json=False)
    output.close()
    with os.fdopen(reading, "rb") as file:
        frame = file.read()
    assert frame[:8] == bytes.fromhex("a55a0017") + (15).to_bytes(4, "big")
    assert before <= int.from_bytes(frame[8:16], "big") <= time.time_ns() // 1000
    assert frame[16:] == "[ERROR] \u00e9\nline".encode()
