"""edge/api/asyncapi.yaml: which frames it allows, and which of them have been seen."""

import jsonschema

from json_schemas import Document, parse_json


class AsyncApi(Document):
    def __init__(self):
        # AsyncAPI's own dialect is draft 7 and more, of which nothing is used.
        super().__init__("edge/api/asyncapi.yaml", jsonschema.Draft7Validator)
        self.channel = self.tree["channels"]["session"]
        self.limits = self.channel["x-limits"]
        self.close_codes = {int(code) for code in self.channel["x-close-codes"]}
        self.error_codes = {code["const"] for code in self.schema("ErrorCode")["oneOf"]}
        self.seen = set()

    def messages(self, action=None):
        """The names of what edged sends, or receives; without an action: of all."""
        return {reference["$ref"].rsplit("/", 1)[1]
                for operation in self.tree["operations"].values()
                if action in (None, operation["action"])
                for reference in operation["messages"]}

    def payload(self, name):
        return self.resolve(self.channel["messages"][name])["payload"]

    def examples(self, name):
        return [example["payload"]
                for example in self.resolve(self.channel["messages"][name])["examples"]]

    def check_received(self, text):
        """The frame of edged, which must be exactly one of those that are described."""
        frame = parse_json(text)
        problem = {name: self.problems(self.payload(name), frame)
                   for name in self.messages("send")}
        fitting = [name for name in problem if not problem[name]]
        assert len(fitting) == 1, f"{text[:500]} is {fitting}; {problem}"
        self.seen.add(fitting[0])
        if "error" in frame:
            self.seen.add(frame["error"]["code"])
        return fitting[0], frame

    def may_be_sent(self, frame):
        return self.is_valid(self.payload("send"), frame)
