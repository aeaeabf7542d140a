"""Chunks of ten seconds, the brightest frame of each, sharpened, and its edges."""

import task  # before those that read its settings

import glob
import json
import subprocess
import sys

import cv2
import numpy as np

WIDTH, HEIGHT, RATE, CHUNK_S = 1280, 720, 24, 10
KERNEL = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]])

cv2.setNumThreads(1)


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *args], check=True)


def generate():
    seconds = task.SIZE / RATE
    source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}:duration={seconds},eq=brightness='0.2*sin(t)':eval=frame"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", task.path("video.mp4"))


def split():
    with task.compute():
        ffmpeg("-i", task.path("video.mp4"), "-an", "-c:v", "libx264", "-preset", "ultrafast", "-f", "segment",
               "-segment_time", str(CHUNK_S), "-force_key_frames", f"expr:gte(t,n_forced*{CHUNK_S})",
               "-reset_timestamps", "1", task.path("chunk-%04d.mp4"))
    task.done()


def mine(pattern):
    """This worker's part of the files."""
    files = sorted(glob.glob(task.path(pattern)))
    first, last = task.share(len(files))
    return files[first:last]


def extract():
    for file in mine("chunk-*.mp4"):
        best, brightest = -1.0, None
        with task.read():
            video = cv2.VideoCapture(file)
        with task.compute():
            while True:
                there, frame = video.read()
                if not there:
                    break
                mean = np.mean(np.mean(frame, axis=2).astype(np.uint8))
                if mean > best:
                    best, brightest = mean, frame
        with task.write():
            np.save(file.replace("chunk-", "frame-") + ".npy", brightest)
    task.done()


def sharpen():
    for file in mine("frame-*.npy"):
        with task.read():
            frame = np.load(file)
        with task.compute():
            sharp = cv2.filter2D(frame, -1, KERNEL)
        with task.write():
            np.save(file.replace("frame-", "sharp-"), sharp)
    task.done()


def classify():
    densities = []
    for file in mine("sharp-*.npy"):
        with task.read():
            frame = np.load(file)
        with task.compute():
            edges = cv2.Canny(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), 50, 150)
            density = float(np.sum(edges > 0) / edges.size)
        densities.append(density)
        with task.write(), open(file + ".json", "w", encoding="utf-8") as f:
            json.dump({"height": frame.shape[0], "width": frame.shape[1], "edge_density": density, "complexity": 100 * density,
                       "mean": frame.mean(axis=(0, 1)).tolist(), "std": frame.std(axis=(0, 1)).tolist()}, f)
    if densities:
        task.done(units=task.SIZE, edge_density=np.mean(densities))
    else:
        task.done()


{"generate": generate, "split": split, "extract": extract, "sharpen": sharpen, "classify": classify}[sys.argv[1]]()
