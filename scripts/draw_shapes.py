"""Pictures of coloured shapes with their names, to learn from: drawn here, from a seed.

    python scripts/draw_shapes.py

It writes shapes/train.tsv, shapes/valid.tsv, shapes/test.tsv and shapes/new-pairs.tsv (a picture,
tab, English, tab, Spanish) and the pictures (PNG, 32 × 32 pixels): a shape of a colour, of any
size, anywhere and turned anyhow, on white. A shape and a colour that are together in
shapes/new-pairs.tsv are together nowhere else. configs/shapes.yaml learns from them; docs/media.md
describes the format.
"""

import argparse
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

SHAPES = {  # the corners as (angle in parts of a turn, distance from the middle), and the names
    "circle": ([(i / 60, 1.0) for i in range(60)], "un círculo"),
    "triangle": ([(i / 3, 1.0) for i in range(3)], "un triángulo"),
    "square": ([(i / 4, 1.0) for i in range(4)], "un cuadrado"),
    "star": ([(i / 10, 0.4 if i % 2 else 1.0) for i in range(10)], "una estrella"),
    "cross": (
        [(i / 4 + a, r) for i in range(4) for a, r in ((-0.055, 1.0), (0.055, 1.0), (0.125, 0.48))],
        "una cruz",
    ),
}
COLOURS = {  # red, green and blue; and the Spanish adjectives of un … and of una …
    "red": ((220, 30, 30), "rojo", "roja"),
    "yellow": ((240, 210, 30), "amarillo", "amarilla"),
    "green": ((40, 160, 60), "verde", "verde"),
    "blue": ((40, 80, 210), "azul", "azul"),
    "black": ((20, 20, 20), "negro", "negra"),
    "purple": ((140, 50, 170), "morado", "morada"),
}
NEW_PAIRS = [  # whose words are all learned in other pairs
    *(("circle", "purple"), ("triangle", "blue"), ("square", "red")),
    *(("star", "yellow"), ("cross", "green")),
]
SIZE = 32  # pixels
_FINER = 4  # times, at which edges are drawn before they are made smooth
_SHADE = 20  # of 255, by which a colour differs from picture to picture

Named = tuple[str, str]  # a shape and a colour


def names_of(shape: str, colour: str) -> tuple[str, str]:
    """In English and in Spanish, where the adjective agrees with the noun."""
    _, noun = SHAPES[shape]
    _, masculine, feminine = COLOURS[colour]
    return f"a {colour} {shape}", f"{noun} {feminine if noun.startswith('una ') else masculine}"


def drawn(shape: str, colour: str, chance: random.Random) -> Image.Image:
    """A picture in which size, place, angle and shade are drawn by chance."""
    radius = chance.uniform(0.2, 0.48) * SIZE
    x, y = (chance.uniform(radius, SIZE - radius) for _ in "xy")
    turned = chance.random()
    corners = [
        tuple(
            _FINER * (middle + radius * distance * way(2 * math.pi * (angle + turned)))
            for middle, way in ((x, math.cos), (y, math.sin))
        )
        for angle, distance in SHAPES[shape][0]
    ]
    shade = tuple(
        min(255, max(0, part + chance.randint(-_SHADE, _SHADE))) for part in COLOURS[colour][0]
    )
    picture = Image.new("RGB", (_FINER * SIZE, _FINER * SIZE), "white")
    ImageDraw.Draw(picture).polygon(corners, fill=shade)
    return picture.resize((SIZE, SIZE), Image.Resampling.BOX)


def write_table(file: Path, pairs: list[Named], count: int, chance: random.Random) -> None:
    """`count` pictures of the pairs in turn, and a table of their names."""
    lines = []
    for number in range(count):
        pair = pairs[number % len(pairs)]
        picture = file.with_name(f"{file.stem}-{number}.png")
        drawn(*pair, chance).save(picture)
        lines.append("\t".join([picture.name, *names_of(*pair)]) + "\n")
    file.write_text("".join(lines), encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000, help="to learn from")
    parser.add_argument("--held-out", type=int, default=200, help="of each of the other tables")
    parser.add_argument("--folder", type=Path, default=Path("shapes"))
    options = parser.parse_args()

    options.folder.mkdir(exist_ok=True)
    known = [(s, c) for s in SHAPES for c in COLOURS if (s, c) not in NEW_PAIRS]
    chance = random.Random(1)
    for name, pairs, count in (
        ("train", known, options.pictures),
        ("valid", known, options.held_out),
        ("test", known, options.held_out),
        ("new-pairs", NEW_PAIRS, options.held_out),
    ):
        write_table(options.folder / f"{name}.tsv", pairs, count, chance)


if __name__ == "__main__":
    main()
