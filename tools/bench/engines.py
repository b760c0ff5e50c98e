"""The two databases, each new and empty, in a folder of its own."""

import glob
import os
import pwd
import signal
import sqlite3
import subprocess

from processes import ENVIRONMENT, Failure, Process, run_to_end

INITDB_SECONDS = 60
SQL_SECONDS = 120
POSTGRES_USER = "postgres"


class Sqlite:
    """A file; chatd itself is the engine. The methods want chatd stopped."""

    title = "SQLite"

    def __init__(self, folder):
        self._path = folder / "chatter.db"
        self.url = f"sqlite:{self._path}"
        self.version = sqlite3.sqlite_version
        self.servers = []

    def run(self, *statements):
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # for this connection
        for statement in statements:
            connection.execute(statement)
        connection.close()

    @staticmethod
    def series(first, last):
        """A table of the numbers from first to last, as column i."""
        return (f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n"
                f" WHERE i < {last}) SELECT i FROM n) AS n")

    def add_messages(self, conversation, columns, values, first, last):
        """Those of the series, with ids that follow the last one."""
        self.run(
            f"INSERT INTO messages (place, {columns}, id)"
            f" SELECT {conversation} << 32 | i, {values}, last_message_id + i - {first - 1}"
            f" FROM meta, {self.series(first, last)}",
            f"UPDATE meta SET last_message_id = last_message_id + {last - first + 1}")

    def settle(self):
        """Nothing waits to be done: closing the connection has emptied the WAL."""

    def close(self):
        pass


class Postgres:
    """A server with the settings that PostgreSQL comes with, run by a user of its own, as
    root may not."""

    title = "PostgreSQL"

    def __init__(self, folder):
        programs = glob.glob("/usr/lib/postgresql/*/bin")
        if not programs:
            raise Failure("there is no PostgreSQL; tools/deps bench installs it")
        self._programs = programs[-1]
        self._folder = folder
        self.url = f"postgres://{POSTGRES_USER}@/chatter?host={folder}"
        if os.geteuid() == 0:
            user = pwd.getpwnam(POSTGRES_USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
        run_to_end([f"{self._programs}/initdb", f"--pgdata={folder}/data", "--auth=trust",
                    f"--username={POSTGRES_USER}", "--encoding=UTF8", "--locale=C.UTF-8",
                    "--no-sync"], folder / "initdb.log", INITDB_SECONDS, POSTGRES_USER)
        server = Process([f"{self._programs}/postgres", "-D", f"{folder}/data", "-c",
                          "listen_addresses=", "-c", f"unix_socket_directories={folder}"],
                         folder / "postgres.log", POSTGRES_USER)
        self.servers = [server]
        try:
            server.wait_for("ready to accept connections")
            self._psql("postgres", "CREATE DATABASE chatter")
            self.version = self._psql("chatter", "SHOW server_version").split()[0]
        except BaseException:
            self.close()
            raise

    def _psql(self, database, *statements):
        commands = [part for statement in statements for part in ("-c", statement)]
        try:
            done = subprocess.run(
                [f"{self._programs}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h",
                 self._folder, "-U", POSTGRES_USER, "-d", database, *commands],
                env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=SQL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"PostgreSQL took longer than {SQL_SECONDS} s") from None
        if done.returncode != 0:
            raise Failure(f"PostgreSQL: {done.stderr}")
        return done.stdout

    def run(self, *statements):
        self._psql("chatter", "SET search_path = chatter", *statements)

    @staticmethod
    def series(first, last):
        return f"generate_series({first}, {last}) AS n(i)"

    def add_messages(self, conversation, columns, values, first, last):
        self.run(f"INSERT INTO messages (conversation_id, seq, {columns}, id)"
                 f" SELECT {conversation}, i, {values}, nextval('message_ids')"
                 f" FROM {self.series(first, last)}")

    def settle(self):
        """Does at once what the server would do beside the next measurements."""
        self.run("VACUUM ANALYZE", "CHECKPOINT")

    def close(self):
        self.servers[0].stop(signal.SIGINT)
