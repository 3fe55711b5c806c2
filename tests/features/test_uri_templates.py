"""Reading URIs backwards: the RFC's own expansions, unsafe values, and what a template may be."""

import re
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent import DeclarationError
from lambent.features.uri_templates import MAX_URI_LENGTH, UriTemplate

# RFC 6570, sections 1.2 and 3.2, wherever the values can be told from the expansion. What a list or an
# associative array was made of cannot be told, so it comes back as its text.
EXPANSIONS: list[tuple[str, str, dict[str, Any]]] = [
    # Level 1, and 3.2.2: simple
    ("{var}", "value", {"var": "value"}),
    ("{hello}", "Hello%20World%21", {"hello": "Hello World!"}),
    ("{half}", "50%25", {"half": "50%"}),
    # Level 2, and 3.2.3: reserved
    ("{+var}", "value", {"var": "value"}),
    ("{+hello}", "Hello%20World!", {"hello": "Hello World!"}),
    ("{+half}", "50%25", {"half": "50%"}),
    ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex", {"base": "http://example.com/home/"}),
    ("{+base}index", "http://example.com/home/index", {"base": "http://example.com/home/"}),
    # Level 2, and 3.2.4: fragment
    ("X{#var}", "X#value", {"var": "value"}),
    ("X{#hello}", "X#Hello%20World!", {"hello": "Hello World!"}),
    ("{#half}", "#50%25", {"half": "50%"}),
    # Level 3: several variables
    ("map?{x,y}", "map?1024,768", {"x": "1024", "y": "768"}),
    ("{x,hello,y}", "1024,Hello%20World%21,768", {"x": "1024", "hello": "Hello World!", "y": "768"}),
    ("{+x,hello,y}", "1024,Hello%20World!,768", {"x": "1024", "hello": "Hello World!", "y": "768"}),
    ("{#x,hello,y}", "#1024,Hello%20World!,768", {"x": "1024", "hello": "Hello World!", "y": "768"}),
    # 3.2.5: labels
    ("X{.var}", "X.value", {"var": "value"}),
    ("X{.x,y}", "X.1024.768", {"x": "1024", "y": "768"}),
    ("{.half,who}", ".50%25.fred", {"half": "50%", "who": "fred"}),
    # 3.2.6: path segments
    ("{/var}", "/value", {"var": "value"}),
    ("{/var,x}/here", "/value/1024/here", {"var": "value", "x": "1024"}),
    ("{/half,who}", "/50%25/fred", {"half": "50%", "who": "fred"}),
    ("{/who,dub}", "/fred/me%2Ftoo", {"who": "fred", "dub": "me/too"}),
    # 3.2.7: path-style parameters
    ("{;x,y}", ";x=1024;y=768", {"x": "1024", "y": "768"}),
    ("{;x,y,empty}", ";x=1024;y=768;empty", {"x": "1024", "y": "768", "empty": ""}),
    ("{;v,empty,who}", ";v=6;empty;who=fred", {"v": "6", "empty": "", "who": "fred"}),
    ("{;v,bar,who}", ";v=6;who=fred", {"v": "6", "who": "fred"}),
    ("{;half}", ";half=50%25", {"half": "50%"}),
    # 3.2.8: query
    ("{?x,y}", "?x=1024&y=768", {"x": "1024", "y": "768"}),
    ("{?x,y,empty}", "?x=1024&y=768&empty=", {"x": "1024", "y": "768", "empty": ""}),
    ("{?x,y,undef}", "?x=1024&y=768", {"x": "1024", "y": "768"}),
    ("{?half}", "?half=50%25", {"half": "50%"}),
    # 3.2.9: query continuation
    ("?fixed=yes{&x}", "?fixed=yes&x=1024", {"x": "1024"}),
    ("?fixed=yes{&x,y,empty}", "?fixed=yes&x=1024&y=768&empty=", {"x": "1024", "y": "768", "empty": ""}),
    # Level 4: prefixes
    ("{var:3}", "val", {"var": "val"}),
    ("{var:30}", "value", {"var": "value"}),
    ("X{.var:3}", "X.val", {"var": "val"}),
    ("{;hello:5}", ";hello=Hello", {"hello": "Hello"}),
    ("{?var:3}", "?var=val", {"var": "val"}),
    ("?fixed=yes{&var:3}", "?fixed=yes&var=val", {"var": "val"}),
    # Level 4: lists, as text and exploded
    ("{list}", "red,green,blue", {"list": "red,green,blue"}),
    ("{list*}", "red,green,blue", {"list": ["red", "green", "blue"]}),
    ("{+list}", "red,green,blue", {"list": "red,green,blue"}),
    ("{+list*}", "red,green,blue", {"list": ["red", "green", "blue"]}),
    ("{#list}", "#red,green,blue", {"list": "red,green,blue"}),
    ("{#list*}", "#red,green,blue", {"list": ["red", "green", "blue"]}),
    ("X{.list}", "X.red,green,blue", {"list": "red,green,blue"}),
    ("X{.list*}", "X.red.green.blue", {"list": ["red", "green", "blue"]}),
    ("www{.dom*}", "www.example.com", {"dom": ["example", "com"]}),
    ("{/list}", "/red,green,blue", {"list": "red,green,blue"}),
    ("{/list*}", "/red/green/blue", {"list": ["red", "green", "blue"]}),
    ("{/var,list*}", "/value/red/green/blue", {"var": "value", "list": ["red", "green", "blue"]}),
    ("{;list}", ";list=red,green,blue", {"list": "red,green,blue"}),
    ("{;list*}", ";list=red;list=green;list=blue", {"list": ["red", "green", "blue"]}),
    ("{?list}", "?list=red,green,blue", {"list": "red,green,blue"}),
    ("{?list*}", "?list=red&list=green&list=blue", {"list": ["red", "green", "blue"]}),
    ("{count}", "one,two,three", {"count": "one,two,three"}),
    ("{/count}", "/one,two,three", {"count": "one,two,three"}),
    ("{?count*}", "?count=one&count=two&count=three", {"count": ["one", "two", "three"]}),
    # Level 4: associative arrays, as text
    ("{keys}", "semi,%3B,dot,.,comma,%2C", {"keys": "semi,;,dot,.,comma,,"}),
    ("{?keys}", "?keys=semi,%3B,dot,.,comma,%2C", {"keys": "semi,;,dot,.,comma,,"}),
    ("{/keys*}", "/semi=%3B/dot=./comma=%2C", {"keys": ["semi=;", "dot=.", "comma=,"]}),
]


@pytest.mark.parametrize(("template", "uri", "values"), EXPANSIONS)
def test_expansions_of_the_rfc_give_their_values_back(
    template: str, uri: str, values: dict[str, Any]
) -> None:
    assert UriTemplate(template).match(uri) == values


# Absolute paths come out of these: the RFC expands them, this library does not let them in.
ABSOLUTE = [
    ("{+path}/here", "/foo/bar/here"),
    ("here?ref={+path}", "here?ref=/foo/bar"),
    ("{+path,x}/here", "/foo/bar,1024/here"),
    ("{#path,x}/here", "#/foo/bar,1024/here"),
    ("{#path:6}/here", "#/foo/b/here"),
    ("{/list*,path:4}", "/red/green/blue/%2Ffoo"),
]


@pytest.mark.parametrize(("template", "uri"), ABSOLUTE)
def test_expansions_of_the_rfc_that_are_not_let_in(template: str, uri: str) -> None:
    assert UriTemplate(template).match(uri) is None


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{/var:1,var}", "variable 'var' appears twice"),
        ("{.who,who}", "variable 'who' appears twice"),
        ("a/{x}/b{?x}", "variable 'x' appears twice"),
        ("up{+path}{var}/here", "put text between the variables at {var}"),
        ("{a}{b}", "put text between the variables at {b}"),
        ("{a}{+b}", "put text between the variables at {+b}"),
        ("{", "unbalanced braces"),
        ("}", "unbalanced braces"),
        ("a{b", "unbalanced braces"),
        ("a}b{c}", "unbalanced braces"),
        ("{a{b}}", "unbalanced braces"),
        ("{}", "'' is no variable"),
        ("{a,}", "'' is no variable"),
        ("{a b}", "'a b' is no variable"),
        ("{a-b}", "'a-b' is no variable"),
        ("{=a}", "'=a' is no variable"),
        ("{!a}", "'!a' is no variable"),
        ("{|a}", "'|a' is no variable"),
        ("{a:0}", "'a:0' is no variable"),
        ("{a:10000}", "'a:10000' is no variable"),
        ("{a:}", "'a:' is no variable"),
        ("{a*:3}", "'a*:3' is no variable"),
        ("{9a}", "'9a' is no variable"),
        ("{a.b}", "'a.b' cannot be a parameter's name"),
    ],
)
def test_templates_that_cannot_be_read_backwards_are_refused(template: str, reason: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(reason)):
        UriTemplate(template)


def test_variables_are_known_in_their_order() -> None:
    assert UriTemplate("a://{c}/{b*}{?d,a:3}").variables == ("c", "b", "d", "a")


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("a://{x}", "a://"),
        ("a://{x}", "a://b/c"),
        ("a://{x}", "a://b?c"),
        ("a://{x}", "a://b#c"),
        ("a://b/{x}", "a://b/B/c"),
        ("a://{x}", "b://c"),
        ("a://{x}", " a://b"),
        ("a://{x}", ""),
        ("a://{x}/b", "a://x/bb"),
        ("a://{x}/b", "a://x"),
        ("a://b{/x}", "a://b"),
        ("a://b{/x}", "a://b/c/d"),
        ("a://b{/x*}", "a://b"),
        ("a://b{/x*}", "a://b//c"),
        ("a://b.c/{x}", "a://bxc/d"),
        ("a://{x:3}", "a://abcd"),
        ("a://b{?x}", "a://c?x=1"),
        ("a://b?fixed=yes{&x}", "a://b?fixed=no&x=1"),
        ("a://b?fixed=yes{&x}", "a://b?x=1"),
    ],
)
def test_uris_that_no_values_expand_to(template: str, uri: str) -> None:
    assert UriTemplate(template).match(uri) is None


@pytest.mark.parametrize(
    ("uri", "values"),
    [
        ("a://b", {}),
        ("a://b?", {}),
        ("a://b?x=1", {"x": "1"}),
        ("a://b?y=2&x=1", {"x": "1", "y": ["2"]}),
        ("a://b?y=2&x=1&y=3", {"x": "1", "y": ["2", "3"]}),
        ("a://b?x", {"x": ""}),
        ("a://b?x=", {"x": ""}),
        ("a://b?x=1&x=2", {"x": "1"}),
        ("a://b?other=1&x=1", {"x": "1"}),
        ("a://b?&&x=1&", {"x": "1"}),
        ("a://b?x=a=b", {"x": "a=b"}),
        ("a://b?x=a+b", {"x": "a+b"}),
        ("a://b?x=%26", {"x": "&"}),
    ],
)
def test_a_query_comes_in_any_order_and_may_be_incomplete(uri: str, values: dict[str, Any]) -> None:
    assert UriTemplate("a://b{?x,y*}").match(uri) == values


UNSAFE = [
    "..",
    "../x",
    "x/..",
    "x/../y",
    "..\\x",
    "x\\..\\y",
    "x\\../y",
    "/etc/passwd",
    "/",
    "//host/share",
    "\\windows",
    "\\\\host\\share",
    "C:",
    "C:\\x",
    "c:/x",
    "\0",
    "x\0y",
    "x\ny",
    "\r",
    "\t",
    "\x1b[0m",
    "x\x7f",
]


def encodings(value: str) -> list[str]:
    """The value as a client may write it into a URI."""
    everything = "".join(f"%{byte:02X}" for byte in value.encode())
    return [value, quote(value, safe=""), everything, everything.lower()]


@pytest.mark.parametrize(
    "template", ["a://b/{x}", "a://b/{+x}", "a://b{/x*}", "a://b{?x}", "a://b{;x}", "a://b{#x}"]
)
@pytest.mark.parametrize("value", UNSAFE)
def test_values_that_could_leave_their_place_match_nothing(template: str, value: str) -> None:
    lead = {"a://b/{x}": "/", "a://b/{+x}": "/", "a://b{/x*}": "/", "a://b{?x}": "?x=", "a://b{;x}": ";x="}
    compiled = UriTemplate(template)
    for written in encodings(value):
        found = compiled.match(f"a://b{lead.get(template, '#')}{written}")
        values = (
            []
            if found is None
            else [part for v in found.values() for part in ([v] if isinstance(v, str) else v)]
        )
        assert found is None or all(part in value.replace("\\", "/").split("/") for part in values), written
        assert ".." not in values
        assert not any(part.startswith(("/", "\\")) or "\0" in part for part in values)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("a://b/.{x}", "a://b/.%2E%2Fetc"),
        ("a://b/.{x}", "a://b/.."),
        ("a://b/{x}.", "a://b/%2e."),
        ("a://b/c{+x}", "a://b/c%5C..%5Cd"),
        ("a://b/{+x}/{y}.", "a://b/c/.."),
    ],
)
def test_values_that_leave_their_place_with_the_text_around_them_match_nothing(
    template: str, uri: str
) -> None:
    assert UriTemplate(template).match(uri) is None


def test_dots_around_values_are_text() -> None:
    assert UriTemplate("a://b/.{x}").match("a://b/.hidden") == {"x": "hidden"}
    assert UriTemplate("a://b/..{x}").match("a://b/..x") == {"x": "x"}


@pytest.mark.parametrize(
    "value",
    ["a..b", "...", "..a", "a..", ".", ".hidden", "a:b", "1:2", "CC:x", "~", "~root", "a b", "%2e%2e"],
)
def test_values_that_only_look_like_it_match(value: str) -> None:
    assert UriTemplate("a://b/{x}").match(f"a://b/{quote(value, safe='')}") == {"x": value}


@pytest.mark.parametrize(
    "uri", ["a://b/%ff", "a://b/%c0%af", "a://b/%ed%a0%80", "a://b/%f5%80%80%80", "a://b/x%e2%82"]
)
def test_bytes_that_are_no_utf8_match_nothing(uri: str) -> None:
    assert UriTemplate("a://b/{x}").match(uri) is None


@pytest.mark.parametrize(
    "value", ["größe", "\U0001f600", "e\u0301", "\u2028", "\uff0e\uff0e", "\u202e", "Ⅷ", "\xa0"]
)
def test_awkward_unicode_comes_through_raw_and_encoded(value: str) -> None:
    compiled = UriTemplate("a://b/{x}")
    for written in (value, quote(value)):
        assert compiled.match(f"a://b/{written}") == {"x": value}


@pytest.mark.parametrize("uri", ["a://b/%", "a://b/%4", "a://b/%zz"])
def test_stray_percent_signs_stand_for_themselves(uri: str) -> None:
    assert UriTemplate("a://b/{x}").match(uri) == {"x": uri[6:]}


def test_regular_expressions_in_literals_mean_nothing() -> None:
    compiled = UriTemplate("a://(b|c)+[d]*.$^\\/{x}")
    assert compiled.match("a://(b|c)+[d]*.$^\\/y") == {"x": "y"}
    assert compiled.match("a://b/y") is None


def test_long_uris_match_nothing() -> None:
    compiled = UriTemplate("a://{x}")
    fits = "a://" + "x" * (MAX_URI_LENGTH - 4)
    assert compiled.match(fits) == {"x": fits[4:]}
    assert compiled.match(fits + "x") is None


HOSTILE = [
    ("a://{a}-{b}-{c}-{d}-{e}.x", "-"),
    ("a://{a}{.b}{.c}{.d}{.e}!", "."),
    ("a://{a,b,c,d,e,f}!", ","),
    ("a://{+a}/{+b}/{+c}/{+d}!", "/"),
    ("a://x{/a*}{/b*}{/c*}{/d*}!", "/y"),
    ("a://x{/a*}{/b}{/c*}{/d}!", "/y"),
    ("a://x{;a*}{;b*}{;c*}!", ";a="),
]


def test_no_uri_takes_for_ever() -> None:
    """In a process of its own, as a regular expression cannot be interrupted; the limit is for failures."""
    code = (
        "from lambent import DeclarationError\n"
        "from lambent.features.uri_templates import MAX_URI_LENGTH, UriTemplate\n"
        f"for template, part in {HOSTILE!r}:\n"
        "    uri = 'a://x' + part * ((MAX_URI_LENGTH - 5) // len(part))\n"
        "    try:\n"
        "        compiled = UriTemplate(template)\n"
        "    except DeclarationError:\n"
        "        continue  # refusing the template will do as well\n"
        "    assert compiled.match(uri) is None, template\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


# A small expander, to compare with


OPERATORS: dict[str, tuple[str, str, bool, str]] = {
    "": ("", ",", False, ""),
    "+": ("", ",", False, ":/?#[]@!$&'()*+,;="),
    "#": ("#", ",", False, ":/?#[]@!$&'()*+,;="),
    ".": (".", ".", False, ""),
    "/": ("/", "/", False, ""),
    ";": (";", ";", True, ""),
    "?": ("?", "&", True, ""),
    "&": ("&", "&", True, ""),
}


def expand(template: str, values: dict[str, Any]) -> str:
    """RFC 6570, for strings and lists of strings."""

    def expression(found: re.Match[str]) -> str:
        first, separator, named, safe = OPERATORS[found[1]]
        parts = []
        for name, star in re.findall(r"(\w+)(\*?)", found[2]):
            if name not in values:
                continue
            value = values[name]
            texts = [quote(text, safe=safe) for text in ([value] if isinstance(value, str) else value)]
            if not named:
                parts += texts if star else [",".join(texts)]
            else:
                parts += [f"{name}={text}" for text in texts]
        return first + separator.join(parts) if parts else ""

    return re.sub(r"\{([+#./;?&]?)([^}]*)\}", expression, template)


TEXT = st.text("abcXYZ019 -_~!é世\U0001f600", min_size=1, max_size=8)
TEMPLATES = {
    "a://{x}": ["x"],
    "a://{x}/{y}": ["x", "y"],
    "a://{x,y}": ["x", "y"],
    "a://b{/x,y}": ["x", "y"],
    "a://b{/x}/c{?y}": ["x", "y"],
    "a://b{?x,y}": ["x", "y"],
    "a://b{;x,y}": ["x", "y"],
    "a://b{.x,y}": ["x", "y"],
    "a://b{#x}": ["x"],
    "a://b?c=1{&x,y}": ["x", "y"],
}


@given(st.sampled_from(sorted(TEMPLATES)), TEXT, TEXT)
def test_matching_undoes_expanding(template: str, x: str, y: str) -> None:
    values = {name: value for name, value in {"x": x, "y": y}.items() if name in TEMPLATES[template]}
    assert UriTemplate(template).match(expand(template, values)) == values


@given(
    st.sampled_from(["a://b{/x*}", "a://{x*}", "a://b{?x*}", "a://b{;x*}", "a://b{.x*}", "a://b{?x*,y}"]),
    st.lists(TEXT, min_size=1, max_size=4),
)
def test_matching_undoes_expanding_of_lists(template: str, x: list[str]) -> None:
    assert UriTemplate(template).match(expand(template, {"x": x})) == {"x": x}


@given(
    st.sampled_from(["a://{x}", "a://b{/x*}", "a://b{?x}", "a://{+x}"]),
    st.text("./\\:%2eEfF05cC\0ab", max_size=12),
)
def test_whatever_is_sent_no_value_leaves_its_place(template: str, tail: str) -> None:
    found = UriTemplate(template).match(f"a://b/{tail}") or UriTemplate(template).match(f"a://{tail}") or {}
    for value in found.values():
        for part in [value] if isinstance(value, str) else value:
            assert ".." not in part.replace("\\", "/").split("/")
            assert not part.startswith(("/", "\\"))
            assert not any(ord(character) < 32 for character in part)
