"""axe-core checks accessibility; npm installs it into the build folder, it is never committed."""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "axe"


def source():
    """Return axe-core as one script; the first call installs it."""
    script = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", FOLDER]
        done = subprocess.run([*npm, "axe-core@4"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"npm could not install axe-core: {done.stderr}"
    return script.read_text()


def violations(page):
    """Return what axe finds on the page as it is, a line each."""
    return page.evaluate(
        """async () => {
          const { violations } = await axe.run(document, { resultTypes: ["violations"] });
          return violations.flatMap(({ id, nodes }) =>
            nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
        }"""
    )
