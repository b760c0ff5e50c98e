"""Holds the dashboard, the alerts and README.md to what the programs really export.

    names_test.py PAGE_OF_CHATD PAGE_OF_EDGED
"""

import json
import pathlib
import re
import sys

import yaml

FOLDER = pathlib.Path(__file__).parent
# What Prometheus adds to what it scrapes.
TARGET_LABELS = {"job", "instance"}
OWN_METRICS = {"up": set()}
NAME = re.compile(r"\b(?:(?:chatter|process)_\w+|up)\b")
LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
MATCHERS = re.compile(r"^\{([^}]*)\}")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")


def read_page(path):
    """The metrics of a page of text, by name: {label: its values}."""
    metrics = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("#"):
            continue
        sample = SAMPLE.match(line)
        assert sample, f"{path}: {line!r} is no sample"
        labels = metrics.setdefault(sample[1], {})
        for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2] or ""):
            labels.setdefault(label, set()).add(value)
    return metrics


def family_of(sample):
    return re.sub(r"_(bucket|sum|count)$", "", sample)


def labels_in(expression, metrics):
    return {label for name in NAME.findall(expression) for label in metrics.get(name, ())}


def check_expression(where, expression, metrics):
    """What is wrong with the names in it, as lines."""
    wrong = []
    used = set()
    without_strings = re.sub(r'"[^"]*"', lambda s: '"' + "." * (len(s[0]) - 2) + '"',
                             expression)
    names = list(NAME.finditer(without_strings))
    if not names:
        wrong.append(f"{where}: no metric in {expression!r}")
    for name in names:
        if name[0] not in metrics:
            wrong.append(f"{where}: there is no metric {name[0]}")
            continue
        labels = metrics[name[0]]
        used.update(labels)
        matchers = MATCHERS.match(expression[name.end():])
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"',
                                                 matchers[1] if matchers else ""):
            if label in TARGET_LABELS:
                continue
            if label not in labels:
                wrong.append(f"{where}: {name[0]} has no label {label}")
            elif operator in ("=", "!=") and value not in labels[label]:
                wrong.append(f"{where}: {name[0]} has no {label}={value!r}")
    for group in LABEL_LIST.findall(without_strings):
        for label in filter(None, (part.strip() for part in group.split(","))):
            if label not in used | TARGET_LABELS:
                wrong.append(f"{where}: no metric in {expression!r} has the label {label}")
    return wrong


def alerts():
    """(name, expression) of each rule."""
    rules = []
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
            assert rule["labels"]["severity"] in ("warning", "critical"), rule
            assert rule["annotations"]["summary"], rule
            assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s")), rule
            rules.append((rule["alert"], rule["expr"]))
    return rules


def panels():
    """(title, expression, legend) of each query of the dashboard."""
    queries = []
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            queries.append((panel["title"], target["expr"], target["legendFormat"]))
    return queries


def self_check():
    """That it finds what is wrong."""
    metrics = {"chatter_a_total": {"kind": {"x"}}, "chatter_b": {}}
    assert not check_expression("", 'sum by (kind) (chatter_a_total{kind="x"})', metrics)
    for bad in ('chatter_c', 'chatter_b{kind="x"}', 'chatter_a_total{kind="y"}',
                'sum by (other) (chatter_a_total)', 'vector(1)'):
        assert len(check_expression("", bad, metrics)) == 1, bad


def main(pages):
    self_check()
    metrics = dict(OWN_METRICS)
    for page in pages:
        for name, labels in read_page(page).items():
            known = metrics.setdefault(name, {})
            for label, values in labels.items():
                known.setdefault(label, set()).update(values)
    readme = (FOLDER / "README.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)(?:\{[^`]*\})?` \|", readme, re.MULTILINE))
    exported = {family_of(name) for name in metrics if name.startswith("chatter_")}
    rules = alerts()
    queries = panels()
    wrong = []
    for name in sorted(exported - rows):
        wrong.append(f"README.md has no row for {name}")
    for name in sorted(row for row in rows - exported if row.startswith("chatter_")):
        wrong.append(f"README.md has a row for {name}, which nobody exports")
    for name, expression in rules:
        wrong += check_expression(f"alert {name}", expression, metrics)
        if name not in rows:
            wrong.append(f"README.md has no row for the alert {name}")
    for name in sorted(row for row in rows - {rule[0] for rule in rules}
                       if re.match(r"(Chatter|Chatd|Edged)", row)):
        wrong.append(f"README.md has a row for {name}, which is no alert")
    for title, expression, legend in queries:
        where = f"panel {title!r}"
        wrong += check_expression(where, expression, metrics)
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            kept = set() if " by " in expression else labels_in(expression, metrics)
            if label not in kept | TARGET_LABELS and label not in expression:
                wrong.append(f"{where}: its legend has {label}, its query does not")
    print(f"{len(exported)} metrics, {len(rules)} alerts, {len(queries)} queries")
    assert len(exported) > 30 and len(rules) > 15 and len(queries) > 20
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
