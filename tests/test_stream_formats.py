"""Every format gives back what it was given, and refuses what it cannot hold."""

import json
import re
import zipfile

import numpy as np
import pytest

from logitkit.stream.formats import READABLE, DataError, Table, read, write
from logitkit.stream.formats.delimited import parse
from logitkit.stream.formats.json import dumps

EDGES = [0.1, -0.0, 1 / 3, 1e-45, 3.4e38, 5e-324, 1.7976931348623157e308, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("suffix", READABLE)
@np.errstate(over="ignore")
def test_numbers_survive_a_round_trip(tmp_path, suffix, dtype):
    array = np.array(EDGES).astype(dtype).reshape(2, 5)
    path = tmp_path / f"x.{suffix}"
    write(path, Table(array, name="logits"))
    back = read(path).array
    np.testing.assert_array_equal(back.astype(dtype), array)
    assert np.array_equal(np.signbit(back), np.signbit(array))


@pytest.mark.parametrize("suffix", ["npz", "csv", "tsv"])
def test_labels_survive_a_round_trip(tmp_path, suffix):
    labels = ("a,b", 'say "c"', "d\te", "früh")
    path = tmp_path / f"x.{suffix}"
    write(path, Table(np.ones((2, 4)), labels))
    assert read(path).labels == labels


def test_text_has_the_fewest_digits_of_the_narrow_type(tmp_path):
    path = tmp_path / "x.tsv"
    write(path, Table(np.array([[0.1, 1 / 3]], dtype=np.float32)))
    assert path.read_text() == "0.1\t0.33333334\n"


def test_npy_is_mapped_and_keeps_its_type_and_shape(tmp_path):
    path = tmp_path / "x.npy"
    array = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    np.save(path, array)
    table = read(path)
    assert isinstance(table.array.base, np.memmap) and table.array.dtype == ">i2"
    np.testing.assert_array_equal(table.array, array)


def test_npz_prefers_logits_then_the_only_array_then_the_key(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, other=[1.0], logits=[2.0])
    assert read(path).array == [2.0]
    assert read(path, "other").array == [1.0]
    np.savez(path, other=[1.0])
    assert read(path).array == [1.0]
    np.savez(path, one=[1.0], two=[2.0])
    with pytest.raises(DataError, match=r"no array named 'logits'.*it holds one, two"):
        read(path)
    with pytest.raises(DataError, match="no array named 'three': it holds one, two"):
        read(path, "three")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2 3\n", [[1, 2, 3]]),
        ("1,2,3", [[1, 2, 3]]),
        ("1\t2\t3\r\n4\t5\t6\r\n", [[1, 2, 3], [4, 5, 6]]),
        ("  1 , 2 ,3\n\n4 5, 6\n", [[1, 2, 3], [4, 5, 6]]),
        ("\ufeff1 2\n", [[1, 2]]),
        ("-inf nan\n+1e3 -.5\n", [[-np.inf, np.nan], [1000, -0.5]]),
    ],
)
def test_text_of_a_pipe(text, expected):
    table = parse(text.splitlines(keepends=True), "text")
    np.testing.assert_array_equal(table.array, expected)
    assert table.labels is None


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("big apple,pear\n1,2\n", ("big apple", "pear")),
        ("apple\tbig pear\n1\t2\n", ("apple", "big pear")),
        ("apple pear\n1 2\n", ("apple", "pear")),
        ('"a,b",pear\n1,2\n', ("a,b", "pear")),
        ("class 1,class 2\n1,2\n", ("class 1", "class 2")),
        ("apple,\n1,2\n", ("apple", "")),
    ],
)
def test_header_of_a_pipe(text, labels):
    table = parse(text.splitlines(keepends=True), "text")
    assert table.labels == labels and table.array.tolist() == [[1, 2]]


@pytest.mark.parametrize("delimiter", [",", None])
@pytest.mark.parametrize(
    ("first", "column", "cell"), [("1,x,3", 2, "x"), ("1,2,", 3, ""), ("x,2,nan", 1, "x")]
)
def test_a_first_line_with_a_number_is_no_header(first, column, cell, delimiter):
    message = f"z.csv, line 1, column {column}: {cell!r} is not a number"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        parse([f"{first}\n", "4,5,6\n"], "z.csv", delimiter)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty"),
        (b"\n  \n", "x.csv is empty"),
        (b"a,b\n", "x.csv holds no numbers, only the line 'a b'"),
        (b"1,2\n3,4,5\n", "x.csv, line 2: 3 columns, where line 1 has 2"),
        (b"a,b\n1,2\n3\n", "x.csv, line 3: 1 column, where line 1 has 2"),
        (b"1,2\n3,four\n", "x.csv, line 2, column 2: 'four' is not a number"),
        (b"a,b\n\n1,2\n3,\n", r"x.csv, line 4, column 2 \(b\): '' is not a number"),
        (b"1;2\n3;4\n", "x.csv, line 2, column 1 .*: '3;4' is not a number"),
        (b"1,2\n\xff\xfe,3\n", "x.csv is not UTF-8 text"),
    ],
)
def test_bad_text_names_the_place(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path)


def numpy_bytes(array, tmp_path):
    np.save(tmp_path / "good.npy", array)
    return (tmp_path / "good.npy").read_bytes()


def test_bad_npy_is_refused(tmp_path):
    good = numpy_bytes(np.ones((10, 3)), tmp_path)
    path = tmp_path / "x.npy"
    for content, message in {
        b"": "x.npy is empty",
        b"1 2 3\n": "x.npy is not an .npy file",
        good.replace(b"{'descr'", b"{(descr'"): "x.npy is truncated or corrupt",
        good.replace(b"<f8", b"<f\0"): "x.npy is truncated or corrupt",
        good[:-8]: "x.npy is truncated or corrupt",
        good[:20]: "x.npy is truncated or corrupt",
        numpy_bytes(np.array([{}, 1], dtype=object), tmp_path): "Python objects, which are refused",
        numpy_bytes(np.array(["a"]), tmp_path): r"x.npy holds text \(dtype <U1\), not numbers",
        numpy_bytes(np.ones(2, complex), tmp_path): "holds complex numbers",
        numpy_bytes(np.ones((0, 3)), tmp_path): r"holds no numbers: its shape is \(0, 3\)",
    }.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read(path)


def test_bad_npz_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, logits=np.arange(1000.0))
    good = path.read_bytes()
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    objects = tmp_path / "objects.npz"
    np.savez(objects, logits=np.array([{}], dtype=object))
    for content, message in {
        b"": "x.npz is empty",
        b"PK nonsense": "x.npz is not an .npz archive, or it is truncated",
        good[:-100]: "x.npz is not an .npz archive, or it is truncated",
        good[:4000] + b"\x00\x01\x02" + good[4003:]: r"x.npz\[logits\] is truncated or corrupt",
        (tmp_path / "text.npz").read_bytes(): r"x.npz\[readme.txt\] is not an array",
        (tmp_path / "none.npz").read_bytes(): "x.npz holds no arrays",
        objects.read_bytes(): r"x.npz\[logits\] holds Python objects, which are refused",
    }.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read(path)


def test_a_missing_file_and_an_unknown_format(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nothing.npy: No such file"):
        read(tmp_path / "nothing.npy")
    with pytest.raises(ValueError, match=r"x.txt must end in .npy, .npz, .csv, .tsv$"):
        read("x.txt")
    with pytest.raises(ValueError, match=r"x must end in .npy, .npz, .csv, .tsv, .json$"):
        write("x", Table(np.ones(1)))


def test_json_is_strict_and_short():
    value = {
        "p": np.array([[0.1, np.nan], [np.inf, -np.inf]], dtype=np.float32),
        "n": np.arange(2),
        "one": np.float32(0.1),
        "T": float("inf"),
        "names": ("ä", None),
    }
    text = dumps(value)
    assert text == (
        '{"p": [[0.1, "NaN"], ["Infinity", "-Infinity"]], "n": [0, 1], "one": 0.1, '
        '"T": "Infinity", "names": ["ä", null]}'
    )
    assert json.loads(text)["T"] == "Infinity"


def test_long_text_is_written_in_blocks_and_reported(tmp_path):
    done = []
    array = np.arange(20_000.0).reshape(10_000, 2)
    write(tmp_path / "x.csv", Table(array), done.append)
    assert sum(done) == 10_000 and len(done) > 1
    np.testing.assert_array_equal(read(tmp_path / "x.csv").array, array)
