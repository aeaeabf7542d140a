"""Survival on the Titanic: every worker trains a random forest on its part of the
passengers."""

import task  # before those that read its settings

import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

FEATURES = ["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare"]


def generate():
    rng = np.random.default_rng(task.SEED)
    n = task.SIZE
    pclass = rng.choice([1, 2, 3], n, p=[0.24, 0.21, 0.55])
    female = rng.random(n) < 0.35
    age = np.clip(rng.normal(38 - 4.5 * pclass + 8, 14, n), 0.4, 80).round()
    fare = np.round(np.exp(rng.normal(4.4 - 0.75 * pclass, 0.5)), 2)
    chance = 1 / (1 + np.exp(-(1.4 + 2.6 * female - 1.05 * pclass - 0.03 * age + 0.9 * (age < 13))))
    frame = pd.DataFrame({
        "PassengerId": np.arange(1, n + 1),
        "Survived": (rng.random(n) < chance).astype(int),
        "Pclass": pclass,
        "Sex": np.where(female, "female", "male"),
        "Age": np.where(rng.random(n) < 0.2, np.nan, age),
        "SibSp": rng.poisson(0.5, n),
        "Parch": rng.poisson(0.4, n),
        "Fare": fare,
    })
    frame.to_csv(task.path("titanic.csv"), index=False)


def train():
    first, last = task.share(task.SIZE)
    with task.read():
        chunk = pd.read_csv(task.path("titanic.csv"), skiprows=range(1, first + 1), nrows=last - first)
    with task.compute():
        chunk = chunk.dropna(subset=FEATURES + ["Survived"])
        x = pd.get_dummies(chunk[FEATURES], columns=["Sex"], drop_first=True)
        y = chunk["Survived"]
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
        model = RandomForestClassifier(n_estimators=100, random_state=42)
        model.fit(x_train, y_train)
        accuracy = accuracy_score(y_test, model.predict(x_test))
    with task.write(), open(task.path(f"accuracy-{task.WORKER}"), "w", encoding="utf-8") as f:
        f.write(f"{accuracy}\n")
    task.done(units=task.SIZE, accuracy=accuracy)


{"generate": generate, "train": train}[sys.argv[1]]()
