"""The numbers on the page are the library's, to the last bit, and come from nowhere else."""

import math
import struct

import numpy as np
import pytest
from lab_client import server

import logitkit as lk
from logitkit.explanation.comparison import total
from logitkit.explanation.trials import trial
from page.changed_server import MARK, STEP
from page.conftest import TALL
from page.lab import PANELS, column
from page.servers import changed
from page.states import DTYPES, State, random_state
from page.test_confidence import LABELS, SCORES, give, npz

FUNCTIONS = ("softmax", "log_softmax", "sigmoid", "tanh", "relu", "leaky_relu", "silu")
LISTED = [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, math.inf]


def bits(values):
    """Return numbers as their bits; all NaN are one."""
    plain = [math.nan if value is None else float(value) for value in np.ravel(values).tolist()]
    return ["NaN" if math.isnan(value) else struct.pack("<d", value).hex() for value in plain]


def exactly(shown, wanted):
    """Compare what is shown with what Python gives, bit for bit."""
    wanted = np.asarray(wanted).astype(np.float64)
    assert bits(shown) == bits(wanted), (shown, wanted.tolist())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_value_is_that_of_python_bit_for_bit(tall, dtype):
    for seed in range(20):
        state = random_state(seed, dtype)
        tall.go(state.link())
        for check in CHECKS:
            check(tall, state)


def probabilities(lab, state):
    (table,) = lab.tables("probabilities")
    x, t = state.scores, state.temperature
    p = lk.softmax(x, temperature=t)
    exactly(column(table, 1), state.logits)
    exactly(column(table, 2), p)
    told = {name: value for name, (_, value) in lab.readouts("probabilities").items()}
    exactly([told["Sum of the probabilities"]], [math.fsum(p.astype(np.float64))])
    entropy = lk.entropy(x, temperature=t)
    exactly([told["Entropy"]], entropy)
    exactly([told["Perplexity"]], math.exp(float(entropy)))


def worked(lab, state):
    (table,) = lab.tables("worked")
    told = lk.explain(state.scores, labels=state.names, temperature=state.temperature)
    for place, name in enumerate(("logit", "scaled", "shifted", "exponential", "probability"), 1):
        exactly(column(table, place), [getattr(one, name) for one in told.steps])


def temperature(lab, state):
    (table,) = lab.tables("temperature")
    listed = [state.temperature, *LISTED]
    rows = np.broadcast_to(state.scores, (len(listed), len(state.logits)))
    exactly(column(table, 0), listed)
    exactly(column(table, 1), lk.entropy(rows, temperature=np.array(listed)))
    shown = [column(table, 2 + place) for place in range(len(state.logits))]
    exactly(np.transpose(shown), lk.softmax(rows, temperature=np.array(listed)))


def stability(lab, state):
    (table,) = lab.tables("stability")
    place = 1
    for dtype in DTYPES.values():
        scores = np.array(state.logits) + state.shift
        tried = trial(scores, np.dtype(dtype), state.names, state.temperature)
        exactly(column(table, place), tried.naive)
        exactly(column(table, place + 1), tried.shifted)
        exactly(column(table, place + 2), lk.softmax(tried.logits, temperature=state.temperature))
        place += 3


def derivative(lab, state):
    matrix, change = lab.tables("derivative")
    x, t = state.scores, state.temperature
    p = lk.softmax(x, temperature=t)
    shown = [column(matrix, 1 + place) for place in range(len(x))]
    exactly(np.transpose(shown), lk.softmax_jacobian(p, temperature=t))
    moved = np.array(state.logits)
    moved[state.column] += state.nudge
    with np.errstate(over="ignore"):
        moved = moved.astype(x.dtype)
    after = lk.softmax(moved, temperature=t)
    step = np.zeros_like(x)
    step[state.column] = state.nudge
    exactly(column(change, 1), p)
    exactly(column(change, 2), after)
    exactly(column(change, 3), after.astype(np.float64) - p.astype(np.float64))
    exactly(column(change, 4), lk.softmax_jvp(p, step, temperature=t))


def compare(lab, state):
    table = lab.tables("compare")[0]
    for place, name in enumerate(FUNCTIONS, 1):
        values = getattr(lk, name)(state.scores)
        shown = column(table, place)
        exactly(shown[:-1], values)
        exactly(shown[-1:], [total(values)])


def loss(lab, state):
    (table,) = lab.tables("loss")
    x = state.scores
    value, gradient = lk.cross_entropy_with_grad(x, state.target, label_smoothing=state.smoothing)
    exactly(column(table, 1), lk.softmax(x))
    exactly(column(table, 3), gradient)
    exactly(column(table, 4), lk.log_softmax(x))
    told = lab.readouts("loss")
    exactly([told["logitkit: log-softmax"][1]], value)


CHECKS = (probabilities, worked, temperature, stability, derivative, compare, loss)


def test_another_kernel_shows_in_every_panel_so_nothing_is_computed_in_the_page(open_lab):
    with changed("--mark") as (_, url):
        lab = open_lab(State(dtype="float64").link(), at=url, viewport=TALL)
        mark = [MARK + STEP * place for place in range(4)]
        exactly(column(lab.tables("probabilities")[0], 2), mark)
        exactly([float(cell[1]) for cell in lab.tables("temperature")[0]["rows"][0][2:]], mark)
        exactly(column(lab.tables("stability")[0], 12), mark)
        exactly(column(lab.tables("worked")[0], 5), mark)
        matrix, change = lab.tables("derivative")
        cells = np.transpose([column(matrix, 1 + place) for place in range(4)])
        exactly(cells, lk.softmax_jacobian(np.array(mark)))
        exactly(column(change, 1), mark)
        exactly(column(lab.tables("compare")[0], 1)[:-1], mark)
        exactly(column(lab.tables("loss")[0], 1), mark)
        give(lab, "a.npz", npz(logits=SCORES.astype(np.float64), labels=LABELS))
        sure = float(lab.readouts("confidence")["Mean confidence"][1])
        assert sure == pytest.approx(mark[-1], rel=1e-15)
        assert "12.3 %" in lab.page.locator("#panel-probabilities lk-bars").last.text_content()


def test_a_server_that_is_gone_is_told_and_its_numbers_are_marked_until_it_is_back(open_lab):
    with server() as (process, url):
        port = url.rstrip("/").rpartition(":")[2]
        lab = open_lab(at=url)
        lab.expect("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
        before = lab.shown("probabilities")["values"]
        marks = lab.page.locator("#panel-probabilities .stale-mark")
        assert not marks.is_visible()
        process.kill()
        process.wait()
        score = lab.page.get_by_label("Score of apple", exact=True)
        score.fill("4")
        banner = lab.page.locator(".banner.is-lost")
        banner.wait_for()
        assert "The server does not answer" in banner.text_content()
        assert marks.is_visible()
        assert lab.shown("probabilities")["values"] == before
    with server("--port", port):
        banner.wait_for(state="detached")
        lab.settle()
        assert not marks.is_visible()
        p = lk.softmax(np.float32([4, 2.2, -0.3, 0.8]))
        exactly(column(lab.tables("probabilities")[0], 2), p)


def test_the_strip_says_which_kernel_computed(lab):
    engine = lab.page.locator('[data-strip="kernel"]').text_content()
    isa = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON"}.get(lk.cpu_info()["isa"], "generic")
    assert engine == f"{isa} · float32 · v{lk.__version__}"
    assert lab.page.locator('[data-strip="library"]').text_content().endswith("µs")


def test_a_table_and_a_chart_can_be_saved_with_the_full_values(lab):
    with lab.page.expect_download() as waiting:
        lab.page.locator("#panel-probabilities").get_by_label("Save as CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert lines[0] == "Class,Score,Probability,Percent,Rank"
    exactly([float(line.split(",")[2]) for line in lines[1:]], lk.softmax(State().scores))
    with lab.page.expect_download() as waiting:
        lab.page.locator("#panel-probabilities").get_by_label("Save as SVG").click()
    drawing = waiting.value.path().read_text()
    assert drawing.startswith("<?xml")
    assert "orange" in drawing and "54.8 %" in drawing
    assert PANELS[0] in waiting.value.suggested_filename
