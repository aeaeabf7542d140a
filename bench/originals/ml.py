"""Principal components, boosted trees and their ensemble, in four stages."""

import task  # before those that read its settings

import os
import pickle
import sys

import numpy as np

MODELS = 12  # of the ensemble; workers share them out
COMPONENTS = 100
CLASSES = 10


def generate():
    rng = np.random.default_rng(task.SEED)
    centres = rng.normal(0, 1, (CLASSES, 12))
    spread = rng.normal(0, 1, (12, 784))
    label = rng.integers(0, CLASSES, task.SIZE)
    hidden = centres[label] + rng.normal(0, 0.9, (task.SIZE, 12))
    pixels = np.clip(128 + 22 * hidden @ spread + rng.normal(0, 25, (task.SIZE, 784)), 0, 255).astype(int)
    np.savetxt(task.path("train.tsv"), np.column_stack([label, pixels]), fmt="%d", delimiter="\t")


def load(name):
    return np.load(task.path(name))


def pca():
    with task.read():
        data = np.loadtxt(task.path("train.tsv"), delimiter="\t")
        labels, pixels = data[:, 0].astype(int), data[:, 1:]
    with task.compute():
        centred = pixels - pixels.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(centred.T))
        order = np.argsort(values)[::-1][:COMPONENTS]
        points = centred @ vectors[:, order]
    with task.write():
        np.save(task.path("points.npy"), points)
        np.save(task.path("labels.npy"), labels)
        np.save(task.path("vectors.npy"), vectors[:, order])
    task.done()


def split():
    """The rows that models are trained on, and those that they never see."""
    cut = task.SIZE * 4 // 5
    return slice(0, cut), slice(cut, task.SIZE)


def fit(x, y, rng):
    feature_fraction, chance = rng.uniform(0.5, 0.9), rng.uniform(0.6, 0.95)
    try:
        import lightgbm as lgb
    except ImportError:
        from sklearn.ensemble import HistGradientBoostingClassifier

        # No fractions there: each model sees its own columns and rows instead.
        columns = np.sort(rng.choice(x.shape[1], int(feature_fraction * x.shape[1]), replace=False))
        rows = rng.choice(len(x), int(chance * len(x)), replace=False)
        model = HistGradientBoostingClassifier(max_iter=30, max_depth=8, max_leaf_nodes=50, learning_rate=0.05, early_stopping=False)
        model.fit(x[rows][:, columns], y[rows])
        return model, columns
    params = {
        "boosting_type": "gbdt", "objective": "multiclass", "num_classes": CLASSES, "num_leaves": 50, "max_depth": 8,
        "learning_rate": 0.05, "feature_fraction": feature_fraction, "bagging_fraction": chance, "bagging_freq": 1,
        "num_threads": int(os.environ["OMP_NUM_THREADS"]), "verbose": -1, "seed": int(rng.integers(1 << 30)),
    }
    return lgb.train(params, lgb.Dataset(x, y), num_boost_round=30), np.arange(x.shape[1])


def probabilities(model, columns, x):
    known = getattr(model, "predict_proba", None) or model.predict
    return known(x[:, columns])


def train():
    known, _ = split()
    with task.read():
        points, labels = load("points.npy"), load("labels.npy")
    first, last = task.share(MODELS)
    for number in range(first, last):
        with task.compute():
            pair = fit(points[known], labels[known], np.random.default_rng([task.SEED, number]))
        with task.write(), open(task.path(f"model-{number}"), "wb") as f:
            pickle.dump(pair, f)
    task.done()


def aggregate():
    _, unseen = split()
    with task.read():
        points = load("points.npy")[unseen]
        pairs = []
        for number in range(MODELS):
            with open(task.path(f"model-{number}"), "rb") as f:
                pairs.append(pickle.load(f))
    with task.compute():
        each = np.array([probabilities(model, columns, points) for model, columns in pairs])
    with task.write():
        np.save(task.path("each.npy"), each)
    task.done()


def test():
    _, unseen = split()
    with task.read():
        each, labels = load("each.npy"), load("labels.npy")[unseen]
    with task.compute():
        together = (each.mean(axis=0).argmax(axis=1) == labels).mean()
        alone = (each.argmax(axis=2) == labels).mean()
    task.done(units=task.SIZE, accuracy=together, accuracy_of_a_model=alone)


{"generate": generate, "pca": pca, "train": train, "aggregate": aggregate, "test": test}[sys.argv[1]]()
