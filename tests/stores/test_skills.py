"""Skills in a bucket."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION
from tests.skill_folders import REFUNDS, skill_text
from tests.support import Client, make_server

from lambent import DeclarationError, S3Skills, SkillFile, StoreError

OBJECTS = {
    "skills/refunds/SKILL.md": REFUNDS,
    "skills/refunds/templates/mail.md": b"Dear\n",
    "skills/refunds-old/SKILL.md": skill_text("refunds-old"),
    "skills/loose.md": b"loose",
    "other/secret/SKILL.md": skill_text("secret"),
}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("s3")
        client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, content in OBJECTS.items():
            client.put_object(Bucket="here", Key=key, Body=content)
        yield client
        client.close()


@pytest.fixture
def client(serve: Callable[..., Client], s3: Any) -> Client:
    mcp = make_server()
    mcp.skills(S3Skills("here", "skills", s3))
    return serve(mcp)


@pytest.mark.parametrize("prefix", ["skills", "skills/"])
def test_objects_are_files_below_the_prefix(s3: Any, prefix: str) -> None:
    source = S3Skills("here", prefix, s3)
    assert [one.path for one in source.files("")] == [
        "loose.md",
        "refunds-old/SKILL.md",
        "refunds/SKILL.md",
        "refunds/templates/mail.md",
    ]
    (mail,) = source.files("refunds/templates")
    assert (mail.path, mail.size) == ("refunds/templates/mail.md", 5)
    assert source.read("refunds/SKILL.md") == REFUNDS
    assert source.read("nothing") is None
    assert list(source.files("nothing")) == []


def test_without_a_prefix_the_bucket_is_the_source(s3: Any) -> None:
    paths = [one.path for one in S3Skills("here", s3=s3).files("other")]
    assert paths == ["other/secret/SKILL.md"]
    assert S3Skills("here", s3=s3).read("other/secret/SKILL.md") == skill_text("secret")


def test_a_version_is_that_of_the_content(s3: Any) -> None:
    def version() -> SkillFile:
        (found,) = S3Skills("here", "skills", s3).files("refunds/templates")
        return found

    before = version()
    assert version() == before
    s3.put_object(Bucket="here", Key="skills/refunds/templates/mail.md", Body=b"dear\n")
    assert version() != before


def test_more_objects_than_a_page_of_s3(s3: Any) -> None:
    for number in range(1001):
        s3.put_object(Bucket="here", Key=f"many/{number}", Body=b"")
    assert len(list(S3Skills("here", "many", s3).files(""))) == 1001


def test_an_object_larger_than_a_skill_is_not_read(s3: Any) -> None:
    s3.put_object(Bucket="here", Key="big", Body=bytes((16 << 20) + 1))
    assert S3Skills("here", s3=s3).read("big") is None


def test_what_s3_refuses_is_an_error_of_the_store(s3: Any) -> None:
    source = S3Skills("nowhere", s3=s3)
    with pytest.raises(StoreError, match="s3: ListObjectsV2 of 'nowhere' failed"):
        list(source.files(""))
    with pytest.raises(StoreError, match="s3: GetObject of 'nowhere' failed"):
        source.read("a")


def test_a_prefix_begins_with_no_slash() -> None:
    with pytest.raises(DeclarationError, match="begin with no slash"):
        S3Skills("here", "/skills")


def test_a_server_serves_what_is_there_now(client: Client, s3: Any) -> None:
    def uris() -> list[str]:
        return [one["uri"] for one in client.request("skills/list").result["skills"]]

    assert uris() == ["skill://refunds/SKILL.md", "skill://refunds-old/SKILL.md"]
    got = client.request("skills/get", {"uri": "skill://refunds/SKILL.md"}).result["skill"]
    digest = hashlib.sha256(b"Dear\n").hexdigest()
    assert got["resources"][1] == {
        "uri": "skill://refunds/templates/mail.md",
        "digest": f"sha256:{digest}",
        "size": 5,
    }
    assert client.read("skill://refunds/templates/mail.md").result["contents"][0]["text"] == "Dear\n"
    (child, _) = client.request("resources/directory/read", {"uri": "skill://refunds"}).result["resources"]
    assert child["name"] == "refunds"
    s3.put_object(Bucket="here", Key="skills/acme/new/SKILL.md", Body=skill_text("new"))
    s3.delete_object(Bucket="here", Key="skills/refunds-old/SKILL.md")
    assert uris() == ["skill://acme/new/SKILL.md", "skill://refunds/SKILL.md"]


@pytest.mark.parametrize(
    "path", ["loose.md", "secret/SKILL.md", "refunds/../../other/secret/SKILL.md", "refunds"]
)
def test_nothing_but_files_of_skills_is_read(client: Client, path: str) -> None:
    assert client.read(f"skill://{path}").error["code"] == -32602


def test_a_bucket_that_cannot_be_read_is_an_error_of_the_server(
    serve: Callable[..., Client], s3: Any
) -> None:
    mcp = make_server()
    mcp.skills(S3Skills("nowhere", s3=s3))
    client = serve(mcp)
    for method, params in (("skills/list", {}), ("skills/get", {"uri": "skill://a/SKILL.md"})):
        assert client.request(method, params).error["code"] == -32603
    assert client.read("skill://a/SKILL.md").error["code"] == -32603
