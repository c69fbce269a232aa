"""Everything by the keyboard alone: each control is reached, seen, and works."""

import numpy as np
import pytest

import logitkit as lk
from page.lab import column
from page.test_confidence import LABELS, SCORES, npz


def walk(lab, key="Tab", most=400):
    """Press a key until the page is left; return what had the focus."""
    seen = []
    for _ in range(most):
        lab.page.keyboard.press(key)
        now = lab.page.evaluate("lab.focused()")
        if now is None or (seen and now["number"] == seen[0]["number"]):
            return seen
        seen.append(now)
    raise AssertionError(f"the focus never leaves the page; last it had {seen[-3:]}")


def tab_to(lab, name, role=None):
    """Press Tab until a control of this name has the focus."""
    for _ in range(400):
        lab.page.keyboard.press("Tab")
        found = lab.page.evaluate("lab.focused()")
        if found and found["name"] == name and role in (None, found["role"]):
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.parametrize("size", [(1280, 900), (375, 700)], ids=["wide", "narrow"])
def test_tab_walks_through_all_controls_each_in_sight_and_out_of_the_page(open_lab, size):
    lab = open_lab(viewport={"width": size[0], "height": size[1]})
    lab.page.wait_for_timeout(300)
    lab.settle()
    seen = walk(lab)
    assert len(seen) > 70
    for one in seen:
        assert one["inside"], f"out of the window: {one['name']}"
        assert one["clear"], f"covered: {one['name']}"
        assert one["ring"], f"no ring: {one['name']}"
    visited = {one["number"] for one in seen}
    missed = [
        html for number, html in lab.page.evaluate("lab.reachable()") if number not in visited
    ]
    assert missed == []
    back = walk(lab, "Shift+Tab")
    assert [one["number"] for one in back] == [one["number"] for one in reversed(seen)]


def test_the_first_tab_skips_to_the_panels(lab):
    lab.page.keyboard.press("Tab")
    lab.page.keyboard.press("Enter")
    assert lab.page.evaluate("document.activeElement.id") == "main"
    lab.page.keyboard.press("Tab")
    assert lab.page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_every_action_without_a_mouse(lab):
    keys = lab.page.keyboard
    # The rail: rename, score, move, menu, dialog, temperature, type, truth.
    tab_to(lab, "Name of class 1")
    keys.type("pear")
    keys.press("Tab")
    keys.type("3")
    keys.press("Alt+ArrowDown")
    keys.press("Tab")
    keys.press("Enter")
    keys.press("Tab")
    assert lab.page.evaluate("document.activeElement.textContent") == "Move up"
    for _ in range(3):
        keys.press("Tab")
    keys.press("Enter")
    lab.settle()
    assert [row[0][0] for row in lab.tables("probabilities")[0]["rows"]] == [
        "orange",
        "banana",
        "avocado",
    ]
    tab_to(lab, "Paste…")
    keys.press("Enter")
    keys.type("a 1")
    keys.press("Enter")
    keys.type("b 2.5")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    tab_to(lab, "Temperature", "input")
    keys.press("ArrowLeft")
    lab.settle()
    t = float(lab.page.locator("lk-rail lk-temperature .field").input_value())
    assert 0.9 < t < 1
    np.testing.assert_array_equal(
        column(lab.tables("probabilities")[0], 2), lk.softmax(np.float32([1, 2.5]), temperature=t)
    )
    lab.page.locator("lk-rail input[type=radio]:checked").focus()
    keys.press("ArrowRight")
    lab.settle()
    assert "float64" in lab.page.locator('[data-strip="kernel"]').text_content()
    # The panels: a table, a bar, the code, a step, the cursor, a chip, the truth, a file.
    tab_to(lab, "Table")
    keys.press("Enter")
    assert lab.page.evaluate("document.activeElement.ariaExpanded") == "true"
    tab_to(lab, "a", "slider")
    keys.press("PageUp")
    lab.settle()
    assert column(lab.tables("probabilities")[0], 1) == [2, 2.5]
    tab_to(lab, "Show code")
    keys.press("Space")
    assert lab.page.locator("#panel-probabilities code").first.is_visible()
    tab_to(lab, "Next")
    keys.press("Enter")
    tab_to(lab, "Temperature", "slider")
    keys.press("Home")
    tab_to(lab, "Add 700 to all scores")
    keys.press("Enter")
    tab_to(lab, "True class")
    keys.press("ArrowUp")
    lab.settle()
    fragment = lab.fragment()
    for part in ("c=a:2,b:2.5", "t=0.01", "d=float64", "s=1", "k=700"):
        assert part in fragment, fragment
    with lab.page.expect_file_chooser() as waiting:
        for _ in range(60):
            keys.press("Tab")
            if lab.page.evaluate("document.activeElement.type") == "file":
                break
        keys.press("Enter")
    waiting.value.set_files(
        {"name": "a.npz", "mimeType": "", "buffer": npz(logits=SCORES, labels=LABELS)}
    )
    lab.page.locator(".drop.is-done").wait_for()
    # A bin lists its rows, and the list is scrolled.
    for _ in range(20):
        keys.press("Tab")
        if lab.page.evaluate("document.activeElement.matches('lk-reliability [data-mark]')"):
            break
    keys.press("End")
    keys.press("Space")
    lab.page.locator(".rows-table").wait_for()
    keys.press("Tab")
    assert lab.page.evaluate("document.activeElement.className") == "rows-table"


def focused(lab):
    return lab.page.evaluate(
        "document.activeElement.ariaLabel ?? document.activeElement.textContent"
    )


def test_undo_keeps_the_focus_and_leaves_it_at_what_came_back(lab):
    keys = lab.page.keyboard
    lab.page.get_by_label("Score of banana", exact=True).press("ArrowUp")
    lab.page.get_by_label("Score of apple", exact=True).press("ArrowUp")
    lab.page.get_by_role("button", name="Undo").focus()
    keys.press("Enter")
    assert focused(lab) == "Undo"
    keys.press("Enter")  # nothing is left to undo: the button cannot keep the focus
    lab.settle()
    assert focused(lab) == "Score of banana"
    assert column(lab.tables("probabilities")[0], 1) == [1.5, 2.2, -0.3, 0.8]
    lab.page.get_by_label("Name of class 2").fill("plum")
    lab.page.get_by_label("Name of class 2").press("Enter")
    lab.page.get_by_role("button", name="Undo").press("Enter")
    assert focused(lab) == "Name of class 2"
    assert lab.page.get_by_label("Name of class 2").input_value() == "orange"
    lab.page.locator("lk-rail .limit").first.press("Enter")  # no class changes by this one
    lab.page.get_by_role("button", name="Undo").press("Enter")
    assert focused(lab) == "Score of apple"


def test_back_takes_the_focus_out_of_a_class_that_is_gone(lab):
    lab.page.get_by_role("button", name="Add a class").click()
    assert focused(lab) == "Name of class 5"
    lab.fragment()
    lab.page.evaluate("history.back()")
    lab.page.get_by_label("Name of class 5").wait_for(state="detached")
    assert focused(lab) == "Name of class 4"
    # A field that stays shows what the class is called now, focused or not.
    name = lab.page.get_by_label("Name of class 4")
    name.fill("kiwi")
    lab.fragment()
    lab.go("v=1&c=a:1,b:2,c:3,d:4")
    assert name.input_value() == "d" and focused(lab) == "Name of class 4"
    lab.go("v=1&c=")
    assert focused(lab) == "Add a class"


def test_escape_closes_the_uppermost_layer_and_focus_returns(open_lab):
    lab = open_lab(viewport={"width": 375, "height": 700})
    sheet = lab.page.locator(".sheet-toggle")
    sheet.focus()
    lab.page.keyboard.press("Enter")
    assert lab.page.locator("lk-scores").is_visible()
    dots = lab.page.get_by_label("Move, copy or remove apple", exact=True)
    dots.focus()
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.press("Escape")
    assert not lab.page.get_by_role("button", name="Duplicate").is_visible()
    assert lab.page.locator("lk-scores").is_visible()
    lab.page.keyboard.press("Escape")
    assert not lab.page.locator("lk-scores").is_visible()


def test_a_burst_of_changes_is_one_message(lab):
    lab.page.wait_for_timeout(700)
    lab.page.evaluate(
        """() => {
          lab.messages = [];
          const region = document.getElementById("status");
          new MutationObserver(() => lab.messages.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    lab.page.locator("lk-rail input[type=range]").evaluate(
        """async (range) => {
          for (let i = 0; i < 30; i += 1) {
            range.value = i / 20;
            range.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame);
          }
          await lab.settle();
        }"""
    )
    lab.page.wait_for_timeout(900)
    (message,) = lab.page.evaluate("lab.messages")
    p = max(column(lab.tables("probabilities")[0], 2))
    assert message == f"orange is most likely: {100 * p:.1f} %"
    region = lab.page.locator("#status")
    assert region.get_attribute("role") == "status"
    assert region.get_attribute("aria-live") == "polite"
    assert lab.page.locator("[aria-live], [role=status], [role=alert]").count() == 1


def test_a_slider_says_what_its_value_does(lab):
    slider = lab.page.locator("lk-rail input[type=range]")
    assert slider.get_attribute("aria-valuetext") == "1.00: as the scores are; orange 54.8 %"
    slider.focus()
    lab.page.keyboard.press("Home")
    lab.settle()
    assert slider.get_attribute("aria-valuetext").startswith("0.0100: sharper; orange ")
