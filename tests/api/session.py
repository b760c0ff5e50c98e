"""A user's session on a WebSocket; every frame of edged is held to the description."""

import json
import socket

from websockets.client import ClientConnection
from websockets.frames import Opcode
from websockets.uri import parse_uri

from services import DEADLINE_S

_READ_BYTES = 65536


class Session:
    """Opens it. `receive_buffer`: of the kernel, in bytes, to read slowly."""

    def __init__(self, port, token, api, receive_buffer=None):
        self._api = api
        self._events = []
        self._tcp = socket.socket()
        self._tcp.settimeout(DEADLINE_S)
        if receive_buffer is not None:
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._tcp.connect(("127.0.0.1", port))
        self._protocol = ClientConnection(parse_uri(f"ws://127.0.0.1:{port}/ws?token={token}"),
                                          max_size=None)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        answer = self._next_event()
        assert answer.status_code == 101, answer

    def send(self, frame):
        """An object; returns whether the description allows it."""
        self.send_text(json.dumps(frame).encode())
        return self._api.may_be_sent(frame)

    def send_text(self, payload):
        self._protocol.send_text(payload)
        self._flush()

    def send_binary(self, payload):
        self._protocol.send_binary(payload)
        self._flush()

    def send_raw(self, data):
        self._tcp.sendall(data)

    def read(self):
        """(name, frame) of the next one."""
        event = self._next_event()
        assert event.opcode == Opcode.TEXT, event
        return self._api.check_received(event.data.decode())

    def read_error(self):
        """Its code."""
        name, frame = self.read()
        assert name == "error", frame
        return frame["error"]["code"]

    def read_close(self):
        """The code, after any number of frames."""
        event = self._next_event()
        while event.opcode != Opcode.CLOSE:
            self._api.check_received(event.data.decode())
            event = self._next_event()
        return int.from_bytes(event.data[:2], "big")

    def close(self):
        self._tcp.close()

    def _next_event(self):
        while not self._events:
            data = self._tcp.recv(_READ_BYTES)
            assert data, "edged closed without a close frame"
            self._protocol.receive_data(data)
            self._flush()  # the answers to pings and closes
            self._events += self._protocol.events_received()
        return self._events.pop(0)

    def _flush(self):
        for data in self._protocol.data_to_send():
            if data:
                self._tcp.sendall(data)
