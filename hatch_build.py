"""What an index shows of the package: the README with links that lead somewhere from there.

https://hatch.pypa.io/latest/plugins/metadata-hook/custom/
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def with_absolute_links(readme: str, address: str, tag: str) -> str:
    """A README whose links and pictures within the repository lead to its public address."""

    def absolute(link: re.Match[str]) -> str:
        sign, text, path = link.groups()
        return f"{sign}[{text}]({address}/{'raw' if sign else 'blob'}/{tag}/{path})"

    return re.sub(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)", absolute, readme)


class Metadata(MetadataHookInterface):
    """The README as the description, and [project.urls] where the address is set."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml calls dynamic; `address` is set there."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["urls"] = {}
        if address := self.config.get("address", "").rstrip("/"):
            tag = f"v{metadata['version']}"
            readme = with_absolute_links(readme, address, tag)
            metadata["urls"] = {
                "Source": address,
                "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{address}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
