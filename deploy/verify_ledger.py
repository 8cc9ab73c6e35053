#!/usr/bin/env python3
"""Verifies a site's egress ledger. Independent of Consilium's own code; needs Python 3 and nothing else.

    python3 verify_ledger.py SITE_STATE/ledger/ledger.log [--json] [--root HEX] [--size N] [--receipts FILE [--officer KEY]]
                             [--arrivals FILE] [--checkpoint FILE ... --key KEY [--witness KEY ...]]
    python3 verify_ledger.py --proof FILE --key KEY [--checkpoint FILE ...] [SITE_STATE/ledger/ledger.log]

Exit code 0: what was given holds and fits. 1: the ledger is not intact or does not fit, or a file is forged: its signature or
its hashes do not hold, or two checkpoints contradict each other. 2: it could not be looked at: a wrong option, a key that is
none, a file that cannot be read or is not what it must be.

The ledger has one JSON object per line, one line for each frame that left the hospital. A line of kind `data`, `approval`,
`refusal`, `withdrawal`, `policy`, `waiver` or `authority` is no frame but a note: nothing left, and its length is 0. The sha256 of `data` is the
Merkle root of the data manifest of the run it names; of the others, that of what was decided or put in force.
Checked here (the grammar is common/LEDGER.md of the source, and Consilium's own verifier enforces the same one):
  - every line is a record in the one canonical spelling, with the run, round and length that its kind has;
  - sequence numbers are 0, 1, 2, ... without a gap, and times never go back nor before 2026;
  - `previous` of each line is the SHA-256 of the line before it, so nothing was changed, removed or inserted;
  - a last line without an end is no longer than a line may be;
  - with --root (and --size): the Merkle tree hash of RFC 6962, section 2.1, over all lines (or the first N) is the given
    one, for instance the one the coordinator was told or the one you wrote down last month;
  - with --receipts: the frames are those that the coordinator acknowledged, in number of bytes and in hash, and its
    signatures hold. `site-agent ledger receipts --out FILE` writes the file; compare its receipt_key with the one you know;
  - with --arrivals: every frame that arrived at the coordinator is in the ledger with the same bytes. `coordinator ledger SITE
    --out FILE` writes the file, and its signature must hold; compare its receipt key with the one you know;
  - with --checkpoint and --key: the ledger begins with the records whose root the site signed then (`site-agent ledger
    checkpoint --out FILE`); with several of them the last that fits and the first that does not are named. The key is the one
    that you wrote down then, NAME+ID+KEY; nothing says here that it is this site's but your paper;
  - with --witness: each witness that is named cosigned one of the checkpoints that are given (C2SP tlog-cosignature); the
    verifier key is what the witness says that it is, told on another way. What is behind that checkpoint is not witnessed;
  - with --proof and --key: one record was under a head that the site signed (`site-agent ledger prove SEQ --out FILE`). It
    needs no ledger; with one, the ledger must have that record and that head. A proof whose head was signed for it shows only
    that whoever holds the key says so. Without a ledger, with --checkpoint: the head is that of a file that was taken away
    earlier (`site-agent ledger prove SEQ --checkpoint FILE`), and not another one;
  - with --officer: a decision to go on with another ledger, which sets receipts aside, bears this officer's signature.
Without a root, receipts or a checkpoint from elsewhere, a ledger that was rewritten from some line to its end cannot be told
from a genuine one: keep them off this machine each time you check.
"""

import argparse
import base64
import binascii
import contextlib
import hashlib
import json
import re
import sys

LINE_BYTES_MAX = 1024
TOTAL_MAX = 2**64 - 1
RECEIPT_HASHES_MAX = 2_000_000
TRANSFERS_IN_FLIGHT_MAX = 4
TIME_MS_MIN = 1767225600000  # 2026-01-01
TIME_MS_MAX = 253402300799999  # the end of 9999
NUMBER = rb"(0|[1-9][0-9]{0,19})"
LINE = re.compile(
    rb'\{"sequence":' + NUMBER + rb',"time_ms":' + NUMBER + rb',"peer":"[0-9a-f]{64}"'
    rb',"run":(null|"[0-9a-f]{16}"),"round":(null|' + NUMBER + rb'),"kind":"([a-z-]+)"'
    rb',"length":' + NUMBER + rb',"sha256":"([0-9a-f]{64})","previous":"([0-9a-f]{64})"\}'
)
# By kind: whether it names a run, whether it names a round, the least and the most bytes of its frame.
KINDS = {
    "join": (False, False, 40, 65540),
    "hello": (False, False, 40, 58),
    "poll": (False, False, 7, 19),
    "fetch": (False, False, 39, 55),
    "ready": (True, True, 48, 68),
    "progress": (True, True, 19, 45),
    "offer": (True, True, 51, 89),
    "chunk": (True, True, 41, 1048636),
    "commit": (True, True, 47, 59),
    "failed": (True, True, 16, 28),
    "overlap-declare": (True, False, 15, 27),
    "overlap-blinded": (True, False, 48, 131104),
    "ledger-proof": (False, False, 73, 2149),
    "receipt": (False, False, 179, 223),
    "condition": (False, False, 11, 29),
    "decide": (True, False, 47, 55),
    "renew": (False, False, 8, 531),
    "leave": (False, False, 6, 14),
    "revocations": (False, False, 7, 23),
    "own-scores": (True, False, 16, 42),
    "data": (True, True, 0, 0),
    "approval": (True, False, 0, 0),
    "refusal": (True, False, 0, 0),
    "withdrawal": (True, False, 0, 0),
    "policy": (False, False, 0, 0),
    "waiver": (False, False, 0, 0),
    "authority": (False, False, 0, 0),
}
# No frames: nothing left the hospital with them.
NOTES = ("data", "approval", "refusal", "withdrawal", "policy", "waiver", "authority")


class Broken(Exception):
    """The ledger is not intact."""


class Unusable(Exception):
    """A key or file that was given beside the ledger is not what it must be."""


class Forged(Exception):
    """What was given beside the ledger does not hold: a signature, hashes, or it contradicts itself."""


def parse(line, number):
    """One record, or Broken."""
    found = LINE.fullmatch(line) if len(line) <= LINE_BYTES_MAX else None
    if not found:
        raise Broken(f"line {number} is not a ledger record")
    text = [None if group is None else group.decode("ascii") for group in found.groups()]
    sequence, time_ms, run, round_, round_number, kind, length, sha256, previous = text
    record = {
        "sequence": int(sequence),
        "time_ms": int(time_ms),
        "run": None if run == "null" else run.strip('"'),
        "round": None if round_ == "null" else int(round_number),
        "kind": kind,
        "length": int(length),
        "sha256": sha256,
        "previous": previous,
    }
    if kind not in KINDS:
        raise Broken(f"line {number} is of a kind that does not exist")
    has_run, has_round, shortest, longest = KINDS[kind]
    if not TIME_MS_MIN <= record["time_ms"] <= TIME_MS_MAX:
        raise Broken(f"line {number} has a time before 2026 or after 9999")
    if (record["run"] is not None, record["round"] is not None) != (has_run, has_round):
        raise Broken(f"line {number} has another run or round than its kind has")
    if has_round and record["round"] >= 2**32:
        raise Broken(f"line {number} has a round beyond 2^32")
    if not shortest <= record["length"] <= longest:
        raise Broken(f"line {number} has a length that no frame of its kind has")
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
    previous, time_ms = "0" * 64, 0
    leaves, kinds, notes, total = [], {}, {}, 0
    records = []
    for number, line in enumerate(lines, start=1):
        record = parse(line, number)
        if record["sequence"] != number - 1:
            raise Broken(f"line {number} has sequence number {record['sequence']}, expected {number - 1}")
        if record["time_ms"] < time_ms:
            raise Broken(f"line {number} is dated before the line before it")
        if record["previous"] != previous:
            raise Broken(f"line {number} does not follow from the line before it: the ledger was changed there")
        previous, time_ms = hashlib.sha256(line).hexdigest(), record["time_ms"]
        leaves.append(leaf(line))
        records.append(record)
        total += record["length"]
        if total > TOTAL_MAX:
            raise Broken(f"line {number} makes the bytes of all frames more than 2^64")
        sums = kinds.setdefault(record["kind"], {"frames": 0, "bytes": 0})
        sums["frames"] += 1
        sums["bytes"] += record["length"]
        if record["kind"] == "data":
            notes.setdefault(record["run"], []).append(record["sha256"])
    if torn_bytes > LINE_BYTES_MAX:
        raise Broken(f"line {len(leaves) + 1} is not a ledger record")
    return leaves, kinds, notes, total, torn_bytes, records


# Ed25519 as in RFC 8032, section 5.1.7: a point is (x, y), and slow is fast enough for some receipts.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(left, right):
    (x1, y1), (x2, y2) = left, right
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def times(number, point):
    result = (0, 1)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def decompress(text):
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    public, point = decompress(key), decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if public is None or point is None or scalar >= Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    return times(scalar, BASE) == add(point, times(challenge, public))


def number(value, limit):
    if type(value) is not int or not 0 <= value < limit:
        raise Unusable("the file of receipts has a number out of range")
    return value


def digits(value, size):
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{%d}" % (2 * size), value):
        raise Unusable("the file of receipts has something else where hexadecimal digits belong")
    return bytes.fromhex(value)


def read_receipt(entry, site, key):
    """A receipt that the coordinator's key signed, or Forged."""
    numbers = [number(entry[name], 2**64) for name in ("bytes", "first_sequence", "last_sequence", "received_bytes")]
    message = b"consilium receipt v1\0" + hashlib.sha256(site.encode()).digest()
    message += digits(entry["run"], 8) + number(entry["round"], 2**32).to_bytes(4, "little")
    message += digits(entry["digest"], 32) + b"".join(value.to_bytes(8, "little") for value in numbers)
    message += digits(entry["running_hash"], 32)
    if not is_signed(key, message, digits(entry["signature"], 64)):
        raise Forged(f"the receipt of run {entry['run']}, round {entry['round']} is not signed")
    return entry


def read_decision(entry, site, officer):
    """The receipts that a decision sets aside, and whether the officer signed it. Without an officer's key all decide."""
    message = b"consilium ledger v1\0" + hashlib.sha256(site.encode()).digest()
    message += number(entry["size"], 2**64).to_bytes(8, "little") + digits(entry["root"], 32)
    keys = []
    for key in entry["set_aside"]:
        message += digits(key["run"], 8) + number(key["round"], 2**32).to_bytes(4, "little")
        keys.append((key["run"], key["round"]))
    signature = entry["signature"]
    if officer is None:
        return keys, True
    return keys, signature is not None and is_signed(officer, message, digits(signature, 64))


def read_receipts(text, officer=None):
    """The receipts of a file, those set aside, what the coordinator took (or None) and the number of decisions.

    Forged for a receipt that is not signed, and where the last decision is not the officer's.
    """
    try:
        copy = json.loads(text)
        site, key = copy["site"], digits(copy["receipt_key"], 32)
        taken = copy.get("taken")
        if taken is not None:
            taken = (number(taken["size"], 2**64), digits(taken["root"], 32).hex())
        receipts = [read_receipt(entry, site, key) for entry in copy["receipts"]]
        others = [read_receipt(entry, site, key) for entry in copy.get("set_aside", [])]
        decisions = [read_decision(entry, site, officer) for entry in copy.get("decisions", [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unusable("the file of receipts is none that `site-agent ledger receipts --out` wrote") from None
    if decisions and not decisions[-1][1]:
        raise Forged("the last decision to go on with another ledger is not signed by this officer")
    named = {key for keys, holds in decisions if holds for key in keys}
    # What no decision names is no less a receipt for being in another list.
    set_aside = [entry for entry in others if (entry["run"], entry["round"]) in named]
    receipts += [entry for entry in others if entry not in set_aside]
    return receipts, set_aside, taken, sum(1 for _, holds in decisions if holds)


class TooMany(Exception):
    """The search would take too long."""


def search(frames, lost_bytes, start, goal, may_be_lost, hashes_max, last_ones_only=False):
    """How many frames were lost on the way, if bytes and hash come out so; None if they never do.

    With last_ones_only everything on a connection behind a lost frame was lost, too.
    """
    rest = [0]
    for frame in reversed(frames):
        rest.append(rest[-1] + (frame["length"] if may_be_lost(frame) else 0))
    rest.reverse()
    steps, paths = 0, [(0, start, 0, 0, False)]
    while paths:
        at, running, so_far, lost, is_losing = paths.pop()
        if at == len(frames):
            if running == goal and so_far == lost_bytes:
                return lost
            continue
        steps += 1
        if steps > hashes_max:
            raise TooMany
        frame = frames[at]
        without = so_far + frame["length"]
        if may_be_lost(frame) and without <= lost_bytes <= without + rest[at + 1]:
            paths.append((at + 1, running, without, lost + 1, last_ones_only))
        if is_losing and frame["kind"] != "hello":
            continue
        if so_far + rest[at + 1] >= lost_bytes:
            paths.append((at + 1, arrived(running, frame), so_far, lost, False))
    return None


def arrived(running, frame):
    return hashlib.sha256(running + bytes.fromhex(frame["sha256"])).digest()


def search_stretches(frames, lost_bytes, start, goal, may_be_lost, hashes_max):
    """The same, where all frames that may be lost were, from one of them to another one."""
    steps, prefix, done = 0, start, 0
    for first in (at for at, frame in enumerate(frames) if may_be_lost(frame)):
        for frame in frames[done:first]:
            prefix = arrived(prefix, frame)
        done, running, so_far, lost, is_over = first, prefix, 0, 0, False
        for frame in frames[first:]:
            steps += 1
            if steps > hashes_max:
                raise TooMany
            is_over = is_over or so_far >= lost_bytes
            if may_be_lost(frame) and not is_over:
                so_far, lost = so_far + frame["length"], lost + 1
                continue
            if so_far > lost_bytes:
                break
            running = arrived(running, frame)
        if running == goal and so_far == lost_bytes:
            return lost
    return None


def search_last(*arguments):
    """As search: of the frames that were on their way together the last ones were lost."""
    return search(*arguments, last_ones_only=True)


def on_their_way(frames):
    """The frames that a new connection follows; and these with the others of a kind that moves files right before one."""
    last, ahead, following, count = set(), set(), None, 0
    for frame in reversed(frames):
        kind = frame["kind"]
        if following == "hello":
            count = 1
            last.add(frame["sequence"])
        elif 0 < count < TRANSFERS_IN_FLIGHT_MAX and kind == following and kind in ("chunk", "fetch"):
            count += 1
        else:
            count = 0
        following = kind
        if count:
            ahead.add(frame["sequence"])
    return last, ahead


def ways_to_look(part, lost_bytes):
    """How the frames that were lost are looked for, one way after the other."""
    last, ahead = on_their_way(part)
    in_last, in_ahead = (lambda frame: frame["sequence"] in last), (lambda frame: frame["sequence"] in ahead)
    if lost_bytes <= 0:
        return [(search, in_last)][: lost_bytes + 1]
    several = [(search_last, in_ahead), (search_stretches, in_ahead)] if len(ahead) > len(last) else []
    return [(search, in_last), (search_stretches, in_last), *several, (search, lambda frame: True)]


def lost_before(frames, starts, receipt):
    """How many frames were lost before a receipt; None if none of the starts leads there."""
    last, goal = receipt["last_sequence"], bytes.fromhex(receipt["running_hash"])
    for hashes_max in (RECEIPT_HASHES_MAX // 100, RECEIPT_HASHES_MAX):
        is_open = False
        for start, received, running in starts:
            part = [frame for frame in frames if start <= frame["sequence"] <= last]
            lost_bytes = received + sum(frame["length"] for frame in part) - receipt["received_bytes"]
            for way, may_be_lost in ways_to_look(part, max(lost_bytes, -1)):
                try:
                    lost = way(part, lost_bytes, running, goal, may_be_lost, hashes_max)
                except TooMany:
                    is_open = True
                    continue
                if lost is not None:
                    return lost
        if not is_open:
            return None
    raise TooMany


def compare(records, receipts, set_aside):
    """Compares receipts with the ledger; returns how many fit, how many frames were lost, and which could not be compared."""
    frames = [record for record in records if record["kind"] not in ("join", *NOTES)]
    entries = [(entry, True) for entry in receipts] + [(entry, False) for entry in set_aside]
    entries.sort(key=lambda entry: (entry[0]["last_sequence"], entry[0]["received_bytes"]))
    fit, lost_frames, uncompared, newest, fitting = 0, 0, [], None, None
    for receipt, must_fit in entries:
        name = f"it does not fit the receipt of run {receipt['run']}, round {receipt['round']}"
        last, first = receipt["last_sequence"], receipt["first_sequence"]
        record = records[last] if last < len(records) else {"kind": None}
        if record["kind"] not in ("commit", "offer") or (record["run"], record["round"]) != (receipt["run"], receipt["round"]):
            if must_fit:
                raise Broken(f"{name}: record {last}, which the receipt answers, is not there")
            continue
        before = [entry for entry in (newest, fitting if fitting is not newest else None) if entry]
        before = [entry for entry in before if entry["first_sequence"] == first]
        starts = [(entry["last_sequence"] + 1, entry["received_bytes"], bytes.fromhex(entry["running_hash"])) for entry in before]
        newest = receipt
        if not must_fit:
            continue
        try:
            lost = lost_before(frames, starts + [(first, 0, bytes(32))], receipt)
        except TooMany:
            uncompared.append(f"the receipt of run {receipt['run']}, round {receipt['round']}")
            continue
        if lost is None:
            begin = starts[0][0] if starts else first
            raise Broken(f"{name}: a record from {begin} to {last} was changed, removed or moved")
        fit, lost_frames, fitting = fit + 1, lost_frames + lost, receipt
    return fit, lost_frames, uncompared


ARRIVALS_LINE_BYTES_MAX = 1024
ARRIVALS_MAX = 10_000_000
SITE = re.compile("(?=.{1,32}$)[a-z][a-z0-9-]*(?<!-)")


def spelled(line, names):
    """The object of a line, whose keys are these in this order, in the one spelling that is written."""
    try:
        value = json.loads(line)
        written = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError, UnicodeError):
        raise Unusable("it is no file that `coordinator ledger --out` wrote") from None
    if len(line) >= ARRIVALS_LINE_BYTES_MAX or written != line or not isinstance(value, dict) or list(value) != names:
        raise Unusable("it is no file that `coordinator ledger --out` wrote")
    return value


def read_arrivals(data):
    """Site and key of a list of what arrived, what the coordinator took, and the frames; Unusable where it does not hold."""
    *lines, last, end = data.split(b"\n") if data.count(b"\n") > 1 else [b"", b"", b"x"]
    if end or not lines:
        raise Unusable("it is no file that `coordinator ledger --out` wrote")
    heading = spelled(lines[0], ["site", "receipt_key", "at_ms", "taken", "frames"])
    ending = spelled(last, ["signature"])
    try:
        key, signature = digits(heading["receipt_key"], 32), digits(ending["signature"], 64)
        number(heading["at_ms"], 2**64)
        if not isinstance(heading["site"], str) or not SITE.fullmatch(heading["site"]):
            raise Unusable("it names no site")
        if number(heading["frames"], ARRIVALS_MAX + 1) != len(lines) - 1:
            raise Unusable("it has not as many frames as it says")
        taken = heading["taken"]
        if taken is not None:
            if list(taken) != ["size", "root"]:
                raise Unusable("it is no file that `coordinator ledger --out` wrote")
            taken = (number(taken["size"], 2**64), digits(taken["root"], 32).hex())
        frames = [spelled(line, ["sequence", "kind", "length", "sha256"]) for line in lines[1:]]
        for frame in frames:
            number(frame["sequence"], 2**64), number(frame["length"], 2**64), digits(frame["sha256"], 32)
            if frame["kind"] not in KINDS:
                raise Unusable("it has a kind of frame that does not exist")
    except (Unusable, TypeError):
        raise Unusable("it is no file that `coordinator ledger --out` wrote") from None
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line + b"\n")
    if not is_signed(key, b"consilium arrivals v1\0" + hasher.digest(), signature):
        raise Forged("it is not signed with the key that it names")
    return heading["site"], key.hex(), taken, frames


def reconcile(records, frames):
    """What arrived beside the ledger: the same frames, those that did not arrive, and the faults."""
    arrived, faults = {}, []
    for frame in frames:
        if frame["sequence"] in arrived:
            faults.append(f"record {frame['sequence']}: two frames arrived with this number")
        arrived[frame["sequence"]] = frame
    same, lost = 0, 0
    ends = (min(arrived), max(arrived)) if arrived else (1, 0)
    for record in records:
        frame = arrived.pop(record["sequence"], None)
        counted = record["kind"] not in ("join", *NOTES)
        if frame is None:
            lost += counted and ends[0] <= record["sequence"] <= ends[1]
        elif counted and all(frame[name] == record[name] for name in ("kind", "length", "sha256")):
            same += 1
        else:
            faults.append(f"record {record['sequence']}: what arrived has other bytes than the record says")
    faults += [f"record {number}: a frame arrived, and this ledger has no such record" for number in arrived]
    return same, lost, faults


# C2SP signed-note, tlog-checkpoint and tlog-proof, as far as a site writes them.
NOTE_BYTES_MAX = 8192
NOTE_SIGNATURES_MAX = 16
NOTE_NAME_BYTES_MAX = 256
PROOF_BYTES_MAX = 16 * 1024
PROOF_HASHES_MAX = 64
ED25519_KIND = b"\x01"
COSIGNATURE_KIND = b"\x04"
# What is forgiven around a verifier key.
WHITE_SPACE = "\t\n\x0c\r "
SPACES = frozenset(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))


def is_name(name):
    """Whether a note's key may be called so: no spaces, no plus, no control characters."""
    try:
        length = len(name.encode())
    except UnicodeError:  # What a shell hands over that is no UTF-8.
        return False
    return 0 < length <= NOTE_NAME_BYTES_MAX and not any(c in SPACES or c == "+" or c < " " for c in name)


def unbase64(text, size=None):
    """The bytes of a base64 text in its one spelling, or None."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text and size in (None, len(data)) else None


def key_id(name, public, kind):
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def read_key(text, kind=ED25519_KIND):
    """Name, id and 32 bytes of a verifier key, NAME+ID+KEY."""
    wrong = Unusable("the key is no verifier key: it must be NAME+ID+KEY, with an id that belongs to the key")
    parts = text.strip(WHITE_SPACE).split("+", 2)
    data = unbase64(parts[2], 33) if len(parts) == 3 else None
    if data is None or data[:1] != kind or not is_name(parts[0]) or is_small(data[1:]):
        raise wrong
    identity = key_id(parts[0], data[1:], kind)
    if identity.hex() != parts[1]:
        raise wrong
    return parts[0], identity, data[1:]


def is_small(public):
    """Whether it is a point of small order, in any encoding: under such a key anybody signs anything."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    point = decompress((y % P).to_bytes(32, "little"))
    return point is not None and times(8, point) == (0, 1)


def read_note(data):
    """The text of a note, and its signatures: name, id, signature."""
    try:
        whole = data.decode("utf-8", "strict") if len(data) <= NOTE_BYTES_MAX else ""
    except UnicodeDecodeError:
        whole = ""
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n") or any(c < " " and c != "\n" for c in whole):
        raise Unusable("it is no signed note")
    signatures = []
    for line in whole[at + 2 : -1].split("\n") if at + 2 < len(whole) else [""]:
        start, _, rest = line.partition("\u2014 ")
        name, space, text = rest.partition(" ")
        signature = unbase64(text)
        if start or not space or not is_name(name) or signature is None or len(signature) < 5:
            raise Unusable("a line after its empty line is no signature")
        signatures.append((name, signature[:4], signature[4:]))
    if len(signatures) > NOTE_SIGNATURES_MAX:
        raise Unusable("it has too many signatures")
    return whole[: at + 1], signatures


def decimal(text):
    """A number below 2^64 in its one spelling, or None."""
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,19}", text) and int(text) < 2**64 else None


def read_witness(text):
    """Name, id and 32 bytes of a witness' verifier key, NAME+ID+KEY."""
    try:
        return read_key(text, COSIGNATURE_KIND)
    except Unusable:
        raise Unusable("the witness is not named by a verifier key of a witness: it must be NAME+ID+KEY") from None


def cosigned_at(text, signatures, witness):
    """When this witness cosigned a note, in seconds since 1970, the newest time; None where it has no line of it."""
    name, identity, public = witness
    newest = None
    for named, of, line in signatures:
        if (named, of) != (name, identity):
            continue
        seconds = int.from_bytes(line[:8], "big")
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        if len(line) != 72 or seconds >= 2**63 or not is_signed(public, message, line[8:]):
            raise Forged(f"no head that fits was cosigned by {name}: the cosignature of this key does not hold")
        newest = max(seconds, newest or 0)
    return newest


def read_cosigned(notes, witness):
    """The largest head that this witness cosigned, and when; Forged where there is none, or a line that does not hold."""
    found = None
    for data, head in notes:
        seconds = cosigned_at(*read_note(data), witness)
        if seconds is not None:
            found = max(found or (0, 0), (head[0], seconds))
    if found is None:
        raise Forged(f"no head that fits was cosigned by {witness[0]}: there is none of this key")
    return witness[0], *found


def read_checkpoint(data, key):
    """Number of records and root of a head that this key signed."""
    name, identity, public = key
    text, signatures = read_note(data)
    ours = [signature for named, of, signature in signatures if (named, of) == (name, identity)]
    if not ours or not all(len(one) == 64 and is_signed(public, text.encode(), one) for one in ours):
        raise Forged("it has no signature of this key that holds")
    lines = text[:-1].split("\n")
    size, root = (decimal(lines[1]), unbase64(lines[2], 32)) if len(lines) == 3 else (None, None)
    if size is None or root is None or not lines[0]:
        raise Unusable("its text is not a name, a number of records and a root")
    if lines[0] != name:
        raise Unusable(f"it is of another ledger, {lines[0]}")
    return size, root.hex()


def of_one_ledger(heads):
    """Forged, where two heads contradict each other: nothing is then said of a ledger."""
    roots = {}
    for size, root in sorted(heads, key=lambda head: head[0]):
        if roots.setdefault(size, root) != root:
            two = f"two of the checkpoints were signed over {size} records, with different roots"
            raise Forged(f"{two}: the key signed two different ledgers")


def compare_heads(leaves, heads):
    """Broken, with the smallest head that the ledger does not begin with."""
    fits = 0
    for size, root in sorted(heads, key=lambda head: head[0]):
        if size > len(leaves):
            absent = f"records {len(leaves)} to {size - 1} are not there"
            raise Broken(f"it has {len(leaves)} records, and the checkpoint was signed over {size}: {absent}")
        if tree_hash(leaves[:size]) != root:
            if size == 0:
                raise Broken("a checkpoint of 0 records has not the root of an empty ledger: no ledger ever had it")
            if fits == 0:
                raise Broken(f"it has not what was signed over {size} records: it was changed since, and chained anew")
            had = f"it has what was signed over {fits} records and not what was signed over {size}"
            raise Broken(f"{had}: it was changed behind record {fits - 1}, or the checkpoint of {fits} was signed after the change")
        fits = size


def includes(size, root, index, line, hashes):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    node, at, last = leaf(line), index, size - 1
    for other in hashes:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = hashlib.sha256(b"\x01" + other + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + other).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and node.hex() == root


def read_proof(data, key):
    """The line and the number of the record that a file proves, and the head that this key signed for it."""
    malformed = Unusable("it is no file that `site-agent ledger prove` writes")
    proof, empty, note = data.partition(b"\n\n")
    try:
        lines = proof.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise malformed from None
    if len(data) > PROOF_BYTES_MAX or not empty or len(lines) < 3 or lines[0] != "c2sp.org/tlog-proof@v1":
        raise malformed
    line = unbase64(lines[1][6:]) if lines[1].startswith("extra ") else None
    index = decimal(lines[2][6:]) if lines[2].startswith("index ") else None
    hashes = [unbase64(text, 32) for text in lines[3:]]
    if line is None or index is None or None in hashes or len(hashes) > PROOF_HASHES_MAX:
        raise malformed
    try:
        head = read_checkpoint(note, key)
    except (Unusable, Forged) as error:
        raise type(error)(f"its checkpoint: {error}") from None
    if not includes(*head, index, line, hashes):
        raise Forged(f"record {index} is not in the ledger of {head[0]} records that its checkpoint names")
    try:
        is_it = parse(line, index + 1)["sequence"] == index
    except Broken:
        is_it = False
    if not is_it:
        raise Forged("what it holds is no ledger record, or one of another number")
    return line, index, head


def compare_earlier(leaves, arguments):
    """Heads and proofs that were kept elsewhere, beside the ledger where there is one; returns the proved lines, and what
    the witnesses that are named cosigned."""
    if not arguments.checkpoint and not arguments.proof:
        return [], []
    key, heads, proved, notes = read_key(arguments.key or ""), [], [], []
    for path in arguments.checkpoint:
        with open(path, "rb") as file, named(path):
            data = file.read(NOTE_BYTES_MAX + 1)
            heads.append(read_checkpoint(data, key))
            notes.append((data, heads[-1]))
    if len(arguments.witness) > NOTE_SIGNATURES_MAX - 1:
        raise Unusable(f"there are {NOTE_SIGNATURES_MAX - 1} witnesses that are named already")
    witnesses = list(dict.fromkeys(read_witness(text) for text in arguments.witness))
    cosigned = [read_cosigned(notes, witness) for witness in witnesses]
    taken = list(heads)
    for path in arguments.proof:
        with open(path, "rb") as file, named(path):
            line, index, head = read_proof(file.read(PROOF_BYTES_MAX + 1), key)
            if leaves is None and taken and head not in taken:
                of_one_ledger([*heads, head])
                sizes = ", ".join(str(size) for size, _ in sorted(taken))
                raise Unusable(f"its head is of {head[0]} records, and those that were taken away are of {sizes}")
        heads.append(head)
        proved.append((line, index, head))
        if leaves is not None and leaves[index : index + 1] != [leaf(line)]:
            raise Broken(f"record {index} is not the one that {path} proves")
    of_one_ledger(heads)
    if leaves is not None:
        compare_heads(leaves, heads)
    return proved, cosigned


@contextlib.contextmanager
def named(path):
    """What is wrong in here is wrong with this file."""
    try:
        yield
    except (Unusable, Forged) as error:
        raise type(error)(f"{path} is not usable: {error}") from None


def print_roots(leaves, taken):
    """What a person compares by eye where the ledger is refused."""
    if leaves is None:
        return
    print(f"this ledger: {len(leaves)} records, root {tree_hash(leaves)}", file=sys.stderr)
    if taken:
        print(f"taken by the coordinator: {taken[0]} records, root {taken[1]}", file=sys.stderr)
        if taken[0] < len(leaves):
            print(f"this ledger's first {taken[0]} records: root {tree_hash(leaves[: taken[0]])}", file=sys.stderr)


def verify_proofs(arguments):
    """Proofs alone, without the ledger."""
    try:
        proved, cosigned = compare_earlier(None, arguments)
    except (OSError, Unusable, Forged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, Forged) else 2
    if arguments.json:
        records = [{"size": head[0], "root": head[1], "record": json.loads(line)} for line, _, head in proved]
        summary = {"verified": True, "proved": records}
        print(json.dumps({**summary, **({"witnesses": told(cosigned)} if arguments.witness else {})}, indent=2))
        return 0
    for line, index, (size, root) in proved:
        print(line.decode("ascii"))
        print(f"record {index} is in the ledger of {size} records with the root {root}")
        if arguments.checkpoint:
            print("that head is one of those that were taken away")
    print_cosigned(cosigned)
    print(f"signed by the given key {arguments.key.strip(WHITE_SPACE)}")
    return 0


def told(cosigned):
    return [{"witness": name, "size": size, "seconds": seconds} for name, size, seconds in cosigned]


def print_cosigned(cosigned):
    for name, size, seconds in cosigned:
        print(f"its first {size} records were cosigned by {name} at {seconds} s since 1970; those behind are not witnessed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ledger", nargs="?", help="the file ledger/ledger.log of a site's state folder; with --proof not needed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--root", help="the Merkle root that is expected, in hexadecimal digits")
    parser.add_argument("--size", type=int, help="with --root: the number of records that root was taken over")
    parser.add_argument("--receipts", help="a file that `site-agent ledger receipts --out` wrote")
    parser.add_argument("--arrivals", help="a file that `coordinator ledger SITE --out` wrote")
    parser.add_argument("--officer", help="with --receipts: the officer's public key (officer.key.pub), whose decisions alone count")
    parser.add_argument("--checkpoint", action="append", default=[], help="a file that `site-agent ledger checkpoint --out` wrote; may be repeated")
    parser.add_argument("--proof", action="append", default=[], help="a file that `site-agent ledger prove --out` wrote; may be repeated")
    parser.add_argument("--witness", action="append", default=[], help="with --checkpoint: the verifier key of a witness that must have cosigned one of them; may be repeated")
    parser.add_argument("--key", help="with --checkpoint or --proof: the verifier key that was written down, NAME+ID+KEY")
    arguments = parser.parse_args()
    if arguments.witness and not arguments.checkpoint:
        parser.error("--witness needs --checkpoint: a head that the witness cosigned")
    if arguments.key is not None and not (arguments.checkpoint or arguments.proof):
        parser.error("--key needs --checkpoint or --proof: it says who signed them")
    if (arguments.checkpoint or arguments.proof) and not arguments.key:
        parser.error("--checkpoint and --proof need --key: the verifier key that was written down")
    of_ledger = (arguments.receipts, arguments.arrivals, arguments.root, arguments.size is not None)
    if not arguments.ledger and (not arguments.proof or any(of_ledger)):
        parser.error("which ledger? the file ledger/ledger.log of a site's state folder")
    if not arguments.ledger:
        return verify_proofs(arguments)
    fit, lost, uncompared, decisions, taken = 0, 0, [], 0, None
    leaves = None
    try:
        with open(arguments.ledger, "rb") as file:
            leaves, kinds, data, total, torn_bytes, records = verify(file.read())
        if arguments.receipts:
            officer = None
            if arguments.officer:
                with open(arguments.officer, "rb") as file:
                    found = re.fullmatch(rb"\s*consilium-officer-public-key\s+([0-9a-f]{64})\s*", file.read(1024))
                if not found:
                    raise Unusable(f"{arguments.officer} is no officer's public key")
                officer = bytes.fromhex(found[1].decode("ascii"))
            with open(arguments.receipts, "rb") as file:
                receipts, set_aside, taken, decisions = read_receipts(file.read(), officer)
            if taken and (taken[0] > len(leaves) or tree_hash(leaves[: taken[0]]) != taken[1]):
                raise Broken(f"its first {taken[0]} records are not there, or not those that the coordinator took")
            fit, lost, uncompared = compare(records, receipts, set_aside)
        site, key, same, not_arrived = None, None, 0, 0
        if arguments.arrivals:
            with open(arguments.arrivals, "rb") as file, named(arguments.arrivals):
                site, key, head, frames = read_arrivals(file.read())
            same, not_arrived, faults = reconcile(records, frames)
            if head and (head[0] > len(leaves) or tree_hash(leaves[: head[0]]) != head[1]):
                taken = head
                faults.append(f"the coordinator took a ledger of {head[0]} records that is not the beginning of this one")
            if faults:
                raise Broken("it does not fit what arrived: " + "; ".join(faults[:20]) + ("; and more" if len(faults) > 20 else ""))
        proved, cosigned = compare_earlier(leaves, arguments)
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
    except Unusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Forged as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Broken as error:
        print(f"error: the ledger is not intact: {error}", file=sys.stderr)
        print_roots(leaves, taken)
        return 1
    if torn_bytes:
        note = f"note: the last line is incomplete ({torn_bytes} bytes, not counted): a crash, or a running agent"
        print(note, file=sys.stderr)
    if arguments.json:
        summary = {"verified": True, "records": len(leaves), "bytes": total, "root": root, "kinds": kinds, "data": data}
        if arguments.arrivals:
            summary["arrivals"] = {"site": site, "receipt_key": key, "same": same, "not_arrived": not_arrived}
        if arguments.checkpoint or arguments.proof:
            counts = {"checkpoints": len(arguments.checkpoint), "proofs": len(proved)}
            summary["earlier"] = {**counts, "verifier_key": arguments.key.strip(WHITE_SPACE)}
        if arguments.witness:
            summary["witnesses"] = told(cosigned)
        summary["receipts"] = {"fit": fit, "frames_lost": lost, "not_compared": len(uncompared)}
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
    if fit or uncompared:
        words = f"fit, and {len(uncompared)} could not be compared" if uncompared else "all fit"
        print(f"receipts {fit}: {words}; {lost} frames never arrived or were not counted")
    if arguments.arrivals:
        print(f"what arrived is signed with the receipt key {key}")
        print(f"arrived from {site}: {same} frames, the same; {not_arrived} did not arrive or were not counted")
    if arguments.checkpoint or arguments.proof:
        print_cosigned(cosigned)
        print(f"earlier checkpoints {len(arguments.checkpoint)} and proofs {len(proved)}: all fit")
        print(f"signed by the given key {arguments.key.strip(WHITE_SPACE)}")
    for name in uncompared:
        print(f"note: so many frames may have been lost before {name} that it was not compared", file=sys.stderr)
    if decisions:
        whose = "a decision that this officer signed" if officer else "a decision whose signature was not looked at (--officer)"
        print(f"begun anew by {whose}: {decisions} times")
    print("the ledger is intact as far as it could be compared" if uncompared else "the ledger is intact")
    return 0


if __name__ == "__main__":
    sys.exit(main())
