"""Media types of files of skills."""

import pytest

from lambent.features.skills.media_types import media_type_of


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("SKILL.md", "text/markdown"),
        ("a.b/README.MD", "text/markdown"),
        ("scripts/run.py", "text/x-python"),
        ("x.tar.gz", None),
        ("LICENSE", None),
        ("a.md/b", None),
        ("md", None),
    ],
)
def test_the_ending_of_a_name_tells(path: str, media_type: str | None) -> None:
    assert media_type_of(path) == media_type
