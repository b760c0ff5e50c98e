"""edge/api/openapi.yaml: which answers it allows, and which of them have been seen."""

import re

import jsonschema

from json_schemas import Document, parse_json

# Every HTTP answer has these; OpenAPI leaves Content-Type to `content`.
_FRAMING = {"content-type", "content-length", "connection"}
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


class OpenApi(Document):
    def __init__(self):
        super().__init__("edge/api/openapi.yaml", jsonschema.Draft202012Validator)
        self.paths = self.tree["paths"]
        self.seen = set()

    def operations(self):
        """(method, path) of each."""
        return [(key.upper(), path) for path, item in self.paths.items()
                for key in item if key in _METHODS]

    def answers(self):
        """(method, path, status) of each."""
        return {(method, path, int(status)) for method, path in self.operations()
                for status in self.paths[path][method.lower()]["responses"]}

    def path_of(self, target):
        path = target.split("?")[0]
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        if path in self.paths:
            return path
        for template in self.paths:
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if "{" in template and re.fullmatch(pattern, path):
                return template
        raise AssertionError(f"{path} is not described")

    def methods_of(self, path):
        return {method for method, of in self.operations() if of == path}

    def check(self, method, target, answer):
        """Fails for an answer that is not described."""
        path = self.path_of(target)
        operation = self.paths[path].get(method.lower())
        if operation is not None:
            responses = operation["responses"]
        else:
            # OpenAPI has no place for what a path does not have.
            responses = {"405": self._response("MethodNotAllowed")}
            if "{" in path:
                responses["404"] = self._response("NotFound")
        where = f"{method} {target}: {answer}\n"
        assert str(answer.status) in responses, where + "has a status that is not described"
        response = self.resolve(responses[str(answer.status)])
        problem = (self._header_problems(response, answer) +
                   self._body_problems(response, answer, method == "HEAD"))
        assert not problem, where + problem
        if answer.status == 405:
            allowed = set(answer.headers["allow"].split(", "))
            assert allowed == self.methods_of(path), where + "has a wrong Allow"
        if operation is not None:
            self.seen.add((method, path, answer.status))

    def parameter(self, method, path, name):
        """Its schema."""
        return next(p["schema"] for p in self.paths[path][method.lower()]["parameters"]
                    if p["name"] == name)

    def schemas(self):
        """Every schema in the document, with its examples."""
        for schema in self.tree["components"]["schemas"].values():
            yield schema, schema.get("examples", [])
        yield from self._schemas_within(self.tree)

    def _schemas_within(self, node):
        if isinstance(node, list):
            node = dict(enumerate(node))
        if not isinstance(node, dict):
            return
        if "schema" in node:
            yield node["schema"], [node["example"]] if "example" in node else []
        for key, value in node.items():
            if key not in ("schema", "schemas"):
                yield from self._schemas_within(value)

    def _response(self, name):
        return self.tree["components"]["responses"][name]

    def _header_problems(self, response, answer):
        described = {name.lower(): self.resolve(header)
                     for name, header in response.get("headers", {}).items()}
        problem = ""
        for name, header in described.items():
            if header.get("required") and name not in answer.headers:
                problem += f"{name} is missing\n"
        for name, value in answer.headers.items():
            if name in described:
                schema = described[name]["schema"]
                if schema.get("type") == "integer" and value.isdecimal():
                    value = int(value)
                problem += self.problems(schema, value)
            elif name not in _FRAMING:
                problem += f"{name} is not described\n"
        return problem

    def _body_problems(self, response, answer, head_only):
        content = response.get("content", {})
        if head_only or not content:
            return "has a body\n" if answer.body else ""
        (media_type, media), = content.items()
        if media_type == "*/*":
            return "" if answer.body else "has no body\n"
        if answer.headers["content-type"] != media_type:
            return "has another Content-Type\n"
        return self.problems(media["schema"], parse_json(answer.body))
