"""The cards of the functions in this repository: fit to be published, and nothing in them that is private."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from tests.wire.cards import CARD

from lambent.hosts.discovery import read_bundle
from lambent.wire.discovery_documents import Document, make_documents
from lambent.wire.server_card import host_of, is_internal, problems

FUNCTIONS = Path(__file__).parents[2] / "functions"
URL = "https://mcp.example.com"
PLANTED = {
    "LAMBENT_STATE_KEYS": "planted-secret-0123456789abcdef0123456789",
    "LAMBENT_TABLE": "planted-table",
    "LAMBENT_BUCKET": "planted-bucket",
    "LAMBENT_TASK_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/planted",
    "AWS_ACCESS_KEY_ID": "PLANTEDKEY",
    "AWS_SECRET_ACCESS_KEY": "planted-access",
    "BACKOFFICE_KEY": "planted-key",
    "HOSTNAME": "planted.internal",
}
_URL = re.compile(r"https?://[^\s\"'\\<>)]+")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Document]:
    """The documents of all functions, made where secrets and internal names lie about."""
    file = tmp_path_factory.mktemp("cards") / "cards.json"
    apps = sorted(path.parent for path in FUNCTIONS.glob("*/app.py"))
    assert len(apps) == 4
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lambent.cli", "card", "--bundle", str(file)),
            *(f"{app / 'app.py'}=/{app.name}/mcp" for app in apps),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **PLANTED},
    )
    assert (done.returncode, done.stderr) == (0, "")
    summaries = read_bundle(str(file))
    assert [problems(summary, URL) for summary in summaries] == [[]] * len(apps)
    return make_documents(summaries, URL)


def test_every_card_is_one(documents: dict[str, Document]) -> None:
    cards = [json.loads(one.body) for path, one in documents.items() if path.endswith("/server-card")]
    assert len(cards) == 4
    for card in cards:
        jsonschema.Draft202012Validator(CARD).validate(card)


def test_no_secret_is_in_any_document(documents: dict[str, Document]) -> None:
    for path, document in documents.items():
        text = document.body.decode().lower()
        assert "planted" not in text, path
        assert str(FUNCTIONS.parent).lower() not in text, path


def test_no_internal_host_is_in_any_document(documents: dict[str, Document]) -> None:
    found = {host_of(url) for document in documents.values() for url in _URL.findall(document.body.decode())}
    assert "mcp.example.com" in found
    assert [host for host in found if is_internal(host)] == []
