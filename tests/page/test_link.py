"""The state in the link: round trips, damaged links, Back and Forward, embedding."""

import pytest
from playwright.sync_api import expect

from page.conftest import TALL
from page.lab import PANELS, Lab, column
from page.states import State, random_state

COMPUTED = PANELS[:-1]  # the last one shows a file, which no link holds


@pytest.fixture(scope="module")
def other(browser, url):
    """A second browser context: it knows of the first one's state by the link alone."""
    lab = Lab(browser, url, {"viewport": TALL, "reduced_motion": "reduce"})
    yield lab
    assert lab.close() == []


@pytest.mark.parametrize("seed", range(len(COMPUTED)))
def test_a_link_opens_the_same_panels_with_the_same_numbers(tall, other, seed):
    panel = COMPUTED[seed]
    tall.go(random_state(100 + seed).link(panel))
    link = tall.page.evaluate("location.hash").removeprefix("#")
    other.open(link)
    for one in COMPUTED:
        assert other.shown(one) == tall.shown(one), (one, link)
    assert (
        other.page.evaluate("document.activeElement.textContent")
        == other.page.locator(f"#panel-{panel} h2").text_content()
    )


def test_the_link_follows_what_is_set_and_brings_it_back(tall, other):
    page = tall.page
    page.get_by_label("Name of class 1").fill("a:b,c&d=e%20#é")
    page.get_by_label("Score of a:b,c&d=e%20#é", exact=True).fill("-inf")
    page.locator("#panel-temperature").get_by_label("Temperature, exact").fill("0.25")
    page.locator("lk-rail").get_by_text("f16").first.click()
    page.locator("#panel-stability").get_by_label("Added to all scores, exact").fill("-3.5")
    page.locator("#panel-derivative").get_by_label("Added to the score, exact").fill("1.25")
    page.locator("#panel-loss").get_by_label("True class", exact=True).select_option("avocado")
    page.locator("#panel-loss").get_by_label("Label smoothing, exact").fill("0.3")
    page.locator("#panel-worked").get_by_label("Digits, exact").fill("9")
    page.locator("#panel-worked").get_by_role("button", name="Next").click()
    page.locator("#panel-derivative .cell").nth(3).click()
    tall.settle()
    link = tall.fragment()
    other.open(link)
    for panel in COMPUTED:
        assert other.shown(panel) == tall.shown(panel), panel
    assert link.startswith("v=1&c=a%253Ab") or link.startswith("v=1&c=a%3Ab")


def test_only_what_differs_from_the_defaults_is_in_the_link(lab):
    lab.page.locator("lk-rail").get_by_text("f64").first.click()
    assert lab.fragment() == "v=1&d=float64"


def test_a_long_link_is_packed_and_opens_again(lab, other):
    state = State(
        names=[f"class number {i}" for i in range(150)], logits=[i / 8 for i in range(150)]
    )
    lab.go(state.link())
    lab.page.get_by_label("Score of class number 0", exact=True).fill("9")
    lab.page.keyboard.press("Tab")
    link = lab.fragment()
    assert link.startswith("v=1&z=") and len(link) < 1500
    other.open(link)
    assert other.shown("probabilities") == lab.shown("probabilities")
    assert column(other.tables("probabilities")[0], 1)[0] == 9


DAMAGED = {
    "v=1&t=warm": "temperature is “warm”: accepted is a number from 0 to Infinity",
    "v=1&t=-1": "temperature is “-1”: accepted is a number from 0 to Infinity",
    "v=1&d=float8": "dtype is “float8”: accepted is one of float16, bfloat16, float32, float64",
    "v=1&c=apple": "classes is “apple”: “apple” is not name:score",
    "v=1&c=%zz:1": "classes is “%zz:1”",
    "v=1&b=2.5": "bins is “2.5”: accepted is a whole number from 2 to 50",
    "v=1&y=-3": "target is “-3”: accepted is a whole number from 0 to 999",
    "v=1&z=AAAA____": "the packed part of the link is damaged",
    "v=0&c=a:1": "the link has version “0”; this page reads version 1",
    "c=a:1": "the link has no version",
    "%%%&&&===": "the link has no version",
}


@pytest.mark.parametrize(("fragment", "text"), DAMAGED.items(), ids=range(len(DAMAGED)))
def test_a_damaged_link_is_told_and_the_defaults_stand(lab, fragment, text):
    lab.open(fragment)
    banner = lab.page.locator(".banner.is-link")
    assert text in banner.text_content()
    assert column(lab.tables("probabilities")[0], 1) == [1.5, 2.2, -0.3, 0.8]
    assert lab.page.locator("lk-rail lk-temperature .field").input_value() == "1"
    banner.get_by_role("button", name="Close").click()
    assert banner.count() == 0


def test_one_bad_part_of_a_link_leaves_the_others(lab):
    lab.open("v=1&c=a:1,b:2&t=warm&d=float64")
    assert column(lab.tables("probabilities")[0], 1) == [1, 2]
    assert "float64" in lab.page.locator('[data-strip="kernel"]').text_content()


def test_what_a_later_version_has_added_is_kept(lab):
    lab.open("v=1&future=yes&t=2")
    lab.page.locator("lk-rail").get_by_text("f64").first.click()
    assert "future=yes" in lab.fragment()


def test_back_returns_to_the_state_before_the_last_commit_and_forward_to_it(open_lab):
    lab = open_lab()
    field = lab.page.locator("lk-rail lk-temperature .field")
    for typed in ("0.5", "3"):
        field.fill(typed)
        field.press("Enter")
        lab.settle()
    lab.fragment()
    for act, wanted in (("back", "0.5"), ("back", "1"), ("forward", "0.5"), ("forward", "3")):
        lab.page.evaluate(f"history.{act}()")
        expect(field).to_have_value(wanted)
    lab.settle()


def at_panel(lab, slug):
    """Check that a panel is at the head of the window and that its title has the focus."""
    heading = lab.page.locator(f"#panel-{slug} h2")
    expect(heading).to_be_focused()
    place = lab.page.locator(f"#panel-{slug}").evaluate("one => one.getBoundingClientRect().top")
    assert -1 < place < 150, place


def test_another_panel_in_the_address_of_an_open_page_is_gone_to(lab):
    lab.go("v=1&p=loss")
    at_panel(lab, "loss")
    lab.go("v=1&p=temperature")
    at_panel(lab, "temperature")
    lab.page.evaluate("history.back()")
    at_panel(lab, "loss")
    lab.page.evaluate("history.forward()")
    at_panel(lab, "temperature")
    # The same panel with another setting moves nothing.
    lab.page.evaluate("scrollTo(0, 0)")
    lab.go("v=1&p=temperature&d=float64")
    assert lab.page.evaluate("scrollY") == 0
    # A panel that there is not is no place to go to.
    lab.go("v=1&p=nowhere")
    assert lab.page.evaluate("scrollY") == 0
    # By the head of the page, and back.
    lab.page.locator("header.top a, header.top button").filter(has_text="7").first.click()
    at_panel(lab, "loss")


def test_a_drag_is_one_entry_of_the_history(open_lab):
    lab = open_lab()
    before = lab.page.evaluate("history.length")
    slider = lab.page.locator("lk-rail input[type=range]")
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    lab.page.mouse.move(box["x"] + box["width"] / 2, y)
    lab.page.mouse.down()
    for share in range(50, 90):
        lab.page.mouse.move(box["x"] + box["width"] * share / 100, y)
    lab.page.mouse.up()
    lab.settle()
    lab.fragment()
    assert lab.page.evaluate("history.length") == before + 1
    lab.page.evaluate("history.back()")
    expect(lab.page.locator("lk-rail lk-temperature .field")).to_have_value("1")


def test_an_embedded_page_shows_the_panels_that_are_named_and_hides_the_rest(open_lab):
    lab = open_lab("v=1&t=0.5", query="?embed=1&panel=derivative,temperature")
    panels = lab.page.locator("main > [id]")
    assert panels.evaluate_all("all => all.map(one => one.id)") == [
        "panel-temperature",
        "panel-derivative",
    ]
    for hidden in ("header.top", ".rail", ".foot", ".skip", "lk-intro"):
        assert not lab.page.locator(hidden).locator("visible=true").count(), hidden
    assert lab.readouts("temperature")["Perplexity"][1]


def test_two_tabs_with_two_states_share_one_server(open_lab):
    first, second = open_lab("v=1&c=a:1,b:2"), open_lab("v=1&c=x:5,y:1,z:0&d=float16")
    for _ in range(3):
        for lab, names in ((first, ["a", "b"]), (second, ["x", "y", "z"])):
            score = lab.page.get_by_label(f"Score of {names[0]}", exact=True)
            score.press("ArrowUp")
            lab.settle()
            (table,) = lab.tables("probabilities")
            assert [row[0][0] for row in table["rows"]] == names
    assert column(first.tables("probabilities")[0], 1) == [1.3, 2]
    assert column(second.tables("probabilities")[0], 1) == [5.3, 1, 0]
