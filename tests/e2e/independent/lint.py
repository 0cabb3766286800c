"""Sends requests as they stand and has httplint read the answers: lint.py HOST:PORT < requests.json

In: [{"name", "method", "path", "headers": [[name, value]]}]
Out: [{"name", "status", "coding", "notes": [{"note", "level", "says"}]}], each note by the name of its class
"""

import http.client
import json
import sys
import time

from httplint import HttpRequestLinter, HttpResponseLinter


def raw(fields):
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def exchange(address, request):
    """One request on a connection of its own, with no header that was not asked for."""
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.putrequest(request["method"], request["path"], skip_accept_encoding=True)
    for name, value in request["headers"]:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def lint(address, request):
    asked = HttpRequestLinter()
    asked.process_request_topline(request["method"].encode(), request["path"].encode(), b"1.1")
    asked.process_headers(raw([("Host", address), *request["headers"]]))
    asked.finish_content(True)
    started = time.time()
    answer, body = exchange(address, request)
    linter = HttpResponseLinter(start_time=started)
    linter.request = asked
    linter.is_head_response = request["method"] == "HEAD"
    linter.base_uri = f"http://{address}{request['path']}"
    linter.process_response_topline(b"1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers(raw(answer.getheaders()))
    linter.feed_content(body)
    linter.finish_content(True)
    coding = answer.getheader("Content-Encoding")
    return {"name": request["name"], "status": answer.status, "coding": coding, "notes": list(notes(linter.notes))}


def notes(found):
    for note in found:
        yield {"note": type(note).__name__, "level": note.level.value, "says": f"{note.subject}: {note.summary}"}
        yield from notes(note.subnotes)


json.dump([lint(sys.argv[1], request) for request in json.load(sys.stdin)], sys.stdout)
