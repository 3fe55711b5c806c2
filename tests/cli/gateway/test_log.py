import io

from lambent.cli.gateway.log import Log, last_line

TRACEBACK = "Traceback (most recent call last):\n  File ...\nValueError: no\n"


def test_lines_go_to_standard_error(capsys):
    Log().note("something\n")
    Log().access("GET /")
    assert capsys.readouterr() == ("", "something\nGET /\n")


def test_a_quiet_log_leaves_requests_out():
    stream = io.StringIO()
    log = Log(stream, quiet=True)
    log.note("something")
    log.access("GET /")
    assert stream.getvalue() == "something\n"


def test_each_call_of_a_request_is_a_line():
    stream = io.StringIO()
    log = Log(stream)
    log.calls("POST /", ())
    log.calls("POST /", ("tools/call a: ok", "tools/call b: ok"))
    assert stream.getvalue().splitlines() == ["POST /", "POST / tools/call a: ok", "POST / tools/call b: ok"]
    Log(stream, quiet=True).calls("POST /", ("tools/call c: ok",))
    assert "c: ok" not in stream.getvalue()


def test_an_import_error_is_written_in_full_once():
    stream = io.StringIO()
    log = Log(stream)
    log.import_failed("environment 1", TRACEBACK)
    log.import_failed("environment 2", TRACEBACK)
    first = f"environment 1: the app cannot be imported\n{TRACEBACK}"
    assert stream.getvalue() == first + "environment 2: import failed: ValueError: no\n"
    log.imported()
    log.import_failed("environment 1", TRACEBACK)
    assert stream.getvalue().endswith(TRACEBACK)


def test_last_line():
    assert last_line(TRACEBACK) == "ValueError: no"
    assert last_line("") == ""
