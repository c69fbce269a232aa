"""A bin of confidence lists its rows."""

import numpy as np

import logitkit as lk
from page.test_confidence import example, give, npz


def listed(lab):
    """Return the title of the list of a bin, and its rows: texts, and exact values."""
    rows = lab.page.locator("lk-confidence-rows")
    table = rows.locator("tbody tr").evaluate_all(
        "lines => lines.map(({cells}) => [...cells].map(c => [c.textContent, c.dataset.value]))"
    )
    return rows.locator(".rows-title").text_content(), table


def test_a_click_on_a_bin_lists_its_rows(lab):
    scores, labels = example(rows=2000)
    give(lab, "test.npz", npz(logits=scores, labels=labels))
    p = lk.softmax(scores)
    sure, predicted = p.max(axis=1).astype(np.float64), p.argmax(axis=1)
    bins = lab.page.locator("#panel-confidence lk-reliability [data-mark]")
    for i, act in ((14, lambda bin: bin.click()), (5, lambda bin: bin.press("Enter"))):
        with lab.page.expect_response(f"**/bins/{i}?bins=15"):
            act(bins.nth(i))
        lab.settle()
        rows = np.flatnonzero(np.minimum((sure * 15).astype(int), 14) == i)
        title, table = listed(lab)
        assert (
            title
            == {
                14: f"The first 100 of the {len(rows)} rows of confidence 0.933 to 1.000",
                5: f"All {len(rows)} rows of confidence 0.333 to 0.400",
            }[i]
        )
        assert len(table) == min(len(rows), 100)
        for row, ((_, at), (_, guess), (_, confidence), (_, label), (verdict, _)) in zip(
            rows, table, strict=False
        ):
            assert (int(at), int(guess), int(label)) == (row, predicted[row], labels[row])
            assert float(confidence) == sure[row]
            assert verdict == ("✓ right" if predicted[row] == labels[row] else "✗ wrong")
        assert bins.nth(i).get_attribute("aria-pressed") == "true"
        assert lab.page.locator("lk-reliability [aria-pressed=true]").count() == 1
        assert lab.page.evaluate("document.activeElement.matches('[data-mark]')")
    assert {verdict for *_, (verdict, _) in table} == {"✓ right", "✗ wrong"}
    lab.page.keyboard.press("Enter")  # once more closes the list
    assert not lab.page.locator("lk-confidence-rows").is_visible()
    assert lab.page.locator("lk-reliability [aria-pressed=true]").count() == 0


def test_the_list_names_the_classes_of_the_file_and_an_empty_bin(lab):
    scores, labels = np.float32([[9, 0], [0, 0]]), np.array([0, 1])
    data = "cat,dog,label\n" + "".join(
        f"{a},{b},{y}\n" for (a, b), y in zip(scores.tolist(), labels, strict=True)
    )
    give(lab, "named.csv", data.encode())
    bins = lab.page.locator("#panel-confidence lk-reliability [data-mark]")
    for i, title in ((7, "The one row of confidence 0.467 to 0.533"), (0, "No row has a")):
        with lab.page.expect_response(f"**/bins/{i}?bins=15"):
            bins.nth(i).click()
        lab.settle()
        assert listed(lab)[0].startswith(title)
        if i:
            assert [text for text, _ in listed(lab)[1][0]] == [
                *("1", "cat", "0.5000", "dog", "✗ wrong")
            ]
    # Other bins have other rows: the list is closed.
    with lab.page.expect_response("**/datasets/*?bins=4"):
        lab.page.locator("#panel-confidence").get_by_label("Bins, exact").fill("4")
    lab.settle()
    assert not lab.page.locator("lk-confidence-rows").is_visible()
