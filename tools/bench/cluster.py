"""Chatter on one database: its users, its servers, and the load on them."""

import contextlib
import http.client
import json
import pathlib
import time
import typing

from processes import Failure, run_to_end, server

# As Bazel lays them out below the folder that bench is run in.
CHATD = "services/chat/chatd"
EDGED = "edge/edged"
NOTIF = "tools/standins/notif"
UACL = "tools/standins/uacl"
LOADGEN = "tools/loadgen/loadgen"
MAKE_ACCOUNTS = "tools/loadgen/make_accounts"

READY_SECONDS = 30
ACCOUNTS_SECONDS = 60
LOAD_SECONDS = 100
ROWS_OF_TRANSACTION = 1_000_000
NOTIF_SECRET = "bench"


class Crowd(typing.NamedTuple):
    """Users of loadgen."""
    prefix: str
    group_size: int
    users: int

    @property
    def stem(self):
        """What the names of users and groups begin with, before their numbers."""
        return f"{self.prefix}_g{self.group_size}_"


class Uacl(typing.NamedTuple):
    """The stand-in for uacl."""
    port: int
    data: pathlib.Path


def port_of(address):
    return int(address.rsplit(":", 1)[1])


@contextlib.contextmanager
def uacl_of(crowds, folder):
    """One that knows everybody in the crowds."""
    data = folder / "uacl"
    data.mkdir()
    for crowd in crowds:
        run_to_end([MAKE_ACCOUNTS, f"--uacl_data={data}", f"--user_prefix={crowd.prefix}",
                    f"--users={crowd.users}", f"--group_size={crowd.group_size}"],
                   folder / "make_accounts.log", ACCOUNTS_SECONDS)
    with server(UACL, folder / "uacl.log", PORT="0", DATA_DIR=str(data)) as (_, address):
        yield Uacl(port_of(address), data)


class Cluster:
    """chatd and edged, new for each use, on a database that stays."""

    def __init__(self, engine, uacl, folder):
        self.engine = engine
        self._uacl = uacl
        self._folder = folder

    def chatd(self, **environment):
        return server(CHATD, self._folder / "chatd.log", MESSAGE_RATE="0",
                      CHAT_LISTEN=f"unix:{self._folder}/chatd.sock",
                      DATABASE_URL=self.engine.url,
                      VERIFICATION_URL=f"http://127.0.0.1:{self._uacl.port}/authorize",
                      **environment)

    @contextlib.contextmanager
    def servers(self, **environment):
        """`environment`: of chatd. Yields what runs loadgen."""
        with self.chatd(**environment) as (chatd, socket), \
                server(EDGED, self._folder / "edged.log", HOST="127.0.0.1", PORT="0",
                       CHAT_TARGET=socket, DRAIN_SECONDS="0", HANDSHAKE_RATE="0",
                       MAX_CONNECTIONS_PER_ADDRESS="0") as (edged, address):
            port = port_of(address)
            wait_until_ready(port)
            servers = [edged, chatd, *self.engine.servers]
            pids = ",".join(f"{each.name}:{each.pid}" for each in servers)

            def load(workload, **flags):
                return self._load(workload, edge=f"127.0.0.1:{port}", server_pids=pids,
                                  **flags)
            yield load

    @contextlib.contextmanager
    def notif(self):
        """The stand-in for notif. Yields its port, and what chatd has to know of it."""
        with server(NOTIF, self._folder / "notif.log", PORT="0",
                    NOTIFICATION_AUTH=NOTIF_SECRET) as (_, address):
            port = port_of(address)
            yield port, {"NOTIFICATION_URL": f"http://127.0.0.1:{port}/notification",
                         "NOTIFICATION_AUTH": NOTIF_SECRET, "NOTIFY_POLICY": "always"}

    def _load(self, workload, **flags):
        """What loadgen reports."""
        result = self._folder / "loadgen.json"
        flags |= {"workload": workload, "uacl_data": self._uacl.data, "json": result}
        run_to_end([LOADGEN, *(f"--{name}={value}" for name, value in flags.items())],
                   self._folder / "loadgen.log", LOAD_SECONDS)
        return json.loads(result.read_text(encoding="utf-8"))

    def add_users(self, crowds):
        """As if they had been here before. The tables must be there, chatd stopped."""
        for crowd in crowds:
            self.engine.run(
                f"INSERT INTO users (name, user_group) SELECT '{crowd.stem}' || i,"
                f" '{crowd.stem}' || (i / {crowd.group_size})"
                f" FROM {self.engine.series(0, crowd.users - 1)}")

    def add_messages(self, crowd, count):
        """From the first one of a crowd to the second, who have no conversation yet."""
        low, high = crowd.stem + "0", crowd.stem + "1"
        self.engine.run("INSERT INTO conversations (user_low, user_high)"
                        f" VALUES ('{low}', '{high}')")
        conversation = f"(SELECT id FROM conversations WHERE user_low = '{low}')"
        columns = "sender_id, text, image_path, client_id, created_us"
        values = (f"(SELECT id FROM users WHERE name = '{low}'), '{'x' * 100}', '', '',"
                  f" {int(time.time() * 1e6) - count} + i")
        for first in range(1, count + 1, ROWS_OF_TRANSACTION):
            last = min(count, first + ROWS_OF_TRANSACTION - 1)
            self.engine.add_messages(conversation, columns, values, first, last)
        self.engine.settle()


def wait_until_ready(port):
    """Until edged reaches chatd. Each of its threads has a link of its own, and the kernel
    chooses the thread: so many answers in a row do not all come from the same one."""
    deadline = time.monotonic() + READY_SECONDS
    refused = 0
    while refused < 32:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
        connection.request("GET", "/ws_token", headers={"Authorization": "Bearer none"})
        # By uacl, whom chatd asks; 503 without chatd.
        refused = refused + 1 if connection.getresponse().status == 401 else 0
        connection.close()
        if time.monotonic() > deadline:
            raise Failure(f"edged does not reach chatd in {READY_SECONDS} s")
