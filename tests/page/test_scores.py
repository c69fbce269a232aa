"""The scores and the first panel: all that can be edited, and what cannot be computed."""

import numpy as np
import pytest

import logitkit as lk
from page.lab import PANELS, column
from page.states import State


def shown(lab):
    """Return the names, the scores and the probabilities on the screen."""
    (table,) = lab.tables("probabilities")
    return [row[0][0] for row in table["rows"]], column(table, 1), column(table, 2)


def holds(lab, names, logits):
    """Check that the page shows these classes, and their softmax in float32."""
    lab.settle()
    found = shown(lab)
    assert found[0] == names
    np.testing.assert_array_equal(found[1], logits)
    np.testing.assert_array_equal(found[2], lk.softmax(np.float32(logits)))


def act(lab, name, item):
    """Choose from the menu of a class."""
    lab.page.get_by_label(f"Move, copy or remove {name}", exact=True).click()
    lab.page.get_by_role("button", name=item, exact=True).click()


def paste(lab, text):
    """Paste through the dialog; return what it says it found, and its complaints."""
    lab.page.get_by_role("button", name="Paste…").click()
    dialog = lab.page.get_by_role("dialog", name="Paste scores")
    # Not typed: Chromium takes half a minute to type two thousand lines into a text area.
    dialog.get_by_label("Text").evaluate(
        "(area, text) => { area.value = text; area.dispatchEvent(new Event('input')); }", text
    )
    found = dialog.locator(".paste-found").text_content()
    problems = dialog.locator(".paste-problems li").all_text_contents()
    dialog.get_by_role("button", name="Use these scores").click()
    lab.settle()
    return found, problems


def test_it_opens_with_fruit(lab):
    holds(lab, ["apple", "orange", "banana", "avocado"], [1.5, 2.2, -0.3, 0.8])
    percents = [row[3][0] for row in lab.tables("probabilities")[0]["rows"]]
    assert percents == ["27.2 %", "54.8 %", "4.5 %", "13.5 %"]
    assert [row[4][0] for row in lab.tables("probabilities")[0]["rows"]] == ["2", "1", "4", "3"]


def test_names_and_scores_are_edited_in_place(lab):
    lab.page.get_by_label("Name of class 1").fill("pear")
    lab.page.get_by_label("Score of pear", exact=True).fill("-4.25")
    holds(lab, ["pear", "orange", "banana", "avocado"], [-4.25, 2.2, -0.3, 0.8])


@pytest.mark.parametrize(
    ("typed", "value"),
    [("−1.5", -1.5), ("2e3", 2000), ("1,5", 1.5), ("-inf", -np.inf), ("−∞", -np.inf), (" 7 ", 7)],
)
def test_a_score_is_read_as_people_write_it(lab, typed, value):
    lab.page.get_by_label("Score of apple", exact=True).fill(typed)
    holds(lab, ["apple", "orange", "banana", "avocado"], [value, 2.2, -0.3, 0.8])


def test_arrow_keys_move_a_score_by_a_tenth(lab):
    score = lab.page.get_by_label("Score of apple", exact=True)
    score.press("ArrowUp")
    score.press("PageUp")
    score.press("ArrowDown")
    holds(lab, ["apple", "orange", "banana", "avocado"], [2.5, 2.2, -0.3, 0.8])


def test_classes_are_added_copied_moved_removed_and_all_of_it_undone(lab):
    page = lab.page
    page.get_by_role("button", name="Add a class").click()
    assert page.evaluate("document.activeElement.ariaLabel") == "Name of class 5"
    page.keyboard.type("kiwi")
    page.get_by_label("Score of kiwi", exact=True).fill("1")
    page.get_by_label("Score of kiwi", exact=True).press("Enter")
    holds(lab, ["apple", "orange", "banana", "avocado", "kiwi"], [1.5, 2.2, -0.3, 0.8, 1])
    act(lab, "banana", "Duplicate")
    holds(
        lab,
        ["apple", "orange", "banana", "banana", "avocado", "kiwi"],
        [1.5, 2.2, -0.3, -0.3, 0.8, 1],
    )
    act(lab, "kiwi", "Move up")
    holds(
        lab,
        ["apple", "orange", "banana", "banana", "kiwi", "avocado"],
        [1.5, 2.2, -0.3, -0.3, 1, 0.8],
    )
    act(lab, "apple", "Move down")
    holds(
        lab,
        ["orange", "apple", "banana", "banana", "kiwi", "avocado"],
        [2.2, 1.5, -0.3, -0.3, 1, 0.8],
    )
    act(lab, "orange", "Remove")
    holds(lab, ["apple", "banana", "banana", "kiwi", "avocado"], [1.5, -0.3, -0.3, 1, 0.8])
    undo = page.get_by_role("button", name="Undo")
    while undo.is_enabled():
        undo.click()
    holds(lab, ["apple", "orange", "banana", "avocado"], [1.5, 2.2, -0.3, 0.8])


def test_the_true_class_stays_the_same_when_classes_move(lab):
    act(lab, "orange", "Move up")
    lab.settle()
    assert lab.page.locator("lk-rail select").evaluate("s => s.selectedOptions[0].text") == "orange"
    act(lab, "apple", "Remove")
    assert lab.page.locator("lk-rail select").evaluate("s => s.selectedOptions[0].text") == "orange"


def test_a_bar_is_dragged_and_follows_the_pointer(lab):
    bar = lab.page.get_by_role("slider", name="apple", exact=True)
    box = bar.locator(".handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x - 60, y, steps=5)
    lab.settle()
    there = bar.locator(".handle").bounding_box()
    assert abs(there["x"] + there["width"] / 2 - (x - 60)) < 4
    lab.page.mouse.up()
    names, logits, found = shown(lab)
    assert names[0] == "apple" and logits[0] < 1.5 and logits[1:] == [2.2, -0.3, 0.8]
    np.testing.assert_array_equal(found, lk.softmax(np.float32(logits)))


PASTED = {
    "csv": "name,score\npear,1\nplum,-2.5\nfig,3",
    "tsv": "pear\t1\nplum\t-2.5\nfig\t3",
    "semicolons": "pear;1\nplum;-2,5\nfig;3",
    "json object": '{"pear": 1, "plum": -2.5, "fig": 3}',
    "json rows": """[{"name": "pear", "logit": 1}, {"label": "plum", "score": -2.5},
      {"name": "fig", "value": 3}]""",
    "two rows": "pear,plum,fig\n1,-2.5,3",
}


@pytest.mark.parametrize("text", PASTED.values(), ids=PASTED)
def test_pasted_names_and_scores(lab, text):
    found, problems = paste(lab, text)
    assert found.startswith("3 classes: pear 1.000, plum −2.500") and problems == []
    holds(lab, ["pear", "plum", "fig"], [1, -2.5, 3])


NUMBERS = {
    "json list": "[1, -2.5, 3]",
    "numpy": "array([ 1. , -2.5,  3. ], dtype=float32)",
    "torch": "tensor([ 1.0000, -2.5000,  3.0000])",
    "plain": "1 -2.5 3",
    "lines": "1\n-2.5\n3",
}


@pytest.mark.parametrize("text", NUMBERS.values(), ids=NUMBERS)
def test_pasted_numbers(lab, text):
    paste(lab, text)
    holds(lab, ["class 0", "class 1", "class 2"], [1, -2.5, 3])


def test_a_pasted_array_may_hold_infinities_and_nan(lab):
    paste(lab, "array([1., -inf, nan])")
    (table,) = lab.tables("probabilities")
    assert [row[1][1] for row in table["rows"]] == ["1", "-Infinity", "NaN"]


def test_a_bad_cell_is_told_and_the_others_are_kept(lab):
    found, problems = paste(lab, "pear,1\nplum,two\nfig,3")
    assert problems == ["plum: “two” is not a number"]
    assert found.startswith("2 classes")
    holds(lab, ["pear", "fig"], [1, 3])


def test_text_without_numbers_cannot_be_used(lab):
    lab.page.get_by_role("button", name="Paste…").click()
    dialog = lab.page.get_by_role("dialog", name="Paste scores")
    dialog.get_by_label("Text").fill("what is this")
    assert dialog.get_by_role("button", name="Use these scores").is_disabled()
    lab.page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_what_is_no_number_is_marked_and_the_last_result_kept(lab):
    score = lab.page.get_by_label("Score of apple", exact=True)
    score.fill("much")
    lab.settle()
    assert score.get_attribute("aria-invalid") == "true"
    said = lab.page.locator(f"#{score.get_attribute('aria-describedby')}")
    assert said.text_content() == "“much” is not a number; the results still use 1.5."
    holds(lab, ["apple", "orange", "banana", "avocado"], [1.5, 2.2, -0.3, 0.8])
    score.press("Tab")
    assert score.input_value() == "1.5"
    assert score.get_attribute("aria-invalid") is None


def notice(lab, panel="probabilities"):
    return lab.page.locator(f"#panel-{panel} .notice:not([hidden])").all_text_contents()


def test_no_class(tall):
    for slug in PANELS:
        tall.go("v=1&c=")
        panel = tall.page.locator(f"#panel-{slug}")
        empty = panel.get_by_text("There are no classes")
        if slug == "confidence":  # it shows a file, and needs no class
            assert not empty.is_visible() and panel.locator(".drop").is_visible()
            continue
        assert empty.is_visible(), slug
        for part in (".panel-body", "lk-figure", "[data-value]", ".notice", ".panel-foot"):
            assert panel.locator(part).locator("visible=true").count() == 0, (slug, part)
        panel.get_by_role("button", name="A tie").click()
        holds(tall, ["left", "right", "neither"], [2, 2, -1])
        assert not empty.is_visible()
        assert panel.locator("[data-value]").count() and panel.locator(".panel-body").is_visible()


def test_one_class_is_certain(lab):
    lab.go("v=1&c=alone:-3")
    holds(lab, ["alone"], [-3])
    assert shown(lab)[2] == [1.0]
    assert lab.readouts("probabilities")["Entropy"][1] == "0"


UNDEFINED = {
    "a:-inf,b:-inf": "Every score is −∞: no class is possible",
    "a:nan,b:1": "The score of a is NaN",
    "a:1,b:inf": "The score of b is +∞",
}


@pytest.mark.parametrize(("classes", "text"), UNDEFINED.items(), ids=["all -inf", "NaN", "+inf"])
def test_an_undefined_softmax_is_explained_and_no_number_made_up(tall, classes, text):
    tall.go(f"v=1&c={classes}")
    for panel in ("probabilities", "worked", "temperature", "stability", "derivative", "loss"):
        (said,) = notice(tall, panel)
        assert text in said, panel
    assert set(map(str, shown(tall)[2])) == {"nan"}
    bad = tall.page.locator('svg [width="NaN"], svg [x="NaN"], svg [cy="NaN"], svg [d*="NaN"]')
    assert bad.count() == 0


def test_equal_scores_share_equally(lab):
    lab.go("v=1&c=a:3,b:3,c:3")
    assert len(set(shown(lab)[2])) == 1
    assert (
        "equally likely" in lab.page.locator("#panel-probabilities .figure-summary").text_content()
    )


def test_a_thousand_classes(tall):
    rng = np.random.default_rng(0)
    logits = [float(z) for z in np.round(rng.standard_normal(1000) * 3, 3)]
    state = State(names=[f"n{i}" for i in range(1000)], logits=logits)
    tall.go(state.link())
    (table,) = tall.tables("probabilities")
    assert len(table["rows"]) == 80
    np.testing.assert_array_equal(column(table, 2), lk.softmax(state.scores)[:80])
    summary = tall.page.locator("#panel-probabilities .figure-summary").text_content()
    assert "The first 24 of 1000 classes are drawn" in summary
    assert "1000000 cells; choose at most 512 classes" in notice(tall, "derivative")[0]
    assert tall.page.locator("lk-scores li").count() == 40


def test_a_hundred_thousand_pasted_classes_are_cut_and_it_is_said(lab):
    found, _ = paste(lab, "\n".join(["1", "2"] * 50_000))
    assert found.startswith("100000 classes: ")
    assert found.endswith("; the first 1000 are taken")
    (table,) = lab.tables("probabilities")
    np.testing.assert_array_equal(column(table, 2), lk.softmax(np.float32([1, 2] * 500))[:80])


def test_a_link_with_a_hundred_thousand_classes_is_refused_with_a_reason(open_lab):
    lab = open_lab("v=1&c=" + ",".join(["a:1"] * 100_000))
    said = lab.page.locator(".banner.is-link").text_content()
    assert "at most 1000 pairs name:score" in said
    holds(lab, ["apple", "orange", "banana", "avocado"], [1.5, 2.2, -0.3, 0.8])
    assert lab.page.request.get(f"{lab.url}api/v1/info").ok


PRESETS = {
    "A tie": [2, 2, -1],
    "One class": [0.7],
    "Uniform": [3, 3, 3, 3, 3],
    "Masked": [1, -np.inf, 0.5],
    "Huge scores": [1000, 1001, 1002],
    "Fruit": [1.5, 2.2, -0.3, 0.8],
}


def test_every_example_can_be_taken(lab):
    for name, logits in PRESETS.items():
        lab.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
        lab.settle()
        np.testing.assert_array_equal(shown(lab)[1], logits)
        np.testing.assert_array_equal(shown(lab)[2], lk.softmax(np.float32(logits)))


def test_the_handwritten_digit_is_one_of_the_shipped_ones(lab):
    with lab.page.expect_response("**/data/digit_five.json"):
        lab.page.get_by_role("button", name="A handwritten 5").locator("visible=true").click()
    lab.page.locator("lk-scores li").nth(9).wait_for()
    lab.settle()
    assert shown(lab)[0] == [str(digit) for digit in range(10)]
    assert lab.page.locator("lk-rail select").evaluate("s => s.value") == "5"
