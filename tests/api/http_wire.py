"""HTTP/1 requests as they are written, wrong ones too."""

import http.client
import socket
import time

from services import DEADLINE_S


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "A" * 22 + "=="}


class Answer:
    def __init__(self, response):
        self.status = response.status
        fields = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(fields)
        assert len(fields) == len(self.headers), f"a header comes twice: {fields}"
        self.body = response.read()

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:500]}"


def ask(port, method, target, headers=None, body=b"", version="HTTP/1.1", host="127.0.0.1"):
    """One request on a connection of its own."""
    lines = [f"{method} {target} {version}"]
    fields = {"Host": host, "Content-Length": len(body) or None, **(headers or {})}
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join(lines) + "\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as connection:
        connection.sendall(head.encode() + body)
        return read_answer(connection, method)


def read_answer(connection, method):
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response)
    finally:
        response.close()


def wait_for_chat(port):
    """Until an edged of one thread has its link to chatd: a token that nobody issued is
    refused by chatd; without chatd it is 503."""
    end = time.monotonic() + DEADLINE_S
    while ask(port, "GET", f"/ws?token={43 * 'x'}", UPGRADE).status != 403:
        assert time.monotonic() < end, "edged does not reach chatd"
