#!/bin/sh
# Says in one sentence what this machine lacks to build logitkit, and fails; says nothing when it lacks nothing.
# Usage: tools/check_machine.sh [python]
set -eu

python=${1:-python3}

stop() {
    echo "logitkit cannot be set up: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    stop "there is no \"$python\" here; install Python 3.11 or newer, or name one with make PYTHON=/path/to/python3."

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "$python is $("$python" --version 2>&1); Python 3.11 or newer is needed, name one with make PYTHON=/path/to/python3."

"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "$python cannot create environments; install its venv module (Debian, Ubuntu: apt install python3-venv)."

"$python" -c '
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())
' || stop "$python has no header Python.h; install its development files (Debian, Ubuntu: apt install python3-dev)."

# CXX may carry arguments ("ccache g++"); without it CMake looks for these names in this order.
compiler=${CXX:-}
if [ -z "$compiler" ]; then
    for name in c++ g++ clang++; do
        command -v "$name" >/dev/null 2>&1 && compiler=$name && break
    done
fi
[ -n "$compiler" ] && command -v "${compiler%% *}" >/dev/null 2>&1 ||
    stop "there is no C++ compiler (${compiler:-c++, g++ or clang++}); install one (Debian, Ubuntu: apt install g++)."

printf '#include <bit>\nint main() { return std::popcount(0u); }\n' |
    $compiler -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1 ||
    stop "$compiler does not compile C++20; GCC 11, Clang 14 or newer is needed, name one with CXX=/path/to/compiler."
