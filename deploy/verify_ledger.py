#!/usr/bin/env python3
"""Verifies a site's egress ledger. Independent of Consilium's own code; needs Python 3 and nothing else.

    python3 verify_ledger.py SITE_STATE/ledger/ledger.log [--json] [--root HEX] [--size N]

The ledger has one JSON object per line, one line for each frame that left the hospital. A line of kind `data` is no frame
but a note: nothing left, its length is 0, and its sha256 is the Merkle root of the data manifest of the run it names.
Checked here:
  - every line is a record in the one canonical spelling (field order, no blanks, hexadecimal digests);
  - sequence numbers are 0, 1, 2, ... without a gap;
  - `previous` of each line is the SHA-256 of the line before it, so nothing was changed, removed or inserted;
  - with --root (and --size): the Merkle tree hash of RFC 6962, section 2.1, over all lines (or the first N) is the given
    one, for instance the one the coordinator was told or the one you wrote down last month.
Without a root from elsewhere, a ledger that was rewritten from some line to its end cannot be told from a genuine one: write
the root down, off this machine, each time you check.

Exit code: 0 intact, 1 not intact, 2 wrong usage.
"""

import argparse
import hashlib
import json
import sys

FIELDS = ["sequence", "time_ms", "peer", "run", "round", "kind", "length", "sha256", "previous"]
KINDS = ["join", "hello", "poll", "fetch", "ready", "progress", "offer", "chunk", "commit", "failed"]
KINDS += ["overlap-declare", "overlap-blinded", "data"]
LINE_BYTES_MAX = 1024


class Broken(Exception):
    """The ledger is not intact."""


def is_count(value, limit=2**64):
    """A JSON integer in range. (bool is an int in Python, and 1.0 == 1.)"""
    return type(value) is int and 0 <= value < limit


def is_hex(value, digits):
    return isinstance(value, str) and len(value) == digits and all(c in "0123456789abcdef" for c in value)


def parse(line, number):
    """One record, or Broken."""
    if len(line) > LINE_BYTES_MAX:
        raise Broken(f"line {number} is longer than {LINE_BYTES_MAX} bytes")
    try:
        record = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Broken(f"line {number} is not JSON") from None
    if not isinstance(record, dict) or list(record) != FIELDS:
        raise Broken(f"line {number} does not have the fields of a record")
    well_formed = (
        is_count(record["sequence"])
        and is_count(record["time_ms"])
        and is_hex(record["peer"], 64)
        and (record["run"] is None or is_hex(record["run"], 16))
        and (record["round"] is None or is_count(record["round"], 2**32))
        and record["kind"] in KINDS
        and is_count(record["length"])
        and is_hex(record["sha256"], 64)
        and is_hex(record["previous"], 64)
    )
    if not well_formed:
        raise Broken(f"line {number} has a field of the wrong kind")
    if record["kind"] == "data" and (record["length"] != 0 or record["run"] is None):
        raise Broken(f"line {number} is a note, but has bytes or no run")
    if json.dumps(record, separators=(",", ":")).encode() != line:
        raise Broken(f"line {number} is not in canonical form")
    return record


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def tree_hash(leaves):
    """RFC 6962, section 2.1, bottom up: pairs are joined, an odd last one is carried up as it is."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    level = leaves
    while len(level) > 1:
        joined = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        level = joined + level[len(level) - len(level) % 2 :]
    return level[0].hex()


def verify(data):
    """Checks the bytes of a ledger; returns what it contains."""
    lines = data.split(b"\n")
    torn_bytes = len(lines.pop())
    previous = "0" * 64
    leaves, kinds, data, total = [], {}, {}, 0
    for number, line in enumerate(lines, start=1):
        record = parse(line, number)
        if record["sequence"] != number - 1:
            raise Broken(f"line {number} has sequence number {record['sequence']}, expected {number - 1}")
        if record["previous"] != previous:
            raise Broken(f"line {number} does not follow from the line before it: the ledger was changed there")
        previous = hashlib.sha256(line).hexdigest()
        leaves.append(leaf(line))
        total += record["length"]
        sums = kinds.setdefault(record["kind"], {"frames": 0, "bytes": 0})
        sums["frames"] += 1
        sums["bytes"] += record["length"]
        if record["kind"] == "data":
            data.setdefault(record["run"], []).append(record["sha256"])
    return leaves, kinds, data, total, torn_bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ledger", help="the file ledger/ledger.log of a site's state folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--root", help="the Merkle root that is expected, in hexadecimal digits")
    parser.add_argument("--size", type=int, help="with --root: the number of records that root was taken over")
    arguments = parser.parse_args()
    try:
        with open(arguments.ledger, "rb") as file:
            leaves, kinds, data, total, torn_bytes = verify(file.read())
        root = tree_hash(leaves)
        if arguments.root:
            size = len(leaves) if arguments.size is None else arguments.size
            if not 0 <= size <= len(leaves):
                raise Broken(f"it has {len(leaves)} records, fewer than {size}")
            if tree_hash(leaves[:size]) != arguments.root.strip().lower():
                raise Broken(f"the root over the first {size} records is another one than expected")
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Broken as error:
        print(f"error: the ledger is not intact: {error}", file=sys.stderr)
        return 1
    if torn_bytes:
        note = f"note: the last line is incomplete ({torn_bytes} bytes, not counted): a crash, or a running agent"
        print(note, file=sys.stderr)
    if arguments.json:
        summary = {"verified": True, "records": len(leaves), "bytes": total, "root": root, "kinds": kinds, "data": data}
        print(json.dumps(summary, indent=2))
        return 0
    rows = [("kind", "frames", "bytes")]
    rows += [(kind, str(kinds[kind]["frames"]), str(kinds[kind]["bytes"])) for kind in KINDS if kind in kinds]
    rows.append(("total", str(len(leaves)), str(total)))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for kind, frames, size in rows:
        print(f"{kind:<{widths[0]}}  {frames:<{widths[1]}}  {size}".rstrip())
    for run, roots in sorted(data.items()):
        print(f"run {run} used data {', then '.join(roots)}")
    print(f"root {root}")
    print("the ledger is intact")
    return 0


if __name__ == "__main__":
    sys.exit(main())
