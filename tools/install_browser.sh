#!/bin/sh
# The browser that the tests of the page need: Chromium, from Debian where apt can install it, else the one of Playwright.
# Elsewhere says in one sentence what to install, and fails.
#
#   tools/install_browser.sh PYTHON    the interpreter that has Playwright
set -eu

python=${1:-python3}
complete() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        "$python" -c 'import os, sys; from playwright.sync_api import sync_playwright as start
with start() as it: sys.exit(not os.path.exists(it.chromium.executable_path))' 2>/dev/null
}

complete && exit 0
if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
    echo "Installing chromium."
    log=$(mktemp)
    { $as_root apt-get update -q && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y chromium; } \
        >"$log" 2>&1 || tail -n 3 "$log" >&2
    rm -f "$log"
fi
complete || {
    echo "Installing Playwright's Chromium."
    "$python" -m playwright install chromium || true
}
complete || {
    echo "The tests cannot open the page: install chromium (Debian: apt install chromium; elsewhere: $python -m playwright install chromium)." >&2
    exit 1
}
