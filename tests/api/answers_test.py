"""openapi.yaml and edged: what is answered is described, and what is described is answered."""

import contextlib
import json
import re
import socket

import bazel_unittest
from http_wire import UPGRADE, read_answer, wait_for_chat
from json_schemas import parse_json
from programs_test_case import ProgramsTestCase
from services import DEADLINE_S

APP = "https://app.example"
EVIL = "https://evil.example"


def file_of(path):
    """A target for a described path."""
    return path.replace("{file}", "app.js")


class EveryAnswerTest(ProgramsTestCase):
    def setUp(self):
        super().setUp()
        self.chatter = self.start(self.addCleanup, edged_settings={"ALLOWED_ORIGINS": APP})
        self.port = self.chatter.port

    def test_every_documented_answer_is_given(self):
        bearer = self.bearer(self.chatter, "alice")
        alice = self.name("alice")
        bad_bearer = {"Authorization": "Bearer nonsense"}
        history = f"/messages?from={alice}&to={alice}"

        def expect(status, method, target, headers=None, **how):
            answer = self.ask(self.port, method, target, headers, **how)
            self.assertEqual(answer.status, status, f"{method} {target}: {answer}")
            return answer

        for method in ("GET", "HEAD"):
            expect(200, method, "/healthz")
            for target in ("/", "/app.js"):
                etag = expect(200, method, target).headers["etag"]
                expect(304, method, target, {"If-None-Match": etag})
            expect(404, method, "/nothing")
        expect(404, "POST", "/nothing")
        user = b'{"username": "created", "user_group": "red"}'
        secret = {"Authorization": self.chatter.notification_auth}
        expect(201, "POST", "/user", secret, body=user)
        expect(400, "POST", "/user", secret, body=user)
        expect(201, "GET", "/ws_token", bearer)
        expect(200, "GET", "/connections", bearer)
        session = self.connect(self.chatter, bearer)
        for members in ({}, {"image_path": "/i.png"}, {"message": "", "image_path": "/i.png"}):
            session.send(self.message("alice", **members))
            session.read()
        self.assertEqual(
            len(parse_json(expect(200, "GET", history, bearer).body)["result"]), 3)
        expect(400, "GET", f"{history}&limit=0", bearer)
        expect(422, "GET", f"/messages?from={alice}&to=nobody", bearer)
        for path in ("/ws_token", "/connections", "/messages"):
            expect(401, "GET", path)
            expect(401, "GET", path, bad_bearer)
        token = self.token(self.chatter, bearer)
        expect(400, "GET", f"/ws?token={token}")
        expect(426, "GET", f"/ws?token={token}", {**UPGRADE, "Sec-WebSocket-Version": "8"})
        expect(403, "GET", "/ws", UPGRADE)
        expect(403, "GET", f"/ws?token={token}", {**UPGRADE, "Origin": EVIL})
        expect(101, "GET", f"/ws?token={token}", {**UPGRADE, "Origin": APP})
        expect(403, "GET", f"/ws?token={token}", UPGRADE)

        # Whatever the path is.
        for method, path in self.rest.operations():
            target = file_of(path)
            if method == "OPTIONS":
                expect(200, method, target)
            expect(400, method, target, host=None)
            expect(411, method, target, {"Transfer-Encoding": "chunked"})
            expect(413, method, target, {"Content-Length": "65537"})
            expect(431, method, target, {"X": "x" * 20_000})
            expect(505, method, target, version="HTTP/2.0")
        self.expect_of_a_full_edge(503, MAX_CONNECTIONS="1")
        self.expect_of_a_full_edge(429, MAX_CONNECTIONS_PER_ADDRESS="1")
        self.expect_of_slow_requests(408)
        pageless = self.chatter.start_another_edge(WEB_ROOT="")
        for method in ("GET", "HEAD"):
            self.assertEqual(self.ask(pageless, method, "/").status, 404)

        # A defect, or as good as one.
        self.chatter.damage_storage()
        expect(500, "POST", "/user", secret, body=b'{"username": "another"}')
        expect(500, "GET", "/ws_token", bearer)
        expect(500, "GET", "/connections", bearer)
        expect(500, "GET", history, bearer)
        self.assertEqual(self.rest.answers() - self.rest.seen, set())

    def expect_of_a_full_edge(self, status, **settings):
        port = self.chatter.start_another_edge(**settings)
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as the_one:
            the_one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(the_one.recv(1))
            for method, path in self.rest.operations():
                answer = self.ask(port, method, file_of(path))
                self.assertEqual(answer.status, status, f"{method} {path}: {answer}")

    def expect_of_slow_requests(self, status):
        port = self.chatter.start_another_edge(REQUEST_TIMEOUT_SECONDS="2")
        with contextlib.ExitStack() as connections:
            begun = []
            for method, path in self.rest.operations():
                connection = connections.enter_context(
                    socket.create_connection(("127.0.0.1", port), DEADLINE_S))
                connection.sendall(f"{method} {file_of(path)} HTTP/1.1\r\n".encode())
                begun.append((method, path, connection))
            for method, path, connection in begun:
                answer = read_answer(connection, method)
                self.rest.check(method, file_of(path), answer)
                self.assertEqual(answer.status, status, f"{method} {path}: {answer}")


class AnswersTest(ProgramsTestCase):
    @classmethod
    def setUpClass(cls):
        cls.chatter = cls.start(cls.addClassCleanup, edged_settings={"ALLOWED_ORIGINS": APP})
        cls.port = cls.chatter.port

    def create_user(self, body, secret=None):
        secret = self.chatter.notification_auth if secret is None else secret
        return self.ask(self.port, "POST", "/user", {"Authorization": secret}, body.encode())

    def test_too_many_handshakes(self):
        port = self.chatter.start_another_edge(EDGE_THREADS="1", HANDSHAKE_RATE="1")
        wait_for_chat(port)
        statuses = {self.ask(port, "GET", f"/ws?token={43 * 'x'}", UPGRADE).status
                    for _ in range(20)}
        self.assertIn(429, statuses)
        self.assertLessEqual(statuses, {403, 429})

    def test_a_path_has_the_methods_that_are_described(self):
        for path in self.rest.paths:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                target = file_of(path)
                answer = self.ask(self.port, method, target)
                described = method in self.rest.methods_of(path)
                self.assertEqual(answer.status != 405, described, f"{method} {target}: {answer}")

    def test_a_trailing_slash_changes_nothing(self):
        bearer = self.bearer(self.chatter, "alice")
        for path in ("/healthz", "/ws_token", "/connections", "/messages", "/ws"):
            for headers in ({}, bearer):
                self.assertEqual(self.ask(self.port, "GET", path, headers).status,
                                 self.ask(self.port, "GET", path + "/", headers).status, path)

    def test_origins(self):
        for method, path in self.rest.operations():
            for origin in (APP, EVIL):
                answer = self.ask(self.port, method, file_of(path), {"Origin": origin})
                self.assertEqual(answer.headers.get("access-control-allow-origin"),
                                 APP if origin == APP else None)

    def test_who_may_be_created_is_described(self):
        names = ("x", "x" * 128, "x" * 129, "ä" * 128, "two words", "", "a\tb", "a\n", "\x7f",
                 "\x85", "\u0100")
        bodies = [{"username": name, "user_group": "g"} for name in names]
        bodies += [{"username": f"grouped {i}", "user_group": group} for i, group in enumerate(
            ("", None, "g" * 56, "g" * 57, "ä" * 56, "a\nb", "\x9f", 7, ["g"]))]
        bodies += [{"username": "no group"}, {"username": "more", "id": 7, "deep": {"a": [None]}},
                   {"user_group": "g"}, {"username": None}, {"username": 7}, {}, [], "x", 7, None]
        schema = self.rest.schema("NewUser")
        created = 0
        for body in bodies:
            text = json.dumps(body)
            answer = self.create_user(text)
            self.assertEqual(answer.status,
                             201 if self.rest.is_valid(schema, body) else 400, f"{text} {answer}")
            created += answer.status == 201
        self.assertGreater(created, 9)
        for secret in ("", "wrong", f"Bearer {self.chatter.notification_auth}"):
            self.assertEqual(self.create_user('{"username": "stranger"}', secret).status, 400)

    def test_which_pages_may_be_asked_for_is_described(self):
        bearer = self.bearer(self.chatter, "alice")
        alice = self.name("alice")
        for name in ("limit", "before", "skip"):
            schema = self.rest.parameter("GET", "/messages", name)
            for text in ("0", "1", "-1", "1000", "9223372036854775807", "x", "1x", "1.5", ""):
                value = int(text) if re.fullmatch(r"-?\d+", text) else text
                answer = self.ask(self.port, "GET",
                                  f"/messages?from={alice}&to={alice}&{name}={text}", bearer)
                self.assertEqual(answer.status,
                                 200 if self.rest.is_valid(schema, value) else 400,
                                 f"{name}={text}: {answer}")


class OutageTest(ProgramsTestCase):
    def test_neighbours_that_are_away_are_answered_as_described(self):
        chatter = self.start(self.addCleanup)
        paths = ("/ws_token", "/connections", "/messages")
        known = self.bearer(chatter, "known")
        new = self.bearer(chatter, "new")
        token = self.token(chatter, known)
        chatter.stop_uacl()
        for path in paths:
            self.assertEqual(self.ask(chatter.port, "GET", path, new).status, 503, path)
        chatter.stop_chat()
        for path in paths:
            self.assertEqual(self.ask(chatter.port, "GET", path, known).status, 503, path)
        self.assertEqual(
            self.ask(chatter.port, "POST", "/user",
                     {"Authorization": chatter.notification_auth}, b'{"username": "x"}').status,
            503)
        self.assertEqual(
            self.ask(chatter.port, "GET", f"/ws?token={token}", UPGRADE).status, 503)


if __name__ == "__main__":
    bazel_unittest.run()
