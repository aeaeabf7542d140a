"""Pi by sampling: every worker its part of the points, in iterations of 100,000."""

import math
import random

import task

ITERATION = 100_000

random.seed(task.SEED * 1000 + task.WORKER)
first, last = task.share(task.SIZE)
inside = 0
with task.compute():
    left = last - first
    while left > 0:
        n = min(left, ITERATION)
        for _ in range(n):
            x, y = random.random(), random.random()
            if x * x + y * y <= 1.0:
                inside += 1
        left -= n
pi = 4 * inside / max(1, last - first)
with task.write(), open(task.path(f"inside-{task.WORKER}"), "w", encoding="utf-8") as f:
    f.write(f"{inside}\n")
task.done(units=task.SIZE, error_of_pi=abs(pi - math.pi))
