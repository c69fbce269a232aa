"""The panels of steps, temperature, stability, derivative, comparison and loss."""

import math

import numpy as np
import pytest

import logitkit as lk
from page.lab import column
from page.states import State

FRUIT = np.float32([1.5, 2.2, -0.3, 0.8])


def top(lab):
    """Return the largest probability on the screen."""
    return max(column(lab.tables("probabilities")[0], 2))


# --- the worked calculation ---------------------------------------------------------------------


def test_each_step_follows_from_the_one_before(tall):
    state = State(temperature=0.5, dtype="float64")
    tall.go(state.link())
    (table,) = tall.tables("worked")
    logit, scaled, shifted, exponential, p = (np.array(column(table, i)) for i in range(1, 6))
    np.testing.assert_array_equal(scaled, logit / 0.5)
    np.testing.assert_array_equal(shifted, scaled - scaled.max())
    np.testing.assert_allclose(exponential, np.exp(shifted), rtol=2**-52)
    total = tall.page.locator("lk-worked-table .is-total").get_attribute("data-value")
    assert float(total) == pytest.approx(math.fsum(exponential), rel=2**-52)
    np.testing.assert_allclose(p, exponential / float(total), rtol=2**-51)


def test_the_steps_are_walked_forth_and_back(lab):
    panel = lab.panel("worked")
    back, forth = (panel.get_by_role("button", name=name, exact=True) for name in ("Back", "Next"))
    assert back.is_disabled()
    seen = []
    for _ in range(5):
        forth.click()
        lab.settle()
        seen.append(panel.locator(".step-tab[aria-current=step]").text_content())
    assert [text.lstrip("123456") for text in seen] == [
        "Divide by T",
        "Subtract the largest",
        "Exponentiate",
        "Add up",
        "Divide by the sum",
    ]
    assert forth.is_disabled()
    assert "The share of orange is its exponential" in panel.locator(".worked-says").text_content()
    value = panel.locator(".worked-formula [data-value]").last.get_attribute("data-value")
    assert float(value) == lk.softmax(FRUIT)[1]


def test_a_term_marks_what_it_was_made_of(lab):
    panel = lab.panel("worked")
    cell = panel.locator('.step-cell[data-column="5"][data-row="2"]')
    cell.hover()
    marked = panel.locator(".is-source").evaluate_all(
        "all => all.map(({dataset}) => `${dataset.column} ${dataset.row}`)"
    )
    assert sorted(marked) == ["3 2", "4 sum", "5 2"]
    cell.focus()
    assert "banana" in panel.locator(".worked-says").text_content()
    lab.page.keyboard.press("ArrowUp")
    assert "orange" in panel.locator(".worked-says").text_content()
    assert lab.page.evaluate("document.activeElement.dataset.row") == "1"


def test_digits_go_from_2_to_17(lab):
    panel = lab.panel("worked")
    field = panel.get_by_label("Digits, exact")
    cell = panel.locator('.step-cell[data-column="5"][data-row="0"]')
    for digits, text in (("2", "0.27"), ("17", "0.27206167578697205")):
        field.fill(digits)
        lab.settle()
        assert cell.text_content() == text
    field.fill("18")
    assert (
        "is not a whole number from 2 to 17; 17 is kept"
        in panel.locator("lk-slider .field-error").text_content()
    )


def test_many_classes_are_folded_and_can_be_unfolded(lab):
    lab.go(State(names=[f"n{i}" for i in range(20)], logits=[i / 10 for i in range(20)]).link())
    panel = lab.panel("worked")
    rows = panel.locator("lk-worked-table tbody tr")
    assert rows.count() == 12
    panel.get_by_role("button", name="Show 8 more classes").click()
    assert rows.count() == 20


def test_the_steps_play_by_themselves_to_the_end(lab):
    panel = lab.panel("worked")
    lab.go("v=1&s=4")
    panel.get_by_role("button", name="Play").click()
    panel.get_by_text("The share of orange").wait_for()
    assert panel.get_by_role("button", name="Play").is_visible()


# --- temperature --------------------------------------------------------------------------------


def test_the_temperature_is_dragged_typed_and_stepped(tall):
    panel = tall.panel("temperature")
    slider = panel.get_by_label("Temperature", exact=True).first
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    tall.page.mouse.move(box["x"] + box["width"] / 2, y)
    tall.page.mouse.down()
    tall.page.mouse.move(box["x"] + box["width"] / 4, y, steps=8)
    tall.page.mouse.up()
    tall.settle()
    field = panel.get_by_label("Temperature, exact")
    dragged = float(field.input_value())
    assert 0.08 < dragged < 0.13
    shows_temperature(tall, dragged)
    field.fill("2.5")
    tall.settle()
    shows_temperature(tall, 2.5)
    field.press("ArrowUp")
    tall.settle()
    shows_temperature(tall, float(field.input_value()))
    assert float(field.input_value()) == 2.81
    slider.focus()
    slider.press("Home")
    tall.settle()
    shows_temperature(tall, 0.01)


def shows_temperature(lab, t):
    """The first panel, the cursor of the curves and the table agree on one temperature."""
    p = lk.softmax(FRUIT, temperature=t)
    np.testing.assert_array_equal(column(lab.tables("probabilities")[0], 2), p)
    now = lab.tables("temperature")[0]["rows"][0]
    assert [float(cell[1]) for cell in now[2:]] == p.tolist()
    cursor = lab.page.locator("#panel-temperature .cursor")
    assert float(cursor.get_attribute("aria-valuenow")) == t


def test_the_cursor_of_the_curves_is_a_slider_too(tall):
    panel = tall.panel("temperature")
    cursor = panel.get_by_role("slider", name="Temperature").last
    cursor.focus()
    tall.page.keyboard.press("ArrowLeft")
    tall.settle()
    shows_temperature(tall, 0.891)


def test_a_temperature_below_0_is_refused_with_the_reason(tall):
    panel = tall.panel("temperature")
    field = panel.get_by_label("Temperature, exact")
    field.fill("-1")
    error = panel.locator(".field-error").first
    assert error.text_content() == "“-1” is not 0, a positive number or inf; 1 is kept."
    assert field.get_attribute("aria-invalid") == "true"
    shows_temperature(tall, 1.0)


def test_both_limits_are_exact(lab):
    lab.page.get_by_role("button", name="Temperature 0").first.click()
    lab.settle()
    assert column(lab.tables("probabilities")[0], 2) == [0, 1, 0, 0]
    lab.page.get_by_role("button", name="Temperature infinity").first.click()
    lab.settle()
    assert column(lab.tables("probabilities")[0], 2) == [0.25] * 4


def test_a_tie_at_temperature_0_is_told(lab):
    lab.go("v=1&c=a:2,b:2,c:1&t=0")
    panel = lab.panel("temperature")
    assert "2 classes have the largest score" in panel.locator(".notice").text_content()
    p = lk.softmax(np.float32([2, 2, 1]), temperature=0)
    assert column(lab.tables("probabilities")[0], 2) == p.tolist()


def test_a_lower_temperature_never_lowers_the_top_probability(lab):
    rng = np.random.default_rng(5)
    slider = lab.page.locator("lk-rail input[type=range]")
    found = []
    for place in rng.uniform(-2, 2, 100):
        slider.evaluate(
            "(range, place) => { range.value = place; range.dispatchEvent(new Event('input')); }",
            float(place),
        )
        lab.settle()
        found.append(
            (float(lab.page.locator("lk-rail lk-temperature .field").input_value()), top(lab))
        )
    found.sort()
    assert len({t for t, _ in found}) > 80
    tops = [p for _, p in found]
    assert tops == sorted(tops, reverse=True)


# --- stability ----------------------------------------------------------------------------------


def cause(lab, dtype):
    """Return what is said of the naive way in a dtype, or None."""
    for item in lab.page.locator("#panel-stability .cause").all():
        kind, step, why = item.locator("span").all_text_contents()
        if kind == dtype:
            return step, why
    return None


def test_where_the_naive_formula_breaks_and_why(lab):
    lab.go("v=1&c=a:1000,b:1001,c:1002")
    lab.panel("stability")
    (table,) = lab.tables("stability")
    by_name = {name: column(table, i) for i, name in enumerate(table["columns"]) if i}
    assert all(map(math.isnan, by_name["float32 Naive"]))
    np.testing.assert_allclose(by_name["float32 logitkit"], [0.0900, 0.2447, 0.6652], atol=5e-5)
    step, why = cause(lab, "float32")
    assert step.startswith("✗ exp") and "88.72" in why
    assert (
        "fails in float16, bfloat16, float32, float64"
        in lab.page.locator("#panel-stability .figure-summary").text_content()
    )


def test_float16_breaks_at_12_by_the_exponential_and_with_two_11s_by_the_sum(lab):
    lab.go("v=1&c=a:12,b:1")
    lab.panel("stability")
    assert cause(lab, "float16")[0].startswith("✗ exp")
    assert cause(lab, "float32") is None
    lab.go("v=1&c=a:11,b:1")
    assert cause(lab, "float16") is None
    lab.go("v=1&c=a:11,b:11")
    assert cause(lab, "float16")[0].startswith("✗ sum")


def test_what_is_added_by_the_button_breaks_the_naive_formula_alone(lab):
    panel = lab.panel("stability")
    panel.get_by_role("button", name="Add 1000 to all scores").click()
    lab.settle()
    (table,) = lab.tables("stability")
    by_name = {name: column(table, i) for i, name in enumerate(table["columns"]) if i}
    assert all(map(math.isnan, by_name["float64 Naive"]))
    exactly = lk.softmax(np.float64([1.5, 2.2, -0.3, 0.8]) + 1000)
    assert by_name["float64 logitkit"] == exactly.tolist()
    drawn = panel.locator(".trial.is-failed").count()
    assert drawn == 4


# --- the derivative -----------------------------------------------------------------------------


def test_the_cells_are_p_times_delta_minus_p_and_rows_sum_to_zero(tall):
    tall.go(State(dtype="float64").link())
    tall.panel("derivative")
    matrix = tall.tables("derivative")[0]
    p = np.array(column(tall.tables("probabilities")[0], 2))
    shown = np.transpose([column(matrix, 1 + j) for j in range(4)])
    np.testing.assert_allclose(shown, np.diag(p) - np.outer(p, p), atol=2**-54)
    sums = column(matrix, matrix["columns"].index("Sum"))
    assert np.abs(sums).max() < 2**-53


def test_arrow_keys_walk_the_matrix_and_the_formula_follows(lab):
    panel = lab.panel("derivative")
    chosen = panel.locator(".cell[tabindex='0']")
    chosen.focus()
    lab.page.keyboard.press("ArrowUp")
    lab.page.keyboard.press("ArrowRight")
    lab.settle()
    name = lab.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name.startswith("probability of apple over score of banana: ")
    value = float(panel.locator(".cell-formula .result").get_attribute("data-value"))
    assert value == lk.softmax_jacobian(lk.softmax(FRUIT))[0, 2]
    assert "falls by" in panel.locator(".cell-says").text_content()
    assert "The score of banana" in panel.locator(".figure-summary").last.text_content()


def test_the_prediction_of_a_nudge_errs_by_the_second_order(tall):
    errors = []
    for delta in (0.1, 0.05, 0.025):
        tall.go(State(dtype="float64", nudge=delta).link("derivative"))
        change = tall.tables("derivative")[1]
        truth, predicted = np.array(column(change, 3)), np.array(column(change, 4))
        errors.append(np.abs(truth - predicted).max())
    # Half the nudge, a quarter of the error, but for the third order.
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert 3.5 < errors[1] / errors[2] < 4.5


# --- the other functions ------------------------------------------------------------------------


def test_only_softmax_sums_to_one_and_only_softmax_feels_the_other_scores(lab):
    lab.panel("compare")
    before = lab.tables("compare")[0]
    badges = lab.page.locator("#panel-compare .sum-badge").all_text_contents()
    assert ["✓" in text for text in badges] == [True] + [False] * 6
    lab.go("v=1&c=apple:1.5,orange:-1,banana:-0.3,avocado:0.8&p=compare")
    after = lab.tables("compare")[0]
    for place, name in enumerate(before["columns"]):
        if not place:
            continue
        same = [a == b for a, b in zip(column(before, place), column(after, place), strict=True)]
        feels = name in ("softmax", "log-softmax")
        assert same[:4] == ([False] * 4 if feels else [True, False, True, True]), name


# --- cross-entropy ------------------------------------------------------------------------------


def test_the_loss_its_gradient_and_the_true_class(tall):
    panel = tall.panel("loss")
    panel.get_by_label("True class", exact=True).select_option("banana")
    tall.settle()
    p = np.array(column(tall.tables("probabilities")[0], 2))
    (table,) = tall.tables("loss")
    value = float(tall.readouts("loss")["logitkit: log-softmax"][1])
    assert value == pytest.approx(-math.log(p[2]), rel=1e-6)
    truth = np.array(column(table, 2))
    np.testing.assert_array_equal(truth, [0, 0, 1, 0])
    np.testing.assert_allclose(column(table, 3), p - truth, atol=1e-7)
    panel.get_by_label("Label smoothing, exact").fill("0.2")
    tall.settle()
    np.testing.assert_allclose(column(tall.tables("loss")[0], 2), [0.05, 0.05, 0.85, 0.05])


def test_the_naive_logarithm_is_infinite_where_log_softmax_is_not(lab):
    panel = lab.panel("loss")
    panel.get_by_role("button", name="2000 below").click()
    lab.settle()
    told = lab.readouts("loss")
    sunk = np.float32([1.5, 1.5 - 2000, -0.3, 0.8])
    assert told["logitkit: log-softmax"][1] == str(float(lk.cross_entropy_with_grad(sunk, 1)[0]))
    assert told["Naive: log after softmax"][1] == "Infinity"
    assert "✗" in panel.locator(".verdict").text_content()
