#!/usr/bin/env python3
"""What bench/app/ml does, with NumPy and scikit-learn, on one core.

    ml.py FILE          all stages once, as one line of JSON
    ml.py FILE --turns  a stage whenever its name comes on standard input

FILE is rows as the application has them: a label and 784 pixels, separated by
tabs. Seconds are CPU time, so that other load on the machine counts less. Debian
has what it needs: apt install python3-sklearn python3-pandas libopenblas0-pthread

PCA is by eigen-decomposition of the covariance matrix, as scikit-learn's
svd_solver="covariance_eigh" (from 1.5 on): its full solver takes many times as
long. scikit-learn's histogram gradient boosting stands in for LightGBM, which
Debian doesn't have.
"""
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import json
import sys
import time

import numpy as np
import pandas as pd
import scipy.linalg
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss


class Peer:
    def __init__(self, path):
        self.path = path
        self.read()

    def read(self):
        rows = pd.read_csv(self.path, sep="\t", header=None, dtype=np.uint8).to_numpy()
        kept = np.arange(len(rows)) % 6 == 5
        self.train, self.train_labels = rows[~kept, 1:], rows[~kept, 0]
        self.test, self.test_labels = rows[kept, 1:], rows[kept, 0]
        return {"rows": len(rows)}

    def pca(self):
        x = self.train.astype(np.float64)
        k = min(100, len(x) - 1)
        mean = x.mean(axis=0)
        centred = x - mean
        # The faster of the two: SciPy may leave the other vectors out.
        cov = centred.T @ centred / (len(x) - 1)
        d = len(cov)
        values, vectors = scipy.linalg.eigh(cov, subset_by_index=(d - k, d - 1), driver="evr", check_finite=False)
        vectors = vectors[:, ::-1]
        self.train_z = centred @ vectors
        self.test_z = (self.test.astype(np.float64) - mean) @ vectors
        return {"explained": values.sum() / np.trace(cov), "values": values[::-1].tolist()}

    def fit(self):
        self.model = HistGradientBoostingClassifier(
            max_iter=30, max_leaf_nodes=50, max_depth=8, learning_rate=0.05, min_samples_leaf=20,
            max_bins=255, early_stopping=False, random_state=0)
        self.model.fit(self.train_z, self.train_labels)
        return {}

    def predict(self):
        p = self.model.predict_proba(self.test_z)
        likeliest = self.model.classes_[p.argmax(axis=1)]
        return {
            "accuracy": float((likeliest == self.test_labels).mean()),
            "log_loss": float(log_loss(self.test_labels, p, labels=self.model.classes_)),
        }


def turn(peer, stage):
    began = time.process_time()
    out = getattr(peer, stage)()
    return {"stage": stage, "seconds": time.process_time() - began} | out


def main():
    peer = Peer(sys.argv[1])
    stages = ("read", "pca", "fit", "predict")
    if "--turns" not in sys.argv[2:]:
        print(json.dumps({s: turn(peer, s) for s in stages}))
        return
    for line in sys.stdin:
        stage = line.strip()
        if stage not in stages:
            sys.exit(f"no stage {stage!r}: there are {', '.join(stages)}")
        print(json.dumps(turn(peer, stage)), flush=True)


if __name__ == "__main__":
    main()
