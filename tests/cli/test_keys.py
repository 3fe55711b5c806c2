import re

import pytest

from lambent.auth.api_keys import ApiKeys, read_api_keys
from lambent.cli import main
from lambent.wire.http import Request


def test_a_key_that_is_made_works_with_the_setting_that_is_printed(capsys):
    assert main(["keys", "new", "ada", "--scopes", "orders:read", "orders:write"]) == 0
    printed = capsys.readouterr().out
    match = re.fullmatch(r"key: (lmb_\S{43})\nLAMBENT_API_KEYS: (.*)\n", printed)
    keys = ApiKeys(read_api_keys(match[2]))
    principal = keys.authenticate(Request(headers={"x-api-key": match[1]}))
    assert (principal.subject, principal.scopes) == ("ada", {"orders:read", "orders:write"})


def test_a_key_without_scopes(capsys):
    assert main(["keys", "new", "bob@shop.example"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert re.fullmatch(r"LAMBENT_API_KEYS: bob@shop\.example:[0-9a-f]{64}", line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a:b"], "'a:b' is no name: use letters, digits and ._@-"),
        (["a b"], "'a b' is no name: use letters, digits and ._@-"),
        ([""], "'' is no name: use letters, digits and ._@-"),
        (["ada", "--scopes", "a,b"], "'a,b' is no scope"),
        (["ada", "--scopes", "a b"], "'a b' is no scope"),
        (["ada", "--scopes", 'a"'], "'a\"' is no scope"),
        (["ada", "--scopes", "é"], "'é' is no scope"),
    ],
)
def test_what_cannot_be_configured_is_refused(arguments, message, capsys):
    assert main(["keys", "new", *arguments]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"lambent keys: {message}\n")
