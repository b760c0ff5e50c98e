"""asyncapi.yaml and edged: what is sent is described, and what is described is sent."""

import threading

import bazel_unittest
from http_wire import wait_for_chat
from programs_test_case import ProgramsTestCase

FLOOD = 150  # messages of 60,000 bytes: more than two kernels and edged keep for a reader


class FramesTest(ProgramsTestCase):
    @classmethod
    def setUpClass(cls):
        cls.chatter = cls.start(cls.addClassCleanup)

    def test_everything_that_edged_sends_is_described(self):
        alice = self.connect(self.chatter, self.bearer(self.chatter, "alice", "red"))
        bob = self.connect(self.chatter, self.bearer(self.chatter, "bob", "red"))
        self.assertEqual(alice.read(), ("presence", {"username": self.name("bob"),
                                                     "active": True}))
        self.assertTrue(alice.send(self.message("bob")))
        echo = alice.read()
        self.assertEqual(echo[0], "message")
        self.assertEqual(bob.read(), echo)
        bob.close()
        self.assertEqual(alice.read(), ("presence", {"username": self.name("bob"),
                                                     "active": False}))
        alice.send({"username_to": self.name("bob")})
        self.assertEqual(alice.read_error(), "empty_message")
        self.assertLessEqual(self.frames.messages("send"), self.frames.seen)

    def test_what_may_be_sent_is_described(self):
        alice = self.connect(self.chatter, self.bearer(self.chatter, "alice"))
        me = self.name("alice")
        frames = [
            self.message("alice"),
            self.message("alice", username_from=me, more=[{"a": 1}], image_path=None),
            self.message("alice", username_from=None, message=None, image_path="/i.png"),
            self.message("alice", message="", image_path="i" * 2048),
            self.message("alice", image_path="i" * 2049),
            self.message("alice", message="é\n\"🙂\""),
            self.message("alice", message=""),
            self.message("alice", message=None),
            self.message("alice", message=7),
            self.message("alice", message=["x"]),
            self.message("alice", message="a\0b"),
            self.message("alice", image_path="\0"),
            self.message("alice", image_path=True),
            self.message("alice", username_from=7),
            self.message("alice", username_to=None),
            self.message("alice", username_to=""),
            self.message("alice", username_to="x" * 129),
            self.message("alice", username_to={}),
            {"message": "x"}, {"username_to": me}, {}, [], "x", 7, None,
        ]
        taken = 0
        for frame in frames:
            allowed = alice.send(frame)
            name, answer = alice.read()
            self.assertEqual(name, "message" if allowed else "error", f"{frame} {answer}")
            taken += allowed
            # Bad frames in a row would close the socket.
            alice.send(self.message("alice"))
            self.assertEqual(alice.read()[0], "message")
        self.assertEqual(taken, 5)

    def test_every_error_code(self):
        chatter = self.start(self.addCleanup, chatd_settings={"MESSAGE_RATE": "1"})
        alice = self.connect(chatter, self.bearer(chatter, "alice"))
        for frame, code in (
                (self.message("alice", username_from="bob"), "wrong_sender"),
                (self.message("nobody"), "unknown_recipient"),
                (self.message("alice", message=""), "empty_message"),
                (self.message("alice", image_path="i" * 2049), "too_long"),
                (self.message("alice", message=7), "bad_frame")):
            alice.send(frame)
            self.assertEqual(alice.read_error(), code)
        alice.send_text(b"nonsense")
        self.assertEqual(alice.read_error(), "bad_frame")
        alice.send_binary(b"{}")
        self.assertEqual(alice.read_error(), "bad_frame")
        # Ten at once, and one a second.
        for _ in range(30):
            alice.send(self.message("alice"))
        answers = [alice.read() for _ in range(30)]
        limited = [frame["error"] for name, frame in answers if name == "error"]
        self.assertEqual({error["code"] for error in limited}, {"rate_limited"})
        for error in limited:
            self.assertIn("retry_after_ms", error)
        bob = self.connect(chatter, self.bearer(chatter, "bob"))
        chatter.damage_storage()
        bob.send(self.message("bob"))
        self.assertEqual(bob.read_error(), "unavailable")
        # The others want a storage that is slow, or goes away in a commit.
        self.assertEqual(self.frames.error_codes - self.frames.seen,
                         {"overloaded", "unknown_outcome"})

    def test_every_close_code(self):
        chatter = self.start(self.addCleanup, edged_settings={"MAX_SEND_BUFFER_BYTES": "65536"})
        bearer = self.bearer(chatter, "alice")
        limits = self.frames.limits
        closed = set()

        def expect(code, session):
            self.assertEqual(session.read_close(), code)
            session.close()
            closed.add(code)

        unmasked = self.connect(chatter, bearer)
        unmasked.send_raw(b"\x81\x01x")
        expect(1002, unmasked)

        not_utf8 = self.connect(chatter, bearer)
        not_utf8.send_text(b"\xff")
        expect(1007, not_utf8)

        babbling = self.connect(chatter, bearer)
        for _ in range(limits["bad_frames_in_a_row"]):
            babbling.send_text(b"nonsense")
        for _ in range(limits["bad_frames_in_a_row"]):
            self.assertEqual(babbling.read_error(), "bad_frame")
        expect(1008, babbling)

        large = self.connect(chatter, bearer)
        large.send_text(b"x" * limits["frame_bytes"])
        self.assertEqual(large.read_error(), "bad_frame")
        large.send_text(b"x" * (limits["frame_bytes"] + 1))
        expect(1009, large)

        slow = self.connect(chatter, self.bearer(chatter, "slow"), receive_buffer=4096)
        writer = self.connect(chatter, bearer)
        for _ in range(FLOOD):
            writer.send(self.message("slow", message="x" * 60_000))
            self.assertEqual(writer.read()[0], "message")
        expect(1013, slow)

        stopping = threading.Thread(target=chatter.stop_edge)
        stopping.start()
        expect(1001, writer)
        stopping.join()
        chatter.start_edge()
        wait_for_chat(chatter.port)

        left = self.connect(chatter, bearer)
        chatter.stop_chat()
        expect(1012, left)
        self.assertEqual(closed, self.frames.close_codes)


if __name__ == "__main__":
    bazel_unittest.run()
