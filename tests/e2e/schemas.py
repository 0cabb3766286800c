"""Validates documents with the schemas of the OCI image specification: schemas.py FOLDER (SCHEMA FILE)..."""

import json
import pathlib
import sys
import warnings

# Its successor is not in Debian 12.
warnings.simplefilter("ignore", DeprecationWarning)
from jsonschema import Draft4Validator, RefResolver  # noqa: E402

BASE = "file:///"


def without_ids(schema):
    """Their ids are addresses that nothing answers at; relative references do without."""
    if isinstance(schema, dict):
        return {key: without_ids(value) for key, value in schema.items() if not (key == "id" and isinstance(value, str))}
    if isinstance(schema, list):
        return [without_ids(item) for item in schema]
    return schema


folder, *pairs = sys.argv[1:]
store = {BASE + path.name: without_ids(json.loads(path.read_text())) for path in pathlib.Path(folder).glob("*.json")}
faults = []
for name, file in zip(pairs[::2], pairs[1::2]):
    schema = store[BASE + name]
    validator = Draft4Validator(schema, resolver=RefResolver(BASE + name, schema, store=store))
    document = json.loads(pathlib.Path(file).read_text())
    faults += [f"{file}: {name}: {error.message}" for error in validator.iter_errors(document)]
sys.exit("\n".join(faults) or 0)
