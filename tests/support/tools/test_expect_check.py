#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of difference is found and named by expect_check, and a right dump passes.

    test_expect_check.py FEED_GENERATOR
"""
import base64
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

GENERATOR = sys.argv.pop(1)
CHECK = Path(__file__).with_name("expect_check.py")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class ExpectCheck(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="dualrun-expect.")
        cls.path = Path(cls.folder.name)
        subprocess.run([GENERATOR, "--views", "400", "--late", "40", "--poison", "32", "--expect", cls.path], check=True)
        cls.labels, cls.dead = ([json.loads(line) for line in (cls.path / name).read_text("utf-8").splitlines()]
                                for name in ("labels.jsonl", "dead.jsonl"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def label_dump(self):
        """What topic-dump prints for a right topic; a label has more fields than are expected."""
        return [{"partition": i % 4, "offset": i // 4, "key": row["view_id"],
                 "headers": {"dualrun.join": f"sample=00 from=0:{i} watermark=1 final=true"},
                 "value": {**{k: v for k, v in row.items() if k not in ("counts", "complete")}, "locale": "und"}}
                for i, row in enumerate(self.labels)]

    def dead_dump(self):
        return [{"partition": 0, "offset": i, "key": None, "value_base64": row["body_base64"],
                 "headers": {"poison": row["poison"], "dualrun.reason": "DECODE: text"}}
                for i, row in enumerate(self.dead)]

    def check(self, kind, rows):
        dump = write(self.path / "dump.jsonl", rows)
        done = subprocess.run([sys.executable, CHECK, self.path, f"--{kind}", dump], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        *told, counts = done.stdout.splitlines()
        return done.returncode, "\n".join(told), json.loads(counts)

    def test_a_right_dump_passes(self):
        status, told, counts = self.check("labels", self.label_dump())
        self.assertEqual((status, told, counts["rows"], counts["expected"]), (0, "", 400, 400))

    def test_early_rows_are_not_judged(self):
        rows = self.label_dump()
        early = json.loads(json.dumps(rows[0]))
        early["headers"]["dualrun.join"] = early["headers"]["dualrun.join"].replace("true", "false")
        early["value"]["shares"] += 5
        status, _, counts = self.check("labels", [early] + rows)
        self.assertEqual((status, counts["early"]), (0, 1))

    def test_missing_extra_doubled_and_undecoded_rows_are_named(self):
        rows = self.label_dump()
        lost = rows.pop(7)
        extra = {**rows[8], "key": "nobody"}
        unreadable = {k: v for k, v in rows[20].items() if k != "value"}
        rows[20] = {**unreadable, "value_base64": "AA=="}
        status, told, counts = self.check("labels", rows + [extra, rows[9]])
        self.assertEqual(status, 1)
        self.assertEqual([counts[k] for k in ("missing", "extra", "doubled", "undecoded", "differences")],
                         [1, 1, 1, 1, 4])
        for text in (f"missing {lost['key']}", "extra nobody", f"doubled {rows[9]['key']}",
                     f"undecoded {unreadable['key']}"):
            self.assertIn(text, told)

    def test_each_field_is_compared_with_its_type(self):
        for name in self.label_dump()[0]["value"]:
            if name == "locale":
                continue
            rows = self.label_dump()
            row = next(r for r in rows if r["value"][name] is not None)
            before = row["value"][name]
            row["value"][name] = int(before) if isinstance(before, bool) else None
            status, told, counts = self.check("labels", rows)
            self.assertEqual((status, counts["altered"]), (1, 1), name)
            self.assertIn(f"{name}: ", told)
            del row["value"][name]
            self.assertEqual(self.check("labels", rows)[0], 1, name)

    def test_a_late_engagement_may_be_joined_or_not_but_nothing_between(self):
        rows = self.label_dump()
        late = [(row, want) for row, want in zip(rows, self.labels) if "complete" in want]
        self.assertGreater(len(late), 5)
        for row, want in late[::2]:
            row["value"].update(want["complete"])
        status, _, counts = self.check("labels", rows)
        self.assertEqual((status, counts["late_joined"]), (0, len(late[::2])))
        self.assertEqual(counts["late_left_out"], len(late) - len(late[::2]))
        late[0][0]["value"]["shares"] += 1
        self.assertEqual(self.check("labels", rows)[0], 1)

    def test_dead_letters_must_be_the_original_bytes(self):
        self.assertEqual(self.check("dead", self.dead_dump())[0], 0)
        rows = self.dead_dump()
        lost = rows.pop(3)
        rows[5]["value_base64"] = base64.b64encode(b"other").decode()
        rows.append({**rows[0], "headers": {"dualrun.reason": "DECODE: a good event"}})
        rows.append(rows[1])
        status, told, counts = self.check("dead", rows)
        self.assertEqual(status, 1)
        self.assertEqual([counts[k] for k in ("missing", "altered", "extra", "repeated")], [1, 1, 1, 1])
        self.assertIn(f"missing {lost['headers']['poison']}", told)
        self.assertIn("extra dead letter at partition 0 offset 0: DECODE: a good event", told)


if __name__ == "__main__":
    unittest.main()
