"""What msgspec describes."""

from dataclasses import dataclass

from lambent.features.codecs import codec_of


@dataclass
class Total:
    net: int

    def __post_init__(self) -> None:
        self.net += 1


def test_a_result_is_written_as_it_is_though_reading_would_change_it() -> None:
    assert codec_of(Total, "write").encode(Total(1)) == b'{"net":2}'
    assert codec_of(list[Total], "write").encode([Total(1)]) == b'[{"net":2}]'
