"""What xla/abi.hpp declares is what jaxlib's header says."""

import shutil
import subprocess
from pathlib import Path

import jax

ROOT = Path(__file__).resolve().parent.parent

# Of each struct: its name here and there, and its fields, here and there.
STRUCTS = {
    ("Extension", "XLA_FFI_Extension_Base"): "struct_size type next",
    ("Version", "XLA_FFI_Api_Version"): (
        "struct_size extensions=extension_start major_version minor_version"
    ),
    ("Metadata", "XLA_FFI_Metadata"): "struct_size version=api_version traits",
    ("MetadataExtension", "XLA_FFI_Metadata_Extension"): "base=extension_base metadata",
    ("ErrorArgs", "XLA_FFI_Error_Create_Args"): (
        "struct_size extensions=extension_start message code=errc"
    ),
    ("Functions", "XLA_FFI_Api"): (
        "struct_size extensions=extension_start version=api_version internals=internal_api "
        "create_error=XLA_FFI_Error_Create"
    ),
    ("BufferView", "XLA_FFI_Buffer"): (
        "struct_size extensions=extension_start element_type=dtype data rank dims"
    ),
    ("Buffers", "XLA_FFI_Args"): (
        "struct_size extensions=extension_start size kinds=types buffers=args"
    ),
    ("Buffers", "XLA_FFI_Rets"): (
        "struct_size extensions=extension_start size kinds=types buffers=rets"
    ),
    ("Text", "XLA_FFI_ByteSpan"): "data=ptr size=len",
    ("Scalar", "XLA_FFI_Scalar"): "element_type=dtype value",
    ("Attributes", "XLA_FFI_Attrs"): (
        "struct_size extensions=extension_start size kinds=types names values=attrs"
    ),
    ("CallFrame", "XLA_FFI_CallFrame"): (
        "struct_size extensions=extension_start functions=api context=ctx stage arguments=args "
        "results=rets attributes=attrs"
    ),
}
# The structs that a Buffers or a Metadata may be longer than: XLA may add fields behind.
WHOLE = {"Extension", "Version", "ErrorArgs", "BufferView", "Buffers", "Text", "Scalar"} | {
    "Attributes",
    "MetadataExtension",
}
NUMBERS = {
    "metadata_extension": "XLA_FFI_Extension_Metadata",
    "invalid_argument": "XLA_FFI_Error_Code_INVALID_ARGUMENT",
    "resource_exhausted": "XLA_FFI_Error_Code_RESOURCE_EXHAUSTED",
    "internal_error": "XLA_FFI_Error_Code_INTERNAL",
    "buffer_kind": "XLA_FFI_ArgType_BUFFER",
    "scalar_kind": "XLA_FFI_AttrType_SCALAR",
    "execute_stage": "XLA_FFI_ExecutionStage_EXECUTE",
    **{
        name: f"XLA_FFI_DataType_{name.upper()}"
        for name in ("pred", "s32", "s64", "f16", "f32", "f64", "bf16")
    },
}


def assertions():
    """Yield (what is compared, the two sides), both constants of C++."""
    for (ours, theirs), fields in STRUCTS.items():
        if ours in WHOLE:
            yield f"size of {ours}", f"sizeof({ours})", f"sizeof({theirs})"
        for field in fields.split():
            a, _, b = field.partition("=")
            here, there = f"{ours}, {a}", f"{theirs}, {b or a}"
            yield f"offset of {here}", f"offsetof({here})", f"offsetof({there})"
            size = f"sizeof({ours}::{a})"
            yield f"size of {here}", size, f"sizeof({theirs}::{b or a})"
    for ours, theirs in NUMBERS.items():
        yield ours, f"int({ours})", f"int({theirs})"
    yield "results", "buffer_kind", "int(XLA_FFI_RetType_BUFFER)"
    yield "version", "0", "XLA_FFI_API_MAJOR"


def compiled(tmp_path, lines):
    source = tmp_path / "abi.cpp"
    asserts = [f'static_assert({a} == {b}, "{what}");' for what, a, b in lines]
    includes = ["#include <xla/ffi/api/c_api.h>", '#include "xla/abi.hpp"']
    using = ["using namespace logitkit::xla;", *asserts]
    source.write_text("\n".join([*includes, *using, ""]))
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{ROOT / 'src'}"]
    command += ["-isystem", jax.ffi.include_dir(), "-Winvalid-offsetof", source]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_declarations_are_those_of_the_header(tmp_path):
    done = compiled(tmp_path, assertions())
    assert done.returncode == 0, done.stderr


def test_a_difference_is_found(tmp_path):
    done = compiled(tmp_path, [("a lie", "offsetof(CallFrame, stage)", "1")])
    assert done.returncode != 0
    assert "a lie" in done.stderr
