"""What the scripts in Python share: where the server is, and what they ask."""

import os

URL = os.environ["HELIX_URL"]
KEY = os.environ["HELIX_KEY"]
MODEL = "demo"
LONG = "dog " * 3000

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 1, "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def check_person(v):
    assert set(v) == {"name", "age"} and len(v["name"]) <= 12 and 1 <= v["age"] <= 99, v


def expect(kind, call):
    """Returns the error of a kind that a call has to end with."""
    try:
        call()
    except kind as e:
        return e
    raise AssertionError(f"no {kind.__name__}")
