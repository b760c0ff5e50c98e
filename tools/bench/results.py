"""What came of the runs, as text."""

import datetime
import os
import platform
import statistics
import subprocess

import rows


class Results:
    """`titles`: of the engines. Medians over the runs."""

    def __init__(self, titles):
        self._titles = titles
        self._values = {}  # (title, "w8.cpu") -> a value of each run

    def add(self, title, row, figures):
        for figure, value in figures.items():
            self._values.setdefault((title, f"{row}.{figure}"), []).append(value)

    def text(self, scale, runs):
        apart = f" {self._spread(scale)}" if runs > 1 else ""
        return (self._table("goal", rows.goals(scale)) + "\n\nFor information:\n\n" +
                self._table("", rows.information(scale)) +
                f"\n\nMedians of {runs}; ✗: the goal is missed.{apart}\n")

    def _spread(self, scale):
        """How far the runs of the figures in the table of goals are apart."""
        wanted = {part for line in rows.goals(scale) for value in line.values
                  for part in value.figure.split("/")}
        spreads = [((max(found) - min(found)) / statistics.median(found),
                    f"{figure} on {title}")
                   for (title, figure), found in self._values.items() if figure in wanted]
        middle = statistics.median(apart for apart, _ in spreads)
        most, where = max(spreads)
        return (f"From the lowest run to the highest it is {100 * middle:.0f} % of the median"
                f" in half of the figures, {100 * most:.0f} % at most ({where}).")

    def _table(self, heading, lines):
        cells = [[line.what, line.goal, *(self._cell(title, line) for title in self._titles)]
                 for line in lines]
        cells = [row for row in cells if any(row[2:])]
        head = ["", heading, *self._titles]
        if not heading:
            cells, head = [row[:1] + row[2:] for row in cells], head[:1] + head[2:]
        widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
        head, *rest = ["| " + " | ".join(cell.ljust(width) for cell, width in
                                         zip(row, widths)) + " |"
                       for row in [head, *cells]]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([head, rule, *rest])

    def _cell(self, title, line):
        """Empty when nothing was measured."""
        medians = [(value, self._median(title, value.figure)) for value in line.values]
        texts = [value.text(median) if median is not None else "–"
                 for value, median in medians]
        return ", ".join(texts) if set(texts) != {"–"} else ""

    def _median(self, title, figure):
        """None when it was not measured."""
        found = [self._values.get((title, part)) for part in figure.split("/")]
        if not all(found):
            return None
        first, *divisor = map(statistics.median, found)
        return first / divisor[0] if divisor else first


def machine(folder, engines):
    """What it ran on. `engines`: title -> version."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file
                  if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    file_system = subprocess.run(["findmnt", "-no", "FSTYPE", "-T", folder], check=True,
                                 capture_output=True, text=True).stdout.strip()
    versions = ", ".join(f"{title} {version}" for title, version in engines.items())
    return (f"{models[0] if models else platform.machine()}, {os.cpu_count()} processors,"
            f" {memory:.0f} GiB of memory, Linux {platform.release()}, {file_system};"
            f" {versions}. {datetime.date.today()}.")
