"""The page as it has to change: narrow, enlarged, still, in forced colours, on paper, dark."""

import pytest

from page.lab import PANELS
from page.test_confidence import LABELS, SCORES, npz
from page.test_matrix import MANY

SIZES = {"320 px": (320, 640), "1280 x 1024 at 400 %": (320, 256), "375 px": (375, 800)}
LONG = f"v=1&c={'a%20very%20long%20name%20' * 3}:-123456.789,b:0.000012345,c:1e300"


@pytest.mark.parametrize(
    "link",
    ["", LONG, "v=1&c=", "v=1&t=warm", MANY.link()],
    ids=["fruit", "long", "empty", "bad", "64 classes"],
)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_has_to_be_scrolled_sideways(open_lab, size, link):
    lab = open_lab(link, viewport={"width": size[0], "height": size[1]})
    lab.page.wait_for_timeout(300)
    if not link:
        lab.panel("confidence").locator("input[type=file]").set_input_files(
            {"name": "a.npz", "mimeType": "", "buffer": npz(logits=SCORES, labels=LABELS)}
        )
        lab.page.locator(".drop.is-done").wait_for()
        lab.page.locator("lk-reliability [data-mark]").last.press("Enter")
        lab.page.locator(".rows-table").wait_for()
    lab.page.locator("button[aria-expanded=false]").evaluate_all(
        "all => all.forEach(one => one.click())"
    )
    lab.settle()
    width = lab.page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= size[0]
    # Only what has a bar of its own may be wider: a table, a formula, lines of code.
    beyond = lab.page.evaluate("lab.beyond()")
    assert beyond == []


def test_the_dialog_fits_320_pixels(open_lab):
    lab = open_lab(viewport={"width": 320, "height": 400})
    lab.page.locator(".sheet-toggle").click()
    lab.page.get_by_role("button", name="Paste…").click()
    box = lab.page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    button = lab.page.get_by_role("button", name="Use these scores")
    button.scroll_into_view_if_needed()
    assert button.bounding_box()["x"] + button.bounding_box()["width"] <= 320


def test_with_reduced_motion_nothing_moves_by_itself(tall):
    acts = (
        lambda: tall.page.get_by_role("button", name="A tie").locator("visible=true").click(),
        lambda: tall.page.locator("lk-rail lk-temperature .field").fill("0.2"),
        lambda: (
            tall.page.locator("#panel-probabilities").get_by_role("button", name="Table").click()
        ),
        lambda: tall.page.locator("#panel-loss .loss-naive .chip").first.hover(),
        lambda: tall.page.get_by_role("button", name="Paste…").click(),
    )
    for act in acts:
        act()
        assert tall.page.evaluate("document.getAnimations().length") == 0
    smooth = tall.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert smooth == "auto"


def test_in_forced_colours_marks_and_choices_can_be_told(open_lab):
    lab = open_lab(forced_colors="active", viewport={"width": 1280, "height": 12_000})
    assert lab.page.evaluate("matchMedia('(forced-colors: active)').matches")
    ground = lab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    for marks in (".bar .mark", ".part rect", ".trial rect[data-class]", "path.curve"):
        paints = lab.page.evaluate("marks => lab.paints(marks)", marks)
        assert paints and ground not in paints, marks
    dress = "selector => lab.dress(selector)"
    assert len(set(lab.page.evaluate(dress, ".segment > span"))) > 1
    before = lab.page.evaluate(dress, "lk-rail .limit")
    lab.page.locator("lk-rail .limit").first.click()
    lab.settle()
    assert lab.page.evaluate(dress, "lk-rail .limit") != before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_from_their_ground_by_3_to_1(open_lab, theme):
    lab = open_lab(color_scheme=theme, viewport={"width": 1280, "height": 12_000})
    ratios = lab.page.evaluate("lab.contrasts()")
    assert len(ratios) > 50
    assert [one for one in ratios if one[1] < 3] == []


def test_the_theme_button_turns_through_system_light_and_dark_and_is_kept(open_lab):
    lab = open_lab(color_scheme="dark")
    button = lab.page.get_by_role("button", name="Theme")
    ground = "getComputedStyle(document.body).backgroundColor"
    system = lab.page.evaluate(ground)
    button.click()
    assert button.text_content() == "Theme: light"
    light = lab.page.evaluate(ground)
    button.click()
    assert lab.page.evaluate(ground) == system != light
    lab.open()
    assert button.text_content() == "Theme: dark"


def test_on_paper_every_panel_has_its_numbers_and_no_controls(open_lab):
    lab = open_lab()
    lab.page.wait_for_timeout(300)
    lab.settle()
    lab.page.emulate_media(media="print")
    for panel in PANELS[:-1]:
        assert lab.shown(panel)["values"], panel
        assert "–" not in [text for text, _ in lab.readouts(panel).values()], panel
    for control in ("header.top", ".rail", ".figure-tools", ".chips"):
        assert not lab.page.locator(control).locator("visible=true").count(), control


def test_no_request_leaves_the_machine_and_everything_comes_from_the_server(open_lab):
    lab = open_lab()
    hosts = lab.page.evaluate(
        """[...new Set(performance.getEntriesByType("resource")
          .map(({ name }) => new URL(name).origin))]"""
    )
    assert hosts == [lab.url.rstrip("/")]
    policy = lab.page.request.get(lab.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    # The fixture fails for any other request, any error or warning of the console, any violation.
    lab.page.evaluate("fetch('https://elsewhere.example/').catch(() => {})")
    lab.page.wait_for_timeout(100)
    problems = lab.take_problems()
    assert any("elsewhere.example" in problem for problem in problems)
