#!/usr/bin/python3
"""The image operations of the video application beside OpenCV and NumPy.

    video.py --golden        prints what they answer to generated images:
                             bench/app/vision/testdata/opencv.txt
    video.py [--rounds N]    times both on one core, in turns, and prints medians

apt-get install -y python3-opencv
"""

import argparse
import hashlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import cv2
    import numpy as np
except ImportError as e:
    sys.exit(f"video.py: {e}: apt-get install -y python3-opencv, and start it with /usr/bin/python3")

KERNEL = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]])

SIZES = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 3), (2, 5), (5, 4), (1, 40), (40, 1), (7, 7), (11, 5),
         (12, 6), (13, 9), (16, 16), (17, 9), (15, 33), (31, 31), (32, 8), (33, 17), (48, 3), (63, 10), (64, 11),
         (65, 12), (127, 31), (128, 9), (129, 33), (333, 221), (640, 360), (1280, 720)]
PATTERNS = ["noise", "levels", "slope", "blocks", "rings"]
THRESHOLDS = [(50, 150), (0, 0), (100, 100), (300, 20), (-5, 700)]


def mix(v):
    """The finisher of SplitMix64, on arrays."""
    v = (v ^ (v >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    v = (v ^ (v >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return v ^ (v >> np.uint64(31))


def image(pattern, w, h, seed):
    """The same image as generate in bench/app/vision/golden_test.go."""
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(3), indexing="ij")
    y, x, c = (a.astype(np.uint64) for a in (y, x, c))
    golden, base = np.uint64(0x9E3779B97F4A7C15), np.uint64(seed << 32)
    u = np.uint64
    noise = mix((base + (y * u(w) + x) * u(3) + c) * golden)
    if pattern == "noise":
        v = noise & u(255)
    elif pattern == "levels":
        v = (noise & u(3)) * u(85)
    elif pattern == "slope":
        v = ((x * u(5) + y * u(3) + c * u(320)) >> u(3)) + (noise & u(3)) & u(255)
    elif pattern == "blocks":
        block = mix((base + (y // u(17) * u(1000) + x // u(13)) * u(3) + c) * golden)
        v = (block & u(127)) + u(64) + (noise & u(7))
    else:
        dx, dy = x.astype(np.int64) - w // 3, y.astype(np.int64) - h // 2
        v = ((dx * dx + dy * dy) >> 5).astype(np.uint64) + c * u(30) & u(255)
    return v.astype(np.uint8)


def sharpen(rgb):
    return cv2.filter2D(rgb, -1, KERNEL)


def luma(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def grey_mean(rgb):
    return np.mean(np.mean(rgb, axis=2).astype(np.uint8))


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]


def golden():
    print(f"# Written by testdata/peers/video.py --golden: OpenCV {cv2.__version__}, NumPy {np.__version__}.")
    print("# pattern width height: sum of greys, SHA-256 of sharpened, of luma, then edges and SHA-256 by threshold")
    for pattern in PATTERNS:
        for w, h in SIZES:
            if w > 400 and pattern != "blocks":
                continue  # the test's time
            rgb = image(pattern, w, h, w * 1000 + h)
            grey = luma(rgb)
            total = int(np.mean(rgb, axis=2).astype(np.uint8).sum(dtype=np.int64))
            fields = [pattern, w, h, total, digest(sharpen(rgb)), digest(grey)]
            for low, high in THRESHOLDS:
                edges = cv2.Canny(grey, low, high)
                fields += [int((edges > 0).sum()), digest(edges)]
            print(*fields)


# What is timed: OpenCV's ways, of which the fastest counts, and our benchmark.
def timed(rgb):
    grey = luma(rgb)
    return {
        "GreySum": {
            "numpy mean": lambda: grey_mean(rgb),
            "cv2 transform + mean": lambda: cv2.mean(cv2.transform(rgb, np.full((1, 3), 1 / 3, np.float32)))[0],
            "cv2 cvtColor + mean": lambda: cv2.mean(luma(rgb))[0],
        },
        "Sharpen": {"cv2 filter2D": lambda: sharpen(rgb)},
        "Luma": {"cv2 cvtColor": lambda: luma(rgb)},
        "Canny": {"cv2 Canny": lambda: cv2.Canny(grey, 50, 150)},
        "All": {"cv2": lambda: (cv2.mean(luma(rgb)), cv2.Canny(luma(sharpen(rgb)), 50, 150))},
    }


def once(f, n=5):
    f()
    spent = []
    for _ in range(n):
        began = time.process_time_ns()
        f()
        spent.append(time.process_time_ns() - began)
    return statistics.median(spent) / 1e6


def ours(binary):
    out = subprocess.run([binary, "-test.run", "^$", "-test.bench", "Frame", "-test.benchtime", "20x", "-test.cpu", "1"],
                         check=True, capture_output=True, text=True).stdout
    return {m[1]: float(m[2]) / 1e6 for m in re.finditer(r"^BenchmarkFrame/(\S+)\s.*\s([\d.]+) cpu-ns/op", out, re.M)}


def compare(rounds):
    cv2.setNumThreads(1)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with tempfile.TemporaryDirectory() as tmp:
        binaries = {}
        for name, tags in (("assembly", ""), ("Go alone", "purego")):
            binaries[name] = os.path.join(tmp, name.replace(" ", "-"))
            subprocess.run(["go", "test", "-c", "-tags", tags, "-o", binaries[name], "./bench/app/vision"], check=True, cwd=root)
        peers = timed(image("blocks", 1280, 720, 7))
        rows = {}
        for _ in range(rounds):
            for name, binary in binaries.items():
                for kernel, ms in ours(binary).items():
                    rows.setdefault((kernel, name), []).append(ms)
            for kernel, ways in peers.items():
                for way, f in ways.items():
                    rows.setdefault((kernel, way), []).append(once(f))
    print(f"ms of one core for a frame of 1280 x 720, medians of {rounds} rounds; OpenCV {cv2.__version__}, NumPy {np.__version__}")
    for kernel, ways in peers.items():
        medians = {way: statistics.median(v) for (k, way), v in rows.items() if k == kernel}
        best = min(medians[way] for way in ways if way != "numpy mean")
        for way, ms in medians.items():
            print(f"{kernel:8} {way:22} {ms:8.3f}  {ms / best:6.2f} of OpenCV's best")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", action="store_true")
    p.add_argument("--rounds", type=int, default=9)
    args = p.parse_args()
    golden() if args.golden else compare(args.rounds)


if __name__ == "__main__":
    main()
