"""The shell of every page.

A page loads nothing: style, script and data stand in it. Whatever comes from data is escaped, and
the page's own policy lets only the script that was written here run.
"""

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(template: str, **values: object) -> str:
    """A page of templates/, which fills the blocks of page.html; texts are escaped there."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("translator.visualization"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    compact = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = compact
    environment.filters["policy"] = _script_policy
    return environment


def _script_policy(script: str) -> str:
    """What the content security policy allows: this one script, or none."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'" if script else "'none'"
