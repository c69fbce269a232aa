"""One dataset in every format that the laboratory reads, and its way there."""

import io
import json

import numpy as np
from lab_client import ask

URL = "/api/v1/datasets"

RNG = np.random.default_rng(11)
LOGITS = RNG.normal(scale=3, size=(500, 4)).round(3)
LABELS = np.where(RNG.random(500) < 0.7, LOGITS.argmax(axis=1), RNG.integers(0, 4, 500))


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def text(separator, header=None, table=None):
    table = np.column_stack([LOGITS, LABELS]) if table is None else table
    lines = [] if header is None else [separator.join(header)]
    lines += [separator.join(map(repr, row)) for row in table.tolist()]
    return "\n".join(lines).encode()


def rows(**names):
    scores, label = names.get("scores", "logits"), names.get("label", "label")
    return [{scores: z, label: y} for z, y in zip(LOGITS.tolist(), LABELS.tolist(), strict=True)]


FILES = {
    "a.npz": npz(logits=LOGITS, labels=LABELS, other=np.zeros(3)),
    "b.NPZ": npz(scores=LOGITS, y=LABELS.astype(np.uint8)),
    "a.npy": npy(np.column_stack([LOGITS, LABELS])),
    "a.csv": text(",", ["w", "x", "label", "y z", "v"], np.insert(LOGITS, 2, LABELS, axis=1)),
    "b.csv": text(","),
    "a.tsv": text("\t", ["w", "x", "y z", "v", "Target"]),
    "a.json": json.dumps({"logits": LOGITS.tolist(), "labels": LABELS.tolist()}).encode(),
    "b.json": json.dumps(rows(label="y_true")).encode(),
    "a.jsonl": "\n".join(map(json.dumps, rows())).encode(),
}


def upload(app, name, data, query=""):
    return ask(app, f"{URL}?name={name}{query}", data, **{"content-type": "application/x-any"})
