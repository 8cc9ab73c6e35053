"""Asks `deploy/verify_ledger.py` about every numbered folder of a folder, and says what it says in the corpus' words.

Run by `tests/it/corpus.rs`: driver.py PROGRAM FOLDER VERIFIER_KEY COUNT. One line a folder: exit code, verdict.
"""

import contextlib
import importlib.util
import io
import json
import os
import re
import sys

spec = importlib.util.spec_from_file_location('verify_ledger', sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)


def verdict(code, out, err):
    if code == 0:
        said = json.loads(out)
        return f"intact {said['records']} {said['bytes']} {said['root'][:16]}"
    for pattern, form in (
        (r"receipt of run (\w+), round (\d+): record (\d+), which", "receipt {}/{} missing {}"),
        (r"receipt of run (\w+), round (\d+): a record from (\d+) to (\d+)", "receipt {}/{} differs {} {}"),
        (r"receipt of run (\w+), round (\d+) is not signed", "receipt {}/{} unsigned"),
        (r"ledger receipts --out` wrote|file of receipts has", "receipts unusable"),
        (r"its first (\d+) records are not there, or not those that the coordinator took", "taken {}"),
        (r"no head that fits was cosigned by (\S+): there is none of this key", "witness {} missing"),
        (r"no head that fits was cosigned by (\S+): the cosignature of this key does not hold", "witness {} forged"),
        (r"the witness is not named by a verifier key", "witness unusable"),
        (r"has (\d+) records, and the checkpoint was signed over (\d+):", "short {} {}"),
        (r"signed over (\d+) records, with different roots: the key signed two", "two ledgers {}"),
        (r"has what was signed over (\d+) records and not what was signed over (\d+): it was changed behind", "differs {} {}"),
        (r"has not what was signed over (\d+) records: it was changed since", "differs 0 {}"),
        (r"a checkpoint of 0 records has not the root of an empty ledger", "differs 0 0"),
        (r"record (\d+) is not the one that .* proves", "proof other {}"),
        (r"/(proof|checkpoint|arrivals)(?:-\d+)? is not usable", "{} " + ("forged" if code == 1 else "unusable")),
        (r"not intact: line (\d+) ", "line {}"),
    ):
        found = re.search(pattern, err)
        if found:
            return form.format(*found.groups())
    if "it does not fit what arrived" in err:
        records = sorted({int(n) for n in re.findall(r"record (\d+): ", err)})
        taken = re.search(r"took a ledger of (\d+) records", err)
        return " ".join(["arrivals", ",".join(map(str, records))] + (["taken", taken[1]] if taken else []))
    return "? " + err


key = sys.argv[3]
for number in range(int(sys.argv[4])):
    folder = os.path.join(sys.argv[2], str(number))
    names = sorted(os.listdir(folder))
    path = lambda name: os.path.join(folder, name)
    arguments = [path("ledger"), "--json"]
    for name in names:
        option = name.split("-")[0]
        if option == "witness":
            with open(path(name), encoding="utf-8") as file:
                arguments += ["--witness", file.read()]
        elif option != "ledger":
            arguments += ["--" + option, path(name)]
    if any(name.startswith(("checkpoint", "proof")) for name in names):
        arguments += ["--key", key]
    kept, sys.argv = sys.argv, ["verify_ledger.py", *arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.main()
    sys.argv = kept
    print(code, verdict(code, out.getvalue(), err.getvalue()))
