"""Numbers from the arguments, from files, from standard input; and what is wrong with them."""

import os

import numpy as np
import pytest
from cli_process import invoke, loads, ok
from hypothesis import given, settings
from hypothesis import strategies as st

import logitkit

LOGITS = np.array([[2.0, -1.0, 0.5], [1000.0, 1001.0, 1002.0]])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a directory with good and bad files, which is the current one."""
    monkeypatch.chdir(tmp_path)
    np.save("good.npy", LOGITS.astype(np.float32))
    np.save("cube.npy", np.arange(24.0).reshape(2, 3, 4))
    np.save("scalar.npy", np.float64(3))
    np.save("text.npy", np.array(["a"]))
    np.save("complex.npy", np.ones(2, complex))
    np.save("object.npy", np.array([{}], dtype=object))
    np.save("none.npy", np.ones((0, 3)))
    np.savez("good.npz", logits=LOGITS, labels=[0, 1])
    np.savez("two.npz", a=LOGITS, b=LOGITS + 1)
    (tmp_path / "good.csv").write_text("apple,orange,fig\n2,-1,0.5\n1000,1001,1002\n")
    (tmp_path / "good.tsv").write_text("2\t-1\t0.5\n1000\t1001\t1002\n")
    (tmp_path / "ragged.csv").write_text("1,2\n3,4,5\n")
    (tmp_path / "words.csv").write_text("a,b\n1,2\n3,four\n")
    (tmp_path / "typo.csv").write_text("1.5,2.x,0.3\n1,2,3\n")
    (tmp_path / "column.csv").write_text("1\n2\n3\n")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "empty.npy").write_text("")
    (tmp_path / "corrupt.npy").write_text("hello")
    (tmp_path / "corrupt.npz").write_text("hello")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:-4])
    return tmp_path


def probabilities(*args, **kwargs):
    return np.array(loads(ok("softmax", "--json", *args, **kwargs))["probabilities"], dtype=float)


@pytest.mark.parametrize(
    "tokens",
    ["2 -1 0.5", "-1 -2 -3", "-.5 +.5 1e3", "-inf 0 1", "-1e-3 -2E2 0", "-Infinity 1 -0", "7"],
)
def test_numbers_as_arguments_need_no_dashes(tokens):
    values = [float(token) for token in tokens.split()]
    np.testing.assert_array_equal(probabilities(*tokens.split()), logitkit.softmax(values))
    np.testing.assert_array_equal(probabilities("--", *tokens.split()), logitkit.softmax(values))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=64), min_size=1, max_size=5), st.booleans())
def test_any_float_is_a_number_and_prints_to_the_same_bits(values, json):
    args = [repr(value) for value in values]
    got = ok("compare", *args, *(["--json"] if json else []))
    if json:
        logits = [float(value) for value in loads(got)["logits"]]
    else:
        logits = [float(line.split("\t")[1]) for line in got.splitlines()[1:-1]]
    np.testing.assert_array_equal(logits, values)
    assert [np.signbit(v) for v in logits if v == v] == [np.signbit(v) for v in values if v == v]


def test_nan_is_a_number():
    assert loads(ok("softmax", "1", "nan", "--json"))["probabilities"] == ["NaN", "NaN"]


def test_options_stand_anywhere():
    expected = ok("softmax", "2", "-1", "-T", "2", "--labels", "a,b")
    assert ok("softmax", "-T", "2", "2", "--labels", "a,b", "-1") == expected
    assert ok("softmax", "2", "-T2", "-1", "--labels=a,b") == expected


def test_a_name_may_look_like_a_number():
    assert loads(ok("softmax", "1", "--labels", "-1", "--json"))["labels"] == ["-1"]


@pytest.mark.parametrize("name", ["good.npy", "good.npz", "good.csv", "good.tsv"])
def test_every_format_is_read(folder, name):
    dtype = np.float32 if name == "good.npy" else np.float64
    got = loads(ok("softmax", name, "--json"))
    assert got["dtype"] == np.dtype(dtype).name
    expected = logitkit.softmax(LOGITS.astype(dtype))
    np.testing.assert_array_equal(np.array(got["probabilities"], dtype=dtype), expected)


def test_shapes_are_kept(folder):
    cube = np.load("cube.npy")
    for axis, value in {"-1": -1, "0": 0, "1,2": (1, 2), "none": None}.items():
        got = probabilities("cube.npy", "--axis", axis)
        np.testing.assert_array_equal(got, logitkit.softmax(cube, axis=value))
    assert probabilities("scalar.npy") == 1.0
    assert len(ok("softmax", "cube.npy").splitlines()) == 6
    assert ok("softmax", "scalar.npy") == "1.0\n"


def test_the_header_names_the_classes(folder):
    assert ok("softmax", "good.csv").splitlines()[0] == "apple\torange\tfig"
    assert ok("softmax", "good.csv", "--labels", "a,b,c").splitlines()[0] == "a\tb\tc"
    assert len(ok("softmax", "good.tsv").splitlines()) == 2


def test_a_key_chooses_the_array(folder):
    np.testing.assert_array_equal(probabilities("two.npz", "--key", "a"), logitkit.softmax(LOGITS))


@pytest.mark.parametrize("text", ["2 -1 .5\n1000 1001 1002\n", "2,-1,.5\n1000,1001,1002"])
@pytest.mark.parametrize("dash", [["-"], []])
def test_standard_input(text, dash):
    got = probabilities(*dash, stdin=text)
    np.testing.assert_array_equal(got, logitkit.softmax(LOGITS))


def test_output_can_be_input(folder):
    first = ok("log-softmax", "good.csv")
    second = ok("log-softmax", stdin=first)
    assert second.splitlines()[0] == "apple\torange\tfig"
    assert ok("softmax", "good.csv", "-o", "p.npz") == ""
    assert loads(ok("softmax", "p.npz", "--json"))["labels"] == ["apple", "orange", "fig"]


def test_a_column_of_numbers_is_remarked_unless_its_axis_is_meant(folder):
    result = invoke("softmax", "column.csv")
    assert result.stdout == "1.0\n1.0\n1.0\n"
    assert "3 rows of one number" in result.stderr and "--axis 0" in result.stderr
    result = invoke("softmax", "column.csv", "--axis", "0")
    assert result.stderr == ""
    assert [float(x) for x in result.stdout.split()] == list(logitkit.softmax([1.0, 2.0, 3.0]))


def test_a_row_is_chosen(folder):
    def logits(*args):
        return loads(ok("jacobian", "--json", *args))["logits"]

    assert logits("good.csv", "--row", "1") == LOGITS[1].tolist()
    assert logits("good.csv", "--row", "-2") == LOGITS[0].tolist()
    assert logits("1", "2", "--row", "0") == [1, 2]


USAGE = {
    "softmax": "no scores given|standard input is empty",
    "softmax frog": "'frog' is neither a number nor a file that ends in .npy, .npz, .csv, .tsv",
    "softmax x.json": "'x.json' is neither a number nor a file",
    "softmax 1 2,3": "'2,3' is not a number; give numbers separated by spaces, or one file",
    "softmax good.npy good.csv": "'good.npy' is not a number; give numbers",
    "softmax 1 -": "'-' is not a number",
    "softmax 1 2 -T -1": "-1 is not a temperature: 0 or a larger number, or inf",
    "softmax 1 2 -T nan": "nan is not a temperature",
    "softmax 1 2 -T hot": "hot is not a temperature",
    "softmax 1 2 -T": "requires an argument",
    "softmax 1 2 --axis 1": "axis",
    "softmax 1 2 --axis x": "'x' is not an axis",
    "softmax 1 2 --labels a": "--labels has 1 name, the command line has 2 scores",
    "softmax good.csv --labels a,b": "--labels has 2 names, good.csv has 3 scores",
    "softmax 1 2 --dtype int8": "'int8' is not one of",
    "softmax 1 2 --threads 0": "0 is not in the range",
    "softmax 1 2 --key a": "--key chooses an array of an .npz file",
    "softmax good.csv --key a": "--key chooses an array of an .npz file",
    "softmax 1 2 -o out.xlsx": "out.xlsx must end in .npy, .npz, .csv, .tsv, .json",
    "softmax 1 2 -o nowhere/out.npy": "there is no directory nowhere",
    "softmax 1 2 -o out.npy --json": "--json prints, -o writes a file",
    "softmax 1 2 --frob": "No such option",
    "softmaxx 1 2": "No such command 'softmaxx'",
    "explain good.csv": "good.csv has 2 rows; choose one with --row, 0 to 1",
    "explain good.csv --row 2": "--row 2: good.csv has 2 rows",
    "temperature 1 2 --sweep 0:1:5": "the ends of a range are positive and finite",
    "temperature 1 2 --sweep 1:2": "'1:2' is not a range: FIRST:LAST:COUNT",
    "temperature 1 2 --sweep 1:2:1": "a range has 2 to 100000 temperatures",
    "temperature 1 2 --sweep 1,-2": "-2 is not a temperature",
    "demo": "Missing argument",
    "demo good.csv": "'good.csv' is not an .npz archive",
}

BAD_DATA = {
    "softmax nothing.npy": "cannot read nothing.npy: No such file or directory",
    "softmax nothing.npz": "cannot read nothing.npz: No such file or directory",
    "softmax nothing.csv": "cannot read nothing.csv: No such file or directory",
    "softmax empty.csv": "empty.csv is empty",
    "softmax empty.npy": "empty.npy is empty",
    "softmax header.csv": "header.csv holds no numbers",
    "softmax none.npy": "none.npy holds no numbers: its shape is (0, 3)",
    "softmax ragged.csv": "ragged.csv, line 2: 3 columns, where line 1 has 2",
    "softmax words.csv": "words.csv, line 3, column 2 (b): 'four' is not a number",
    "softmax typo.csv": "typo.csv, line 1, column 2: '2.x' is not a number",
    "explain words.csv --row 0": "words.csv, line 3, column 2 (b): 'four' is not a number",
    "softmax text.npy": "text.npy holds text (dtype <U1), not numbers",
    "softmax complex.npy": "complex.npy holds complex numbers (dtype complex128), not numbers",
    "softmax object.npy": "object.npy holds Python objects, which are refused",
    "softmax corrupt.npy": "corrupt.npy is not an .npy file",
    "softmax cut.npy": "cut.npy is truncated or corrupt",
    "softmax corrupt.npz": "corrupt.npz is not an .npz archive",
    "softmax two.npz": "two.npz has no array named 'logits', choose one with --key: it holds a, b",
    "softmax two.npz --key c": "two.npz has no array named 'c': it holds a, b",
    "demo two.npz": "two.npz has no array named 'logits': it holds a, b",
    "demo good.npz": "good.npz has no array named 'images': it holds logits, labels",
}


@pytest.mark.parametrize("output", ["", " -o out.npy"])
@pytest.mark.parametrize(
    ("line", "message", "code"),
    [(line, text, 2) for line, text in USAGE.items()]
    + [(line, text, 3) for line, text in BAD_DATA.items()],
)
def test_wrong_input_gives_one_sentence_and_no_output(folder, line, message, code, output):
    if output and ("-o" in line or line.endswith("-T")):
        output = ""
    if line == "softmax":
        code = 3  # nothing is typed and nothing is piped: the terminal's case is in its own test
    before = sorted(os.listdir())
    result = invoke(*(line + output).split())
    first, *rest = result.stderr.splitlines()
    assert any(text in first for text in message.split("|")), result.stderr
    assert first.startswith("Error: ")
    assert rest == ([] if code == 3 else [rest[0]]) and "Traceback" not in result.stderr
    assert result.exit_code == code
    assert result.stdout == "" and sorted(os.listdir()) == before


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_standard_input(text):
    result = invoke("softmax", stdin=text)
    assert (result.exit_code, result.stderr) == (3, "Error: standard input is empty\n")


def test_bad_standard_input():
    result = invoke("softmax", "-", stdin="1 2\n3 x\n")
    assert result.exit_code == 3
    assert result.stderr == "Error: standard input, line 2, column 2: 'x' is not a number\n"
    result = invoke("softmax", stdin="1 2 x\n")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "Error: standard input, line 1, column 3: 'x' is not a number\n"
