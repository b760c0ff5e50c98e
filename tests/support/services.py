"""The real programs, on ports that the kernel chooses, with data of their own."""

import contextlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import urllib.request

DEADLINE_S = 30


class Service:
    """A program that says `listening on ADDRESS` on stderr."""

    def __init__(self, program, **environment):
        self._name = os.path.basename(program)
        self._lines = []
        self._listening = threading.Event()
        self.address = None
        self._process = subprocess.Popen(
            [program], env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(DEADLINE_S) or self.address is None:
            self.stop()
            raise AssertionError(f"{self._name} did not start:\n" + "".join(self._lines))

    def _read(self):
        for line in self._process.stderr:
            self._lines = self._lines[-200:] + [line]
            found = re.search(r"listening on (\S+)", line)
            if found and self.address is None:
                self.address = found[1]
                self._listening.set()
        self._listening.set()

    def stop(self):
        self._process.terminate()
        code = self._process.wait(timeout=DEADLINE_S)
        self._reader.join()
        self._process.stderr.close()
        if code != 0:
            raise AssertionError(f"{self._name} ended with {code}:\n" + "".join(self._lines))


class Chatter:
    """chatd and edged with both neighbours; the two may have more settings."""

    def __init__(self, chatd, edged, uacl, notif, chatd_settings=None, edged_settings=None):
        self._edged_program = edged
        self._edged_settings = edged_settings or {}
        # Short: it holds a socket, whose path may have 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="chatter-", dir="/tmp")
        self._running = []
        self.notification_auth = secrets.token_hex(16)
        self._uacl = self._start(uacl, PORT="0")
        self.uacl = self._uacl.address
        notif = self._start(notif, PORT="0",
                            NOTIFICATION_AUTH=self.notification_auth).address
        self._chat_target = f"unix:{self.folder}/chatd.sock"
        self._chat = self._start(
            chatd,
            CHAT_LISTEN=self._chat_target,
            DATABASE_URL=f"sqlite:{self.folder}/chatter.db",
            VERIFICATION_URL=f"{self.uacl}/authorize",
            NOTIFICATION_URL=f"{notif}/notification",
            NOTIFICATION_AUTH=self.notification_auth,
            **(chatd_settings or {}),
        )
        self._edge = None
        self._port = "0"
        self.start_edge()

    def _start(self, program, **environment):
        service = Service(program, **environment)
        self._running.append(service)
        return service

    def start_edge(self):
        """The same port each time, so that pages find it again."""
        self._edge = self._edged(PORT=self._port, **self._edged_settings)
        self._port = self._edge.address.rsplit(":", 1)[1]

    def stop_edge(self):
        self._edge.stop()
        self._edge = None

    def start_another_edge(self, **settings):
        """Its port."""
        edge = self._edged(PORT="0", **settings)
        self._running.append(edge)
        return int(edge.address.rsplit(":", 1)[1])

    def _edged(self, **settings):
        return Service(self._edged_program, HOST="127.0.0.1", DRAIN_SECONDS="0",
                       CHAT_TARGET=self._chat_target, **settings)

    def stop_uacl(self):
        self._uacl.stop()

    def stop_chat(self):
        self._chat.stop()

    def damage_storage(self):
        """From now on every table has a name that chatd does not know."""
        with contextlib.closing(sqlite3.connect(f"{self.folder}/chatter.db")) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                database.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
            database.commit()

    @property
    def port(self):
        return int(self._port)

    @property
    def page(self):
        return f"http://127.0.0.1:{self._port}/"

    def sign_up(self, username, password, user_group):
        self._ask_uacl("/user", {"username": username, "password": password,
                                 "user_group": user_group})

    def log_in(self, username, password):
        """A bearer token."""
        return self._ask_uacl("/login", {"username": username,
                                         "password": password})["result"]["token"]

    def _ask_uacl(self, path, body):
        request = urllib.request.Request(self.uacl + path, data=json.dumps(body).encode(),
                                         method="POST")
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def close(self):
        with contextlib.ExitStack() as last_first:
            last_first.callback(shutil.rmtree, self.folder)
            for service in filter(None, [*self._running, self._edge]):
                last_first.callback(service.stop)
