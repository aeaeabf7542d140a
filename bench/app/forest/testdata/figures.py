#!/usr/bin/python3
"""Prints what scikit-learn's forests come to on the rows that forest_test.go makes."""
import math

import numpy
from sklearn.ensemble import RandomForestClassifier

ROWS, SEEDS = 1000, 10


def checkers(n, seed, coarse, features):
    state = seed

    def following():
        nonlocal state
        state = state * 48271 % (2**31 - 1)
        return state / (2**31 - 1)

    x, y = [], []
    for _ in range(n):
        row = [following() for _ in range(features)]
        if coarse:
            row = [math.floor(v * 20) / 20 for v in row]
        c = (int(row[0] * 5) + int(row[1] * 5)) & 1
        if following() < .1:
            c = 1 - c
        x.append(row)
        y.append(c)
    return numpy.array(x), numpy.array(y)


for name, coarse, features in ("coarse, 4 features", True, 4), ("fine, 2 features", False, 2), ("fine, 9 features", False, 9):
    accuracies, nodes = [], []
    for seed in range(1, SEEDS + 1):
        x, y = checkers(ROWS, seed, coarse, features)
        learn = ROWS * 4 // 5
        forest = RandomForestClassifier(n_estimators=100, random_state=seed).fit(x[:learn], y[:learn])
        accuracies.append((forest.predict(x[learn:]) == y[learn:]).mean())
        nodes.append(sum(t.tree_.node_count for t in forest.estimators_))
    # The same rows with other seeds: how far forests are apart.
    other = [(RandomForestClassifier(n_estimators=100, random_state=s).fit(x[:learn], y[:learn]).predict(x[learn:]) == y[learn:]).mean()
             for s in range(20)]
    print(f"{name}: accuracy {numpy.mean(accuracies):.4f}, of one forest +-{numpy.std(other, ddof=1):.4f}, nodes {numpy.mean(nodes):.0f}")
