"""Has REDbot look at resources, with the requests of its own that it makes for each: probe.py HOST:PORT PATH...

Out: [{"name", "status", "notes": [{"note", "level", "says"}]}], each note by the name of its class
"""

import json
import sys
from configparser import ConfigParser

import thor
from redbot.resource import HttpResource


def resource(url):
    config = ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resource = HttpResource(config["redbot"])
    resource.set_request(url)
    return resource


def notes(found):
    for note in found:
        yield {"note": type(note).__name__, "level": note.level.value, "says": f"{note.subject}: {note.summary}"}
        yield from notes(note.subnotes)


def report(path, resource):
    found = list(notes(resource.response.notes))
    for name, asked in resource.subreqs.items():
        # What is amiss with an answer to one of its own requests stands there alone.
        found += [{**note, "says": f"{name}: {note['says']}"} for note in notes(asked.response.notes)]
    if resource.fetch_error:
        found.append({"note": "FETCH_ERROR", "level": "bad", "says": resource.fetch_error.desc})
    return {"name": path, "status": resource.response.status_code, "notes": found}


address, *paths = sys.argv[1:]
resources = {path: resource(f"http://{address}{path}") for path in paths}
waiting = set(paths)


def done(path):
    waiting.discard(path)
    if not waiting:
        thor.stop()


for path, looked_at in resources.items():
    looked_at.on("check_done", lambda path=path: done(path))
    looked_at.check()
thor.run()
json.dump([report(path, looked_at) for path, looked_at in resources.items()], sys.stdout)
