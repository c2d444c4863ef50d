"""Whether this checkout can be released, and the command that releases it.

`python scripts/release.py` checks the tree, the version, the CHANGELOG and the address, builds the
package, and prints the tag to set; nothing is pushed. The workflow that a pushed tag starts checks
once more, with `python scripts/release.py v0.2.0`.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version_of(root: Path) -> str:
    """The version in translator/version.py."""
    source = (root / "translator" / "version.py").read_text(encoding="utf-8")
    [version] = re.findall(r'__version__ = "(.+)"', source)
    return str(version)


def mistakes(tag: str, root: Path = ROOT) -> list[str]:
    """What keeps the files of a checkout from being released under a tag such as v0.2.0."""
    version = version_of(root)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, the version in translator/version.py is {version}")
    dated = re.search(rf"^## \[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)$", changelog, re.M)
    if not dated:
        found.append(f"CHANGELOG.md has no line `## [{version}] - YYYY-MM-DD`")
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if unreleased and unreleased[1].strip():
        found.append(f"CHANGELOG.md has lines under [Unreleased]: move them under [{version}]")
    said = [f"version: {version}", *([f"date-released: {dated[1]}"] if dated else [])]
    if missing := [line for line in said if line not in citation.splitlines()]:
        found.append(f"CITATION.cff has no line `{missing[0]}`")
    if not project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["address"]:
        found.append(
            "pyproject.toml has no address in [tool.hatch.metadata.hooks.custom]: without it links "
            "of the README lead nowhere on an index"
        )
    return found


def tree_mistakes(tag: str) -> list[str]:
    """What keeps the repository from being tagged."""
    found = []
    if changed := _git("status", "--porcelain"):
        found.append(f"files are not committed:\n{changed}")
    if _git("tag", "--list", tag):
        found.append(f"there is a tag {tag} already")
    return found


def build_and_check() -> None:
    """Build wheel and source distribution, and let twine look at them as an index would."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-d", folder]
        subprocess.run(build, cwd=ROOT, check=True)
        files = [str(file) for file in Path(folder).iterdir()]
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=True)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def main(arguments: list[str]) -> str | None:
    """The mistakes, for sys.exit; None where there are none."""
    if arguments:
        return "\n".join(mistakes(arguments[0])) or None
    tag = f"v{version_of(ROOT)}"
    if found := [*mistakes(tag), *tree_mistakes(tag)]:
        return "\n".join(found)
    build_and_check()
    print(f'git tag --annotate {tag} --message "translator {tag[1:]}"\ngit push origin {tag}')
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
