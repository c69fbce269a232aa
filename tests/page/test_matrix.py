"""The Jacobian of many classes: every cell is drawn, pointed at and reached by the keyboard."""

import numpy as np

import logitkit as lk
from page.states import State

MANY = State(
    names=[f"n{i}" for i in range(64)],
    logits=[((i * 37) % 64) / 16 for i in range(64)],
    dtype="float64",
    row=5,
    column=9,
)


def squares(lab):
    """Return the sign and strength of each cell of the large heat map, from its outlines."""
    found = lab.page.evaluate(
        """() => {
          const heat = document.querySelector("lk-heat");
          const ground = heat.querySelector(".ground").getBBox();
          return [...heat.querySelectorAll(".dense path")].flatMap((path) => {
            const strength = Number(path.getAttribute("fill-opacity"));
            const sign = path.classList.contains("is-plus") ? 1 : -1;
            return [...path.getAttribute("d").matchAll(/M([\\d.]+) ([\\d.]+)/g)].map(([, x, y]) => [
              Math.abs(Math.round(((y - ground.y) / ground.height) * 64)),
              Math.abs(Math.round(((x - ground.x) / ground.width) * 64)),
              sign * strength,
            ]);
          });
        }"""
    )
    cells = np.zeros((64, 64))
    for row, place, strength in found:
        assert cells[row, place] == 0
        cells[row, place] = strength
    return cells


def test_of_64_classes_every_cell_is_drawn_in_its_strength(lab):
    lab.open(MANY.link("derivative"))
    lab.panel("derivative")
    wanted = lk.softmax_jacobian(lk.softmax(MANY.scores))
    strength = np.sign(wanted) * np.round(24 * np.sqrt(np.abs(wanted) / np.abs(wanted).max())) / 24
    np.testing.assert_allclose(squares(lab), strength, atol=1e-3)
    assert np.count_nonzero(strength) > 3000
    assert lab.tables("derivative")[0]["columns"] == ["Probability", *MANY.names, "Sum"]
    # Names are thinned, none runs into the next.
    boxes = lab.page.locator("lk-heat .axis text").evaluate_all(
        """all => all.filter(one => one.textContent).map(one => {
          const { left, right, top, bottom } = one.getBoundingClientRect();
          return [left, right, top, bottom];
        })"""
    )
    assert len(boxes) > 20
    for i, (left, right, top, bottom) in enumerate(boxes):
        for others in boxes[:i]:
            apart = right <= others[0] or others[1] <= left
            assert apart or bottom - 4 <= others[2] or others[3] <= top + 4


def test_of_64_classes_every_cell_is_read_by_the_pointer(lab):
    lab.open(MANY.link("derivative"))
    panel = lab.panel("derivative")
    wanted = lk.softmax_jacobian(lk.softmax(MANY.scores))
    told = lab.page.evaluate(
        """() => {
          const panel = document.querySelector("#panel-derivative");
          const ground = panel.querySelector(".dense .ground");
          const { left, top, width } = ground.getBoundingClientRect();
          const told = [];
          for (let row = 0; row < 64; row += 1) {
            for (let column = 0; column < 64; column += 1) {
              const at = (place) => ((place + 0.5) * width) / 64;
              const place = { clientX: left + at(column), clientY: top + at(row) };
              ground.dispatchEvent(new PointerEvent("pointermove", { ...place, bubbles: true }));
              const value = panel.querySelector(".cell-formula .result").dataset.value;
              const names = [...panel.querySelectorAll(".cell-formula .term-name")];
              told.push([names[0].textContent, names[1].textContent, Number(value)]);
            }
          }
          return told;
        }"""
    )
    for i, name in enumerate(MANY.names):
        for j, other in enumerate(MANY.names):
            assert told[64 * i + j] == [name, other, wanted[i, j]]
    ground = panel.locator(".dense .ground")
    box = ground.bounding_box()
    lab.page.mouse.move(box["x"] + 0.5 / 64 * box["width"], box["y"] + 2.5 / 64 * box["height"])
    assert panel.locator(".term-name").all_text_contents() == ["n2", "n0"]
    assert panel.locator(".looked").is_visible()
    lab.page.mouse.move(0, 0)
    assert panel.locator(".term-name").all_text_contents() == ["n5", "n9"]
    assert not panel.locator(".looked").is_visible()


def test_of_64_classes_every_cell_is_reached_by_the_keyboard_and_by_a_click(lab):
    lab.open(MANY.link("derivative"))
    panel = lab.panel("derivative")
    wanted = lk.softmax_jacobian(lk.softmax(MANY.scores))

    def reads(row, place):
        lab.settle()
        said = lab.page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert said.startswith(f"probability of n{row} over score of n{place}: ")
        value = panel.locator(".cell-formula .result").get_attribute("data-value")
        assert float(value) == wanted[row, place]
        assert panel.locator(".dense [tabindex='0']").count() == 1

    panel.locator(".dense [tabindex='0']").focus()
    reads(5, 9)
    for key, row, place in (
        ("ArrowDown", 6, 9), ("ArrowRight", 6, 10), ("End", 6, 63), ("ArrowRight", 6, 63),
        ("ArrowUp", 5, 63), ("Home", 5, 0), ("ArrowLeft", 5, 0),
    ):  # fmt: skip
        lab.page.keyboard.press(key)
        reads(row, place)
    for _ in range(20):  # faster than the answers
        lab.page.keyboard.press("ArrowRight")
    reads(5, 20)
    box = panel.locator(".dense .ground").bounding_box()
    lab.page.mouse.click(box["x"] + 40.5 / 64 * box["width"], box["y"] + 7.5 / 64 * box["height"])
    reads(7, 40)
    assert "i=7&j=40" in lab.fragment()


def test_of_more_classes_the_64_most_likely_are_drawn_and_the_table_has_all(lab):
    lab.go(State(names=[f"n{i}" for i in range(65)], logits=[i / 7 for i in range(65)]).link())
    panel = lab.panel("derivative")
    assert np.count_nonzero(squares(lab).diagonal()) > 10
    assert len(lab.tables("derivative")[0]["columns"]) == 67
    assert "64 of 65 classes are drawn" in panel.locator(".figure-summary").first.text_content()
