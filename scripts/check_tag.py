"""Whether a tag is that of this version, and the CHANGELOG has a dated entry for it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def mistakes(tag: str, root: Path = ROOT) -> list[str]:
    """What keeps this checkout from being released under a tag such as v0.2.0."""
    source = (root / "translator" / "version.py").read_text(encoding="utf-8")
    [version] = re.findall(r'__version__ = "(.+)"', source)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, the version in translator/version.py is {version}")
    if not re.search(rf"^## \[?{re.escape(version)}\]? .*\d{{4}}-\d\d-\d\d", changelog, re.M):
        found.append(f"CHANGELOG.md has no dated entry for {version}")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(mistakes(sys.argv[1])) or None)
