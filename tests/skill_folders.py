"""Folders with skills, for tests."""

from collections.abc import Mapping
from pathlib import Path

REFUNDS = b"---\nname: refunds\ndescription: Process refunds.\n---\n\n# Refunds\n\nRead `templates/`.\n"
PICTURE = b"\x89PNG\r\n\x1a\n\xff"


def skill_text(name: str, description: str = "Does it.") -> bytes:
    """A SKILL.md."""
    return f"---\nname: {name}\ndescription: {description}\n---\n".encode()


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their paths; the folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def refunds(folder: Path) -> Path:
    """A skill with a text, a picture and a folder in a folder."""
    files = {
        "SKILL.md": REFUNDS,
        "logo.png": PICTURE,
        "templates/mail.md": "Dear …\r\n".encode(),
        "templates/eu/vat.txt": b"VAT\n",
    }
    return write_files(folder / "refunds", files)
