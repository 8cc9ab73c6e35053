#!/usr/bin/env python3
"""The other side of `deploy/bench --rounds --against nvflare|flower PYTHON`: rounds of the same size by a rival.

What a round is, on both sides: a server and sites as processes of their own on this machine, a model of so many MB of
f32 numbers in 64 rows, which every site gets, changes (x + 1) and sends back whole, and which the server averages. The
rival is used as its own guide says, with nothing of ours in between:

  nvflare  proof-of-concept mode (mutual TLS, one process tree a site), its FedAvg recipe on numpy arrays, the site's
           code in its job's process (the fastest of its ways)
  flower   a SuperLink and a SuperNode a site, FedAvg, **without TLS** (the sites of this version have no
           certificates of their own), telemetry off

A round's overhead is what ours is: from the moment when the last site hands over its update until the last site has the
next model in its code. `server_peak_rss_bytes` is the largest sum over the server's processes, looked at five times a
second. `--check` only says what is missing and which version is there. Everything is under --folder, and every process
that was started is ended.
"""
import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import textwrap
import threading
import time

PACKAGES = {"nvflare": ["nvflare", "numpy"], "flower": ["flwr", "numpy"]}
# Which processes are the server: a part of the command line.
SERVERS = {"nvflare": ["server_train", "/server/"], "flower": ["superlink", "serverapp"]}
ROWS = 64
START_S_MAX = 120
ROUND_S_MAX = 120
TAG = "CONSILIUM_BENCH_TAG"

NVFLARE_SITE = """
import json, os, sys, time
import numpy as np
import nvflare.client as flare
flare.init()
with open(os.path.join(sys.argv[1], flare.get_site_name() + ".times"), "a") as times:
    while flare.is_running():
        model = flare.receive()
        received = time.time()
        changed = {name: np.asarray(values) + np.float32(1) for name, values in model.params.items()}
        times.write(json.dumps([model.current_round, received, time.time()]) + "\\n")
        times.flush()
        flare.send(flare.FLModel(params=changed, params_type=flare.ParamsType.FULL, metrics={"m": 1.0},
                                 current_round=model.current_round, meta={"NUM_STEPS_CURRENT_ROUND": 1}))
"""

NVFLARE_JOB = """
import sys
from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe
from nvflare.recipe import PocEnv
model, times, rounds, sites = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
recipe = NumpyFedAvgRecipe(name="rounds", min_clients=sites, num_rounds=rounds, model=None, initial_ckpt=model,
                           train_script="site_code.py", train_args=times)
run = recipe.execute(PocEnv(num_clients=sites))
print("status", run.get_status())
run.get_result()
"""

FLOWER_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "rounds"
version = "1.0.0"
dependencies = []
[tool.hatch.build.targets.wheel]
packages = ["."]
[tool.flwr.app]
publisher = "bench"
[tool.flwr.app.components]
serverapp = "app.server_app:app"
clientapp = "app.client_app:app"
[tool.flwr.app.config]
num-server-rounds = 3
numbers = 1000
sites = 2
times = ""
"""

FLOWER_SITE = """
import json, os, time
received = None
import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
app = ClientApp()
@app.train()
def train(message, context):
    received = time.time()
    changed = [values + np.float32(1) for values in message.content["arrays"].to_numpy_ndarrays()]
    name = str(context.node_config["partition-id"])
    with open(os.path.join(context.run_config["times"], name + ".times"), "a") as times:
        times.write(json.dumps([message.content["config"]["server-round"], received, time.time()]) + "\\n")
    return Message(content=RecordDict({"arrays": ArrayRecord(changed), "metrics": MetricRecord({"num-examples": 1})}),
                   reply_to=message)
"""

FLOWER_SERVER = """
import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
app = ServerApp()
@app.main()
def main(grid, context):
    settings = context.run_config
    rows, sites = %d, int(settings["sites"])
    model = np.random.default_rng(0).standard_normal((rows, int(settings["numbers"]) // rows)).astype("float32")
    FedAvg(fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites).start(
        grid=grid, num_rounds=int(settings["num-server-rounds"]), initial_arrays=ArrayRecord(list(model)))
""" % ROWS


def answer(**fields):
    print(json.dumps(fields), flush=True)


class Watch(threading.Thread):
    """The largest sum of resident sets of the server's processes: those with our tag and a word of the server's."""

    def __init__(self, tag, words):
        super().__init__(daemon=True)
        self.tag, self.words, self.peak, self.over = f"{TAG}={tag}".encode(), words, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            self.peak = max(self.peak, sum(rss for _, command, rss in ours(self.tag)
                                           if any(word in command for word in self.words)))


def ours(tag):
    """Process id, command line and resident set (bytes) of every process with this tag in its environment."""
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if tag in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                pages = int((folder / "statm").read_text().split()[1])
                yield int(folder.name), command, pages * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            continue


def end_all(tag):
    for how in (signal.SIGTERM, signal.SIGKILL):
        for pid, _, _ in ours(tag):
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                pass
        time.sleep(1)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip())


def nvflare(options, folder, environment, times):
    import numpy as np
    write(folder / "site_code.py", NVFLARE_SITE)
    write(folder / "job.py", NVFLARE_JOB)
    model = folder / "model.npy"
    columns = options.bytes // 4 // ROWS
    np.save(model, np.random.default_rng(0).standard_normal((ROWS, columns)).astype("float32"))
    environment["NVFLARE_POC_WORKSPACE"] = str(folder / "poc")
    within = START_S_MAX + ROUND_S_MAX * options.rounds
    # The result is fetched by the job's own program; its answer is not needed, the sites' times are.
    subprocess.run([sys.executable, "job.py", model, times, str(options.rounds), str(options.sites)], cwd=folder,
                   env=environment, stdout=(folder / "log").open("w"), stderr=subprocess.STDOUT, timeout=within,
                   check=True)


def flower(options, folder, environment, times):
    home = folder / "home"
    home.mkdir()
    environment.update(FLWR_HOME=str(home), FLWR_TELEMETRY_ENABLED="0", HOME=str(home))
    # Its programs start each other by name.
    bin_folder = pathlib.Path(sys.executable).parent
    environment["PATH"] = f"{bin_folder}:{environment.get('PATH', '')}"
    write(folder / "app/pyproject.toml", FLOWER_PROJECT)
    write(folder / "app/app/__init__.py", "")
    write(folder / "app/app/client_app.py", FLOWER_SITE)
    write(folder / "app/app/server_app.py", FLOWER_SERVER)
    port = options.port
    write(home / "config.toml", f"""
        [superlink]
        default = "bench"
        [superlink.bench]
        address = "127.0.0.1:{port}"
        insecure = true
        """)
    log = (folder / "log").open("w")

    def begin(*command):
        return subprocess.Popen([bin_folder / command[0], *command[1:]], cwd=folder, env=environment, stdout=log,
                                stderr=subprocess.STDOUT)
    begin("flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(port), "--database", "link.db",
          "--disable-runtime-dependency-installation")
    time.sleep(5)
    for site in range(options.sites):
        begin("flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{port}", "--port", str(port + 1 + site),
              "--node-config", f"partition-id={site} num-partitions={options.sites}")
    time.sleep(5)
    settings = (f"numbers={options.bytes // 4} num-server-rounds={options.rounds} sites={options.sites} "
                f"times=\"{times}\"")
    run = begin("flwr", "run", "app", "bench", "--stream", "--run-config", settings)
    run.wait(START_S_MAX + ROUND_S_MAX * options.rounds)


def overheads(times, options):
    """Seconds of every round but the last, from the files in which each site wrote [round, received, ready]."""
    files = sorted(times.glob("*.times"))
    if len(files) != options.sites:
        raise RuntimeError(f"{len(files)} of {options.sites} sites wrote their times")
    rounds = [sorted(json.loads(line) for line in file.read_text().splitlines()) for file in files]
    if any(len(site) != options.rounds for site in rounds):
        raise RuntimeError(f"sites took part in {[len(site) for site in rounds]} of {options.rounds} rounds")
    return [max(site[index + 1][1] for site in rounds) - max(site[index][2] for site in rounds)
            for index in range(options.rounds - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rival", choices=sorted(PACKAGES))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bytes", type=int, default=16_000_000, help="bytes of the model (f32)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds; one fewer is measured")
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--port", type=int, default=18_100, help="first port on loopback (flower)")
    parser.add_argument("--folder", type=pathlib.Path, help="an empty folder")
    options = parser.parse_args()
    missing = [name for name in PACKAGES[options.rival] if importlib.util.find_spec(name) is None]
    if options.check or missing:
        version = None if missing else importlib.metadata.version(PACKAGES[options.rival][0])
        answer(missing=missing, version=version)
        return 0
    folder = options.folder.resolve()
    times = folder / "times"
    times.mkdir(parents=True)
    tag = f"{os.getpid()}-{time.time_ns()}"
    environment = dict(os.environ, **{TAG: tag})
    watch = Watch(tag, SERVERS[options.rival])
    watch.start()
    try:
        {"nvflare": nvflare, "flower": flower}[options.rival](options, folder, environment, times)
        measured = overheads(times, options)
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        log = folder / "log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        print(f"{options.rival} did not finish: {error}\n{tail}", file=sys.stderr)
        return 1
    finally:
        watch.over.set()
        end_all(f"{TAG}={tag}".encode())
    answer(overhead_s=statistics.median(measured), overheads_s=measured, server_peak_rss_bytes=watch.peak,
           version=importlib.metadata.version(PACKAGES[options.rival][0]))
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
