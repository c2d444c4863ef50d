"""What faults.py works on: a tiny project, damaged files, strange lines, broken documents."""

import random
from collections.abc import Iterator
from pathlib import Path

CIPHER = {
    "ana": "oto", "bebe": "tita", "nina": "rosa", "banana": "mimi", "baba": "sol",
    "ene": "mar", "benne": "lila", "anne": "ramo", "nabe": "sisi", "abba": "tor",
}  # fmt: skip
CONFIG = """\
name: tiny
device: cpu
precision: float32
data: {{train: cipher.en-es.tsv, held_out_pairs: 20, max_tokens_per_sentence: 40}}
tokenizer: {{vocabulary_size: 300}}
model: {{d_model: 32, num_heads: 2, d_ff: 64, encoder_layers: 1, decoder_layers: 1, max_positions: 64}}
training: {{max_steps: {steps}, validate_every_steps: {validate}, checkpoint_every_steps: {checkpoint},
  keep_checkpoints: 3, tokens_per_batch: {tokens}, learning_rate: 0.01, warmup_steps: 10,
  log_every_steps: 1}}
"""  # noqa: E501


def make_project(folder: Path, pairs: int, **settings: object) -> None:
    """A corpus of a cipher, and the configuration of a tiny run."""
    draw = random.Random(1)
    lines = []
    for _ in range(pairs):
        words = draw.choices(list(CIPHER), k=draw.randint(2, 6))
        lines.append("\t".join((" ".join(words), " ".join(CIPHER[word] for word in words))) + "\n")
    folder.mkdir(parents=True)
    write(folder / "cipher.en-es.tsv", "".join(lines))
    write(folder / "tiny.yaml", CONFIG.format(**settings))


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def damages(data: bytes, name: str, draw: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """The ways to damage a file; the first two show whether a command reads it at all."""
    yield "deleted", None
    yield "zeros", bytes(len(data))
    yield "emptied", b""
    yield "cut to half", data[: len(data) // 2]
    yield "a bit in the middle", flipped(data, len(data) // 2, 1 << draw.randrange(8))
    yield "a byte near the start", flipped(data, draw.randrange(1, 16), 255)
    yield "random bytes", draw.randbytes(len(data))
    yield "another type", of_another_type(data, name)


def flipped(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes(byte ^ bits for byte in data[place : place + 1]) + data[place + 1 :]


def of_another_type(data: bytes, name: str) -> bytes:
    """Valid content, of a type that nobody expects."""
    if name.endswith(".yaml"):
        return b"- a\n- 1\n"
    if not name.endswith(".safetensors"):
        return b'["a", 1]\n'
    import safetensors.numpy

    tensors = safetensors.numpy.load(data)
    return safetensors.numpy.save({key: value.astype("int8") for key, value in tensors.items()})


ALPHABETS = [
    *("0123456789.,%-+$€/:", 'a,;\t\'|""\\\\={}', "\0 \u200b\ufeff\xad\u2028\x85\r\u3000"),
    *(
        "אבגדהאبتثجح؟،۔\u200e\u200f\u202e\u2067 ",
        "👩👧\u200d\ufe0f🏽🇪🇸😀❤",
        "。！？、「」中文字ぁアｶﾞ각각",
    ),
    *("¿¡.?!…:;—–«»“”", "\u0378\ue000\ufdd0\uffff\U0001fffe\U000f0000\U0010ffff"),
    "".join(map(chr, range(32, 127))),
    "".join(map(chr, (*range(10), *range(11, 32), *range(127, 160)))),  # controls, no line feed
    "".join(map(chr, range(0x300, 0x370))),  # nothing but marks
    ("<b>", "</b>", "<", ">", "&amp;", "&", "<!--", "]]>", "{{x}}", "%s", "[", "](", "`", "**"),
]


def strange_line(draw: random.Random) -> bytes:
    """A line that hardly anybody would write, without its line feed."""
    length = draw.choice((1, 3, 10, 30, 30, 100))
    kind = draw.randrange(10)
    if kind == 0:
        return draw.randbytes(length).replace(b"\n", b"")
    if kind == 1:  # of all planes, surrogates included
        text = "".join(chr(draw.randrange(11, 0x110000)) for _ in range(length))
        return text.encode("utf-8", "surrogatepass")
    if kind == 2 and draw.random() < 0.2:
        return (draw.choice(draw.choice(ALPHABETS)) * 2000).encode()
    symbols = [*draw.choice(ALPHABETS), *draw.choice(ALPHABETS)] if kind < 6 else [*CIPHER, " "]
    symbols += draw.choice(ALPHABETS) if kind > 7 else []
    return "".join(draw.choices(symbols, k=length)).encode()


UNIT = '<trans-unit id="1"><source>ana <g id="2">bebe</g> nina</source></trans-unit>\n'
TU = '<tu><tuv xml:lang="en"><seg>ana <ph>x</ph> bebe</seg></tuv></tu>\n'
CUE = "1\n00:00:01,000 --> 00:00:02,000\n<i>ana bebe</i>\nnina\n\n"
DOCUMENTS = {  # ending → a small valid document
    "txt": "ana bebe\n\n  nina\r\nbanana ana\n",
    "md": "---\ntitle: ana\n---\n# ana *bebe*\n\n- nina [baba](http://a.b) `ana`\n  > ene\n\n"
    "| ana | bebe |\n|---|---|\n| **nina** | $x$ |\n\n```py\nana\n```\n<b>ana</b> ![bebe](i.png)\n",
    "srt": CUE + CUE.replace("1\n", "2\n", 1),
    "vtt": "WEBVTT\n\nNOTE ana\n\n" + CUE.replace(",", ".").replace("ana", "- <v Ana>ana"),
    "tsv": 'ana bebe\t1\t"x"\nnina\t2\t\n',
    "csv": 'text,n,other\n"ana, ""bebe""",1,x\nnina,2,\n',
    "jsonl": '{"text": "ana bebe", "n": 1.50}\n{"n": [{}], "text": "nina \\u00e9\\ud83d\\ude00"}\n',
    "po": 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: '
    'nplurals=2; plural=(n != 1);\\n"\n\n#, c-format\nmsgid "ana %s"\nmsgstr ""\n\n'
    'msgid "bebe"\nmsgid_plural "nina"\nmsgstr[0] ""\nmsgstr[1] ""\n',
    "xlf": '<?xml version="1.0" encoding="UTF-8"?>\n<xliff version="1.2"><file original="a" '
    'source-language="en" target-language="es" datatype="plaintext"><body>\n'
    + UNIT + UNIT.replace("</source>", "</source><target/>") + "</body></file></xliff>\n",
    "tmx": '<?xml version="1.0"?>\n<tmx version="1.4"><header srclang="en"/><body>\n'
    + TU + TU.replace("</tu>", '<tuv xml:lang="es"><seg></seg></tuv></tu>') + "</body></tmx>\n",
}  # fmt: skip


def broken_document(data: bytes, draw: random.Random) -> bytes:
    """A document after one to four accidents."""
    for _ in range(draw.randint(1, 4)):
        rows = data.splitlines(keepends=True) or [b""]
        i, j = draw.randrange(len(rows)), draw.randrange(len(rows))
        a, b = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        strange = draw.choice(
            (strange_line(draw), b"\xef\xbb\xbf", b"\0", b"\r", b"\xff\xfe", b"<")
        )
        swapped = {i: rows[j], j: rows[i]}
        data = draw.choice(
            (
                b"".join(rows[:i] + rows[i + 1 :]),
                b"".join(rows[:i] + rows[j:]),
                b"".join(swapped.get(k, row) for k, row in enumerate(rows)),
                data[:a] + data[b:],
                data[:a] + strange + data[a:],
                data[:a] + data[a:b] * draw.choice((2, 3, 300)) + data[b:],
                flipped(data, a, 1 << draw.randrange(8)),
                data[:b],
                data.replace(b"\n", b"\r\n"),
                data.replace(b'"', b"'"),
            )
        )[: 2**16]
    return data
