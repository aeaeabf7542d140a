"""What a worker of energyprobe's is told, and what it says of itself."""

import json
import os
import time

# One thread for a worker, so that their number is what is done at once: numeric
# libraries read these when they are loaded, so this module is imported first.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

DIR = os.environ["ENERGYPROBE_DIR"]
SIZE = int(os.environ["ENERGYPROBE_SIZE"])
SEED = int(os.environ["ENERGYPROBE_SEED"])
WORKER = int(os.environ.get("ENERGYPROBE_WORKER", "0"))
WORKERS = int(os.environ.get("ENERGYPROBE_WORKERS", "1"))

_spent = {"read_s": 0.0, "compute_s": 0.0, "write_s": 0.0}


class _Part:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, *_):
        _spent[self.name] += time.monotonic() - self.began


def read():
    return _Part("read_s")


def compute():
    return _Part("compute_s")


def write():
    return _Part("write_s")


def path(name):
    return os.path.join(DIR, name)


def share(n):
    """The part of n units that is this worker's: from, to."""
    return n * WORKER // WORKERS, n * (WORKER + 1) // WORKERS


def done(units=None, **quality):
    """Says what was spent on what and, where units are given, what it came to."""
    result = dict(_spent)
    if units is not None:
        figures = [{"Name": name.replace("_", " "), "Value": float(value)} for name, value in quality.items()]
        result["outcome"] = {"Units": units, "Checksum": "", "Quality": figures}
    with open(os.environ["ENERGYPROBE_RESULT"], "w", encoding="utf-8") as f:
        json.dump(result, f)
