/** The Python and shell lines that give the numbers of a file, and the rows of the chosen bin. */

import { quote } from "../core/snippets.js";

/** Return the lines for `data`, the summary of a file, or null before there is one. */
export function lines(data, bins, chosen) {
    const file = data?.name ?? "test.npz";
    const taken =
        data?.kind === "probabilities"
            ? "p = scores  # they are probabilities"
            : "p = logitkit.softmax(scores)";
    const python = [
        ...reading(file, data),
        taken,
        "confidence, right = p.max(axis=1), scores.argmax(axis=1) == labels",
        "print(right.mean(), confidence.mean(dtype=np.float64))",
        `edges = np.arange(${bins + 1}) / ${bins}`,
        `bins = np.minimum(np.searchsorted(edges, confidence, side="right") - 1, ${bins - 1})`,
        `print(np.bincount(bins, minlength=${bins}), np.bincount(bins, right, minlength=${bins}))`,
    ];
    const ask = (rest) =>
        `logitkit lab ${quote(file)} --get '/api/v1/datasets/1${rest}?bins=${bins}'`;
    const shell = [ask("")];
    if (chosen !== null) {
        python.push(
            `rows = np.flatnonzero(bins == ${chosen})[:100]`,
            "print(rows, scores.argmax(axis=1)[rows], confidence[rows], labels[rows])",
        );
        shell.push(ask(`/bins/${chosen}`));
    }
    return { python: python.join("\n"), shell: shell.join("\n") };
}

/** The lines that read scores and labels: NumPy's own where that is enough. */
function reading(file, data) {
    const name = JSON.stringify(file);
    if (!file.endsWith(".npz")) {
        return [
            "import logitkit",
            "import numpy as np",
            "from logitkit.lab.datasets.reading import load",
            "",
            `dataset = load(${name}, ${name})`,
            "scores, labels = dataset.scores, dataset.labels",
        ];
    }
    const [scores, labels] = [data?.scores_from ?? "logits", data?.labels_from ?? "labels"].map(
        (key) => JSON.stringify(key),
    );
    return [
        "import logitkit",
        "import numpy as np",
        "",
        `data = np.load(${name})`,
        `scores, labels = data[${scores}], data[${labels}]`,
    ];
}
