"""edge/api's documents are valid, and have every code, limit and route of the sources."""

import re
import unittest

import jsonschema

import bazel_unittest
from async_api import AsyncApi
from json_schemas import load_json, problems, references, resolver
from open_api import OpenApi
from protocol_headers import Header

SCHEMAS = "tests/api/schemas"
PROTOCOL_H = "services/base/protocol.h"
CLOSE_CODES_H = "edge/ws/close_codes.h"
REST_CC = "edge/http/rest.cc"


class DocumentsTest(unittest.TestCase):
    def test_openapi_is_valid(self):
        schema = load_json(f"{SCHEMAS}/openapi-3.1.json")
        validator = jsonschema.Draft202012Validator(
            schema, resolver=resolver(schema, schema["$id"]))
        self.assertEqual(problems(validator, OpenApi().tree), "")
        # Were it valid by mistake of the validator's, so would be this.
        self.assertNotEqual(problems(validator, {"openapi": "3.1.0", "paths": {"user": {}}}), "")

    def test_openapi_schemas_are_valid_and_so_are_their_examples(self):
        api = OpenApi()
        examples = 0
        for schema, values in api.schemas():
            api.check_schema(schema)
            for value in values:
                self.assertEqual(api.problems(schema, value), "")
                examples += 1
        self.assertGreater(examples, 4)

    def test_openapi_refers_to_all_that_it_has(self):
        api = OpenApi()
        for reference in references(api.tree):
            self.assertTrue(api.resolve({"$ref": reference}))
        # Security schemes are referred to by name.
        schemes = {name for item in api.paths.values() for operation in item.values()
                   if "security" in operation
                   for alternative in operation["security"] for name in alternative}
        self.assertEqual(set(api.unused_components()),
                         {"responses/MethodNotAllowed",
                          *(f"securitySchemes/{name}" for name in schemes)})

    def test_asyncapi_is_valid(self):
        schema = load_json(f"{SCHEMAS}/asyncapi-3.0.json")
        validator = jsonschema.Draft7Validator(schema, resolver=resolver(
            schema, schema["$id"],
            {part["$id"]: part for part in schema["definitions"].values() if "$id" in part}))
        self.assertEqual(problems(validator, AsyncApi().tree), "")
        self.assertNotEqual(problems(validator, {"asyncapi": "3.0.0", "info": {}}), "")

    def test_asyncapi_schemas_are_valid_and_so_are_their_examples(self):
        api = AsyncApi()
        for schema in api.tree["components"]["schemas"].values():
            api.check_schema(schema)
        self.assertEqual(api.messages(), set(api.channel["messages"]))
        for name in api.messages():
            self.assertTrue(api.examples(name), name)
            for example in api.examples(name):
                self.assertEqual(api.problems(api.payload(name), example), "", name)

    def test_asyncapi_refers_to_all_that_it_has(self):
        api = AsyncApi()
        for reference in references(api.tree):
            self.assertTrue(api.resolve({"$ref": reference}))
        self.assertEqual(list(api.unused_components()), [])

    def test_every_code_is_described_and_no_other(self):
        api = AsyncApi()
        self.assertEqual(api.error_codes, Header(PROTOCOL_H).strings("error_code"))
        self.assertEqual(api.close_codes, Header(CLOSE_CODES_H).numbers("uint16_t"))
        for code, text in api.channel["x-close-codes"].items():
            self.assertEqual(set(text), {"why", "client"}, code)

    def test_every_route_is_described(self):
        with open(REST_CC, encoding="utf-8") as file:
            routes = set(re.findall(r'"(/[a-z_]+)"', file.read()))
        self.assertGreaterEqual(len(routes), 5)
        self.assertLessEqual(routes, set(OpenApi().paths))

    def test_limits_are_those_of_the_programs(self):
        number = Header(PROTOCOL_H).number
        api = AsyncApi()
        rest = OpenApi()
        for name, constant in (("text_bytes", "kMaxTextBytes"),
                               ("image_path_bytes", "kMaxImagePathBytes"),
                               ("unanswered_sends", "kMaxUnansweredSends"),
                               ("ping_interval_seconds", "kPingInterval"),
                               ("token_lifetime_seconds", "kWsTokenLifetime")):
            self.assertEqual(api.limits[name], number(constant), name)
        for schemas in (api, rest):
            self.assertEqual(schemas.schema("Username")["maxLength"],
                             number("kMaxUsernameCharacters"))
            message = schemas.schema("Message")["properties"]
            self.assertEqual(message["message"]["maxLength"], number("kMaxTextBytes"))
            self.assertEqual(message["image_path"]["maxLength"], number("kMaxImagePathBytes"))
        self.assertEqual(rest.schema("NewUser")["properties"]["user_group"]["maxLength"],
                         number("kMaxGroupCharacters"))
        token = f"^[A-Za-z0-9_-]{{{number('kWsTokenCharacters')}}}$"
        self.assertEqual(rest.schema("WsToken")["pattern"], token)
        self.assertEqual(
            api.channel["bindings"]["ws"]["query"]["properties"]["token"]["pattern"], token)


if __name__ == "__main__":
    bazel_unittest.run()
