#!/bin/sh
# What the tests need to compile and run the core for ARM on an x86 machine: Debian's cross compiler and qemu.
# Installs them where apt can; elsewhere says in one sentence what to install, and fails.
set -eu

packages="g++-aarch64-linux-gnu qemu-user"
complete() { command -v aarch64-linux-gnu-g++ >/dev/null 2>&1 && command -v qemu-aarch64 >/dev/null 2>&1; }

complete && exit 0
[ "$(uname -m)" = aarch64 ] && exit 0
if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
    echo "Installing $packages."
    log=$(mktemp)
    { $as_root apt-get update -q && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y $packages; } \
        >"$log" 2>&1 || tail -n 3 "$log" >&2
    rm -f "$log"
fi
complete || {
    echo "The tests cannot run the ARM kernels: install $packages (Debian, Ubuntu: apt install $packages)." >&2
    exit 1
}
