"""What is measured, and the table that it goes into."""

import typing

from cluster import Crowd


class Scale(typing.NamedTuple):
    """How much of everything."""
    seconds: int
    warmup: int
    connections: int
    storm: int
    groups: tuple  # users of a group that connects: some, and twice as many
    histories: tuple  # messages of a conversation: few, and many
    notifications: int  # of each of 50 senders

    def crowds(self):
        """Everybody who is needed."""
        return [Crowd("load", 2, max(self.connections, self.storm, 100)),
                *(Crowd("load", users, users) for users in self.groups),
                *self.readers()]

    def readers(self):
        """Two for each of the histories."""
        return [Crowd(f"history{count}", 2, 2) for count in self.histories]


FULL = Scale(5, 2, 10_000, 5_000, (500, 1_000), (10_000, 10_000_000), 200)
SHORT = Scale(1, 0, 400, 200, (20, 40), (1_000, 50_000), 10)


def figures(report):
    """What every report of loadgen has. CPU in µs, for each of what it counts."""
    servers = sum(server["cpu_us_each"] for server in report["servers"])
    generator = report["generator"]["cpu_us_each"]
    machine = report["machine"]
    ours = (servers + generator) / 1e6 * report["each_second"] / machine["processors"]
    return {
        "cpu": servers,
        "rate": report["each_second"],
        "p50": report["latencies"][0]["p50_us"] / 1e3,
        "p99": report["latencies"][0]["p99_us"] / 1e3,
        "switches": sum(server["voluntary_switches_each"] +
                        server["involuntary_switches_each"]
                        for server in report["servers"]),
        "generator": 100 * generator / (servers + generator),
        "others": 100 * max(0, machine["busy"] - machine["stolen"] - ours),
        "stolen": 100 * machine["stolen"],
    }


def timed(workload, **flags):
    """A measurement: servers, and a load for some time."""
    def run(cluster, scale):
        with cluster.servers() as load:
            return figures(load(workload, duration=scale.seconds, warmup=scale.warmup,
                                **flags))
    return run


def idle(cluster, scale):
    with cluster.servers() as load:
        found = load("idle", connections=scale.connections, users=scale.connections,
                     duration=1, warmup=1)["figures"]
    return {"bytes": found["edged_private_bytes_each"] + found["chatd_private_bytes_each"]}


def storm(cluster, scale):
    with cluster.servers() as load:
        report = load("storm", users=scale.storm, clients=32)
    return {"seconds": report["seconds"], **figures(report)}


def presence(cluster, scale):
    found = {}
    for size, users in zip(("some", "twice"), scale.groups):
        with cluster.servers() as load:
            report = load("presence", users=users, leave=0)
        found[f"frames_{size}"] = report["count"]
        found[f"cpu_{size}"] = figures(report)["cpu"] * report["count"] / users
    return found


def history(cluster, scale):
    found = {}
    with cluster.servers() as load:
        for size, crowd in zip(("few", "many"), scale.readers()):
            report = load("history", user_prefix=crowd.prefix, fill=0, pairs=1, clients=1,
                          limit=50, duration=scale.seconds, warmup=scale.warmup)
            found[f"p50_{size}"] = figures(report)["p50"]
            found[f"p99_{size}"] = figures(report)["p99"]
    return found


def fill_histories(cluster, scale):
    for crowd, count in zip(scale.readers(), scale.histories):
        cluster.add_messages(crowd, count)


def notify(cluster, scale):
    with cluster.notif() as (port, environment), cluster.servers(**environment) as load:
        report = load("notify", notif=f"127.0.0.1:{port}", pairs=50,
                      messages=scale.notifications)
    return {"after": report["figures"]["notified_after_s"], **figures(report)}


class Measurement(typing.NamedTuple):
    run: typing.Callable  # (cluster, scale) -> {figure: value}
    # With chatd stopped, before the first run; it may leave the database large.
    prepare: typing.Callable = None
    engines: tuple = ("postgres", "sqlite")


MEASUREMENTS = {
    "w8": Measurement(timed("dm", pairs=50, window=8)),
    "w1": Measurement(timed("dm", pairs=50, window=1)),
    "pair": Measurement(timed("dm", pairs=1, window=1)),
    "rate": Measurement(timed("rate", pairs=50, rate=2000)),
    "fanout": Measurement(timed("fanout", devices=10, window=8)),
    "idle": Measurement(idle, engines=("sqlite",)),
    "storm": Measurement(storm),
    "presence": Measurement(presence),
    "notify": Measurement(notify),
    "history": Measurement(history, prepare=fill_histories),
}


class Value(typing.NamedTuple):
    figure: str  # "w8.cpu", or "history.p99_many/history.p99_few"
    unit: str
    limit: float = None
    more_is_better: bool = False

    def text(self, value):
        """With three digits, at least those before the point."""
        digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
        unit = f" {self.unit}" if self.unit else ""
        return f"{value:,.{digits}f}{unit}{'' if self.is_met(value) else ' ✗'}"

    def is_met(self, value):
        if self.limit is None:
            return True
        return value >= self.limit if self.more_is_better else value <= self.limit


class Line(typing.NamedTuple):
    what: str
    values: list
    goal: str = ""


def goals(scale):
    some, twice = scale.groups
    few, many = scale.histories
    return [
        Line("50 pairs, W=8: CPU for each message", [Value("w8.cpu", "µs", 12)], "12 µs"),
        Line("50 pairs, W=1: CPU for each message", [Value("w1.cpu", "µs", 35)], "35 µs"),
        Line("50 pairs, W=8: messages a second", [Value("w8.rate", "", 100_000, True)],
             "100,000"),
        Line("50 pairs, W=1: p50, p99",
             [Value("w1.p50", "ms", 1.3), Value("w1.p99", "ms", 3)], "1.3 ms, 3 ms"),
        Line("one pair, W=1: CPU for each message, p50",
             [Value("pair.cpu", "µs", 200), Value("pair.p50", "ms", 0.45)],
             "200 µs, 0.45 ms"),
        Line("2,000 messages a second of 50 senders: CPU for each, p50",
             [Value("rate.cpu", "µs", 150), Value("rate.p50", "ms", 1)], "150 µs, 1 ms"),
        Line(f"an idle connection, of {scale.connections:,}: memory of edged and chatd",
             [Value("idle.bytes", "bytes", 2048)], "2,048 bytes"),
        Line(f"{scale.storm:,} users, 32 at a time: token, handshake, session",
             [Value("storm.seconds", "s", 2)], "2 s"),
        Line(f"`GET /messages?limit=50` of {many:,} messages: p99, to that of {few:,}",
             [Value("history.p99_many/history.p99_few", "times", 1.2)], "1.2 times"),
        Line(f"a group of {some:,}, of {twice:,} connects: CPU for each user, growth",
             [Value("presence.cpu_some", "µs"), Value("presence.cpu_twice", "µs"),
              Value("presence.cpu_twice/presence.cpu_some", "times", 2.2)],
             "2.2 times: frames grow 2 times"),
        Line("a message with its notification: CPU, notif's not counted",
             [Value("notify.cpu", "µs", 60)], "60 µs"),
    ]


def information(scale):
    some, twice = scale.groups
    few, many = scale.histories
    return [
        Line("context switches for each message: 50 pairs W=1, 2,000 a second",
             [Value("w1.switches", ""), Value("rate.switches", "")]),
        Line("the generator's share of the CPU: W=8, W=1",
             [Value("w8.generator", "%"), Value("w1.generator", "%")]),
        Line("50 pairs, W=8: p50, p99", [Value("w8.p50", "ms"), Value("w8.p99", "ms")]),
        Line("50 pairs, W=1: messages a second", [Value("w1.rate", "")]),
        Line("one user's 10 sessions, W=8: CPU for each delivery",
             [Value("fanout.cpu", "µs")]),
        Line("token, handshake, session: CPU for each, p99",
             [Value("storm.cpu", "µs"), Value("storm.p99", "ms")]),
        Line(f"`GET /messages?limit=50` of {few:,}: p50, p99",
             [Value("history.p50_few", "ms"), Value("history.p99_few", "ms")]),
        Line(f"`GET /messages?limit=50` of {many:,}: p50, p99",
             [Value("history.p50_many", "ms"), Value("history.p99_many", "ms")]),
        Line(f"a group of {some:,}, of {twice:,} connects: presence frames",
             [Value("presence.frames_some", ""), Value("presence.frames_twice", "")]),
        Line("the last notification after the last of "
             f"{50 * scale.notifications:,} messages", [Value("notify.after", "s")]),
        Line("50 pairs, W=8: of the processors, used by others, stolen by the hypervisor",
             [Value("w8.others", "%"), Value("w8.stolen", "%")]),
    ]
