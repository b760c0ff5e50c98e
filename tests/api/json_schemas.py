"""What both descriptions need of JSON Schema and of their own references."""

import functools
import json

import jsonschema
import yaml


@functools.cache
def load_yaml(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def load_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def parse_json(text):
    """A member that comes twice is no JSON that everybody reads alike."""
    def members(pairs):
        assert len(dict(pairs)) == len(pairs), f"a member comes twice: {pairs}"
        return dict(pairs)
    return json.loads(text, object_pairs_hook=members)


def _never_from_the_network(uri):
    raise AssertionError(f"a schema refers to {uri}, which is not here")


def resolver(document, base="", store=None):
    handlers = {"http": _never_from_the_network, "https": _never_from_the_network}
    return jsonschema.RefResolver(base, document, store=store or {}, handlers=handlers)


def problems(validator, value):
    """What is wrong with it, for people; empty when it is valid."""
    return "\n".join(f"{error.json_path}: {error.message[:300]}"
                     for error in validator.iter_errors(value))


def references(node):
    """Every $ref within."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


class Document:
    """A description, its references, and the schemas in it, in one dialect."""

    def __init__(self, path, dialect):
        self.tree = load_yaml(path)
        self._dialect = dialect
        self._resolver = resolver(self.tree)

    def resolve(self, node):
        while "$ref" in node:
            node = self._resolver.resolve(node["$ref"])[1]
        return node

    def schema(self, name):
        return self.tree["components"]["schemas"][name]

    def check_schema(self, schema):
        self._dialect.check_schema(schema)

    def problems(self, schema, value):
        return problems(self._dialect(schema, resolver=self._resolver), value)

    def is_valid(self, schema, value):
        return not self.problems(schema, value)

    def unused_components(self):
        used = set(references(self.tree))
        for kind, components in self.tree["components"].items():
            for name in components:
                if f"#/components/{kind}/{name}" not in used:
                    yield f"{kind}/{name}"
