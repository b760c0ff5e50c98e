"""The table must not flatter."""

import unittest

import rows
from results import Results


class ResultsTest(unittest.TestCase):
    def line(self, results, what):
        lines = [line for line in results.text(rows.FULL, 3).splitlines() if what in line]
        self.assertEqual(len(lines), 1, lines)
        return [cell.strip() for cell in lines[0].strip("|").split("|")]

    def test_takes_the_median_and_marks_what_misses_its_goal(self):
        results = Results(["PostgreSQL", "SQLite"])
        for title, values in {"PostgreSQL": (11, 90, 12), "SQLite": (1, 12.3, 99)}.items():
            for value in values:
                results.add(title, "w8", {"cpu": value})
        self.assertEqual(self.line(results, "W=8: CPU")[1:],
                         ["12 µs", "12.0 µs", "12.3 µs ✗"])

    def test_marks_what_is_too_little_where_more_is_better(self):
        results = Results(["PostgreSQL", "SQLite"])
        results.add("PostgreSQL", "w8", {"rate": 99_999})
        results.add("SQLite", "w8", {"rate": 100_000})
        self.assertEqual(self.line(results, "W=8: messages a second")[1:],
                         ["100,000", "99,999 ✗", "100,000"])

    def test_compares_medians(self):
        results = Results(["SQLite"])
        for few, many in ((1, 3), (2, 2), (3, 1)):
            results.add("SQLite", "history", {"p99_few": few, "p99_many": many})
        self.assertEqual(self.line(results, "p99, to that of")[2:], ["1.00 times"])

    def test_leaves_out_what_was_not_measured(self):
        results = Results(["PostgreSQL", "SQLite"])
        results.add("SQLite", "idle", {"bytes": 2048})
        self.assertEqual(self.line(results, "an idle connection")[2:], ["", "2,048 bytes"])
        self.assertNotIn("one pair", results.text(rows.FULL, 3))

    def test_says_how_far_runs_are_apart(self):
        results = Results(["SQLite"])
        for cost, rate in ((10, 100), (11, 100), (12, 150)):
            results.add("SQLite", "w8", {"cpu": cost, "rate": rate})
        self.assertIn("50 % at most (w8.rate on SQLite)", results.text(rows.FULL, 3))

    def test_every_figure_of_a_line_is_one_that_a_row_has(self):
        for line in rows.goals(rows.FULL) + rows.information(rows.FULL):
            for value in line.values:
                self.assertIn(value.figure.partition(".")[0], rows.MEASUREMENTS)


if __name__ == "__main__":
    unittest.main()
