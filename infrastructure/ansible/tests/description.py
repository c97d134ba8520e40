"""GitHub's published description of its REST API, cut down to the operations that the playbooks use: `description/` holds
one file an operation. Judges requests and answers; knows nothing of what they mean."""

import json
import re
from pathlib import Path

# Refusals that any operation may answer with, though the description names them for some alone; their body is the
# description's `basic-error`.
REFUSALS = {401, 403, 404, 409, 429}
BASIC_ERROR = {
    "type": "object",
    "required": ["message"],
    "properties": {name: {"type": "string"} for name in ("message", "documentation_url", "url", "status")},
}
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


class Operation:
    """One operation: what a request must be, and what an answer to it may be."""

    def __init__(self, cut):
        self.name, self.method = cut["operation"], cut["method"]
        self.parameters, self.body = cut["parameters"], cut["body"]
        self.responses = {int(status): schema for status, schema in cut["responses"].items()}
        self.place = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(cut["path"])))

    def success(self):
        return next(status for status in self.responses if status < 300)

    def request_faults(self, path, query, body):
        """What the description does not allow of a request's path, query ({name: [value…]}) and body (None: there is none)."""
        place = self.place.fullmatch(path).groupdict()
        known = {(one["in"], one["name"]): one for one in self.parameters}
        given = [("path", name, value) for name, value in place.items()]
        given += [("query", name, value) for name, values in query.items() for value in values]
        for where, name, value in given:
            if (where, name) not in known:
                yield f"{where} parameter {name} is unknown"
            else:
                yield from faults(read(value, known[where, name]["schema"]), known[where, name]["schema"], f"{where} parameter {name}")
        for (where, name), one in known.items():
            if where == "query" and one["required"] and name not in query:
                yield f"query parameter {name} is missing"
        if self.body is None and body is not None:
            yield "it takes no body"
        elif self.body is not None:
            yield from faults({} if body is None else body, self.body, "body")

    def answer_faults(self, status, body):
        """What the description does not allow of an answer."""
        if status in self.responses:
            schema = self.responses[status]
        elif status in REFUSALS:
            schema = BASIC_ERROR
        else:
            yield f"status {status} is unknown"
            return
        if schema is None:
            if body is not None:
                yield f"an answer of status {status} has no body"
        else:
            yield from faults(body, schema, "answer")


def operations():
    """Every operation there is a cut of."""
    files = sorted((Path(__file__).parent / "description").glob("*.json"))
    return [Operation(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def read(text, schema):
    """A parameter's text as the value that its schema wants, where it is one."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def faults(value, schema, where):
    """Where a value is not what its schema wants. Stricter than JSON Schema: a member that is not described is a fault."""
    if value is None and schema.get("nullable"):
        return
    for key in ("oneOf", "anyOf"):
        if key in schema and all(any(True for _ in faults(value, one, where)) for one in schema[key]):
            yield f"{where} is none of what it may be: {json.dumps(value)}"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(of_type(value, one) for one in types):
        yield f"{where} is not of type {' or '.join(types)}: {json.dumps(value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is none of {schema['enum']}: {json.dumps(value)}"
    if isinstance(value, dict):
        yield from member_faults(value, schema, where)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{where} has {len(value)} items"
        for number, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), f"{where}[{number}]")


def member_faults(value, schema, where):
    # `allOf` adds the members of its parts to the schema's own.
    parts = [schema, *schema.get("allOf", [])]
    members = {name: one for part in parts for name, one in part.get("properties", {}).items()}
    for name in {name for part in parts for name in part.get("required", [])} - set(value):
        yield f"{where}.{name} is missing"
    if not members:
        return
    for name, member in value.items():
        if name in members:
            yield from faults(member, members[name], f"{where}.{name}")
        else:
            yield f"{where}.{name} is unknown"


def of_type(value, name):
    # True and False are integers to Python alone.
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))
