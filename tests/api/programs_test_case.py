"""What the tests of running programs share."""

import sys
import unittest

from async_api import AsyncApi
from http_wire import ask, wait_for_chat
from json_schemas import parse_json
from open_api import OpenApi
from services import Chatter
from session import Session

PROGRAMS = sys.argv[1:5]
PASSWORD = "correct horse"


class ProgramsTestCase(unittest.TestCase):
    """Starts them, and knows people."""

    @classmethod
    def start(cls, add_cleanup, chatd_settings=None, edged_settings=None):
        chatter = Chatter(*PROGRAMS, chatd_settings=chatd_settings,
                          edged_settings={"EDGE_THREADS": "1", **(edged_settings or {})})
        add_cleanup(chatter.close)
        wait_for_chat(chatter.port)
        return chatter

    def setUp(self):
        self.rest = OpenApi()
        self.frames = AsyncApi()

    def name(self, person):
        return f"{person}_{self._testMethodName}".lower()[:100]

    def bearer(self, chatter, person, user_group=None):
        """The header of a new account."""
        name = self.name(person)
        chatter.sign_up(name, PASSWORD, user_group or name[:56])
        return {"Authorization": "Bearer " + chatter.log_in(name, PASSWORD)}

    def ask(self, port, method, target, headers=None, body=b"", **how):
        """An answer that is described."""
        answer = ask(port, method, target, headers, body, **how)
        self.rest.check(method, target, answer)
        return answer

    def token(self, chatter, bearer):
        answer = self.ask(chatter.port, "GET", "/ws_token", bearer)
        return parse_json(answer.body)["result"]["token"]

    def connect(self, chatter, bearer, **how):
        session = Session(chatter.port, self.token(chatter, bearer), self.frames, **how)
        self.addCleanup(session.close)
        return session

    def message(self, person, **members):
        return {"username_to": self.name(person), "message": "hello", **members}
