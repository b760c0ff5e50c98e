"""Just enough of a client: HTTP, and one message over a WebSocket."""

import asyncio
import json
import urllib.error
import urllib.request

import websockets

TIMEOUT_S = 10


def request(url, body=None, **headers):
    """Status and JSON; status 0 when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
                urllib.request.Request(url, data, headers), timeout=TIMEOUT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def metrics(url):
    """What the page of Prometheus' format says: names to values, those with labels left out."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.partition(" ") for line in lines)
            if name != "#" and "{" not in name}


def exchange(url, frame, awaited):
    """Sends a frame over a WebSocket of its own; the first answer with the member `awaited`."""
    async def run():
        async with websockets.connect(url, open_timeout=TIMEOUT_S) as web_socket:
            await web_socket.send(json.dumps(frame))
            while True:
                answer = json.loads(await asyncio.wait_for(web_socket.recv(), TIMEOUT_S))
                if awaited in answer:
                    return answer
    return asyncio.run(run())
