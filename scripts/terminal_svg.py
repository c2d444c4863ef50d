"""A terminal as a picture: what was typed and shown, as an SVG without scripts or fonts of its own.

    python scripts/terminal_svg.py session.txt > docs/images/terminal.svg

Lines that begin with "$ " were typed. A line "…" stands for lines that were left out.
"""

import argparse
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT, _SIZE = 8.4, 20, 14  # pixels of a character, a line, the font
_MARGIN, _BAR = 20, 34  # around the text, and the bar of the window
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_STYLE = f"""
  text {{ font: {_SIZE}px {_FONT}; fill: #d6deeb; white-space: pre; }}
  .typed {{ fill: #ffffff; font-weight: bold; }}
  .prompt {{ fill: #7fdbca; }}
  .left-out {{ fill: #6b7a90; }}
"""


def drawing(lines: Sequence[str]) -> Iterator[str]:
    """The lines of an SVG file that shows lines of a terminal."""
    width = round(max(map(len, lines)) * _WIDTH + 2 * _MARGIN)
    height = len(lines) * _HEIGHT + _MARGIN + _BAR
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
    yield f"<title>{escape(next(line for line in lines if line.startswith('$ ')))} …</title>"
    yield f"<style>{_STYLE}</style>"
    yield f'<rect width="{width}" height="{height}" rx="8" fill="#0f1a2b"/>'
    for number, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")):
        yield f'<circle cx="{_MARGIN + 20 * number}" cy="17" r="6" fill="{colour}"/>'
    for number, line in enumerate(lines):
        y = _BAR + _HEIGHT * number + _SIZE
        yield f'<text x="{_MARGIN}" y="{y}" xml:space="preserve">{_coloured(line)}</text>'
    yield "</svg>"


def _coloured(line: str) -> str:
    if line.startswith("$ "):
        typed = escape(line.removeprefix("$ "))
        return f'<tspan class="prompt">$ </tspan><tspan class="typed">{typed}</tspan>'
    kind = ' class="left-out"' if line.strip() == "…" else ""
    return f"<tspan{kind}>{escape(line)}</tspan>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("session", type=Path, help="A text file: what the terminal showed.")
    for line in drawing(parser.parse_args().session.read_text(encoding="utf-8").splitlines()):
        print(line)


if __name__ == "__main__":
    main()
