"""axe-core finds nothing: every panel, every state of error, light and dark, wide and narrow."""

import pytest

from page import axe
from page.lab import PANELS, Lab
from page.test_confidence import LABELS, SCORES, npz
from page.test_matrix import MANY

SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 375, "height": 800}}


@pytest.fixture(scope="module")
def script():
    return axe.source()


@pytest.fixture(
    scope="module",
    params=[(theme, size) for theme in ("light", "dark") for size in SIZES],
    ids=lambda pair: "-".join(pair),
)
def checked(request, browser, url, script):
    """A page in one theme and one width, with axe in it."""
    theme, size = request.param
    lab = Lab(
        browser,
        url,
        {
            "viewport": SIZES[size],
            "color_scheme": theme,
            "reduced_motion": "reduce",
            "bypass_csp": True,  # the page's policy allows no foreign script, not even this one
        },
    )
    lab.context.add_init_script(script)
    yield lab
    lab.close()


def see(lab):
    """Check the whole page, once every panel has followed."""
    lab.page.wait_for_timeout(250)  # panels out of sight follow after 150 ms
    lab.settle()
    assert axe.violations(lab.page) == []


def test_every_panel_with_its_tables_and_code_open(checked):
    checked.open()
    panel = checked.panel("confidence")
    panel.locator("input[type=file]").set_input_files(
        {"name": "a.npz", "mimeType": "", "buffer": npz(logits=SCORES, labels=LABELS)}
    )
    panel.locator(".drop.is-done").wait_for()
    panel.locator("lk-reliability [data-mark]").last.press("Enter")
    panel.locator(".rows-table td.is-wrong").first.wait_for()
    checked.page.locator("button[aria-expanded=false]:not(.sheet-toggle)").evaluate_all(
        "all => all.forEach(button => button.click())"
    )
    assert checked.page.locator("code[data-language=shell]").count() == len(PANELS)
    see(checked)


def no_class(lab):
    lab.open("v=1&c=")


def undefined(lab):
    lab.open("v=1&c=a:nan,b:-inf,c:inf&t=0")


def overflow(lab):
    lab.open("v=1&c=a:1000,b:1001,c:-2000&y=2&k=700")


def many_classes(lab):
    lab.open(MANY.link("derivative"))
    lab.page.locator(".dense [tabindex='0']").focus()


def damaged_link(lab):
    lab.open("v=1&t=warm&c=x")


def wrong_numbers(lab):
    lab.open()
    if lab.page.locator(".sheet-toggle").is_visible():
        lab.page.locator(".sheet-toggle").click()
    lab.page.get_by_label("Score of apple", exact=True).fill("much")
    lab.panel("temperature").get_by_label("Temperature, exact").fill("-1")
    lab.panel("worked").get_by_label("Digits, exact").fill("99")


def bad_file(lab):
    lab.open()
    lab.panel("confidence").locator("input[type=file]").set_input_files(
        {"name": "a.npz", "mimeType": "", "buffer": b"hello"}
    )
    lab.page.locator(".drop.is-failed").wait_for()


def lost_server(lab):
    lab.open()
    lab.context.set_offline(True)
    lab.page.get_by_role("button", name="A tie").locator("visible=true").click()
    lab.page.locator(".banner.is-lost").wait_for()


STATES = (
    no_class,
    undefined,
    overflow,
    many_classes,
    damaged_link,
    wrong_numbers,
    bad_file,
    lost_server,
)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_state_of_error(checked, state):
    state(checked)
    if state is lost_server:
        assert axe.violations(checked.page) == []
        checked.context.set_offline(False)
    else:
        see(checked)


def test_the_dialog_and_the_menu(checked):
    checked.open()
    if checked.page.locator(".sheet-toggle").is_visible():
        checked.page.locator(".sheet-toggle").click()
    checked.page.get_by_label("Move, copy or remove apple", exact=True).click()
    assert axe.violations(checked.page) == []
    checked.page.keyboard.press("Escape")
    checked.page.get_by_role("button", name="Paste…").click()
    checked.page.get_by_role("dialog").get_by_label("Text").fill("pear,1\nplum,two")
    assert axe.violations(checked.page) == []


def test_the_page_in_a_frame(checked):
    checked.open("v=1&t=0.5", query="?embed=1&panel=temperature")
    assert axe.violations(checked.page) == []
