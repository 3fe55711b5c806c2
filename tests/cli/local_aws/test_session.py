"""What a local AWS has to say; that it serves is tested by deploys."""

from pathlib import Path

from lambent.cli.local_aws.session import _complaints


def test_the_last_errors_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "ministack.log"
    errors = [
        f"2026-11-27 01:29:27 ERROR [cloudformation] Failed to provision R{number}" for number in range(7)
    ]
    log.write_text("\n".join(["2026-11-27 01:29:23 WARNING [kms] x", *errors, "Traceback: ERROR y"]))
    assert _complaints(log) == errors[2:]
