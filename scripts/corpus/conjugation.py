"""Verb forms of Spanish and English, computed from the infinitive.

Spanish persons are numbered 0 yo, 1 tú, 2 él/ella/usted, 3 nosotros, 4 vosotros, 5 ellos/ustedes.
What the spelling and the sound laws give is computed; only true irregularities stand in tables.
A multi-word Spanish verb (`dar un paseo`, `volver a casa`) inflects its first word.
"""

from __future__ import annotations

from functools import cache

YO, TU, EL, NOSOTROS, VOSOTROS, ELLOS = range(6)
REFLEXIVE = ("me", "te", "se", "nos", "os", "se")

_ACUTE = str.maketrans("aeiou", "áéíóú")
_PLAIN = str.maketrans("áéíóú", "aeiou")

# The vowel change of the stressed stem; -ir verbs also change where the stem is unstressed.
_STEM_CHANGES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        "acertar calentar cerrar comenzar confesar despertar empezar encender entender fregar "
        "gobernar merendar negar nevar pensar perder querer recomendar regar sentar tender "
        "atender defender temblar tropezar extender".split(),
        ("e", "ie"),
    ),
    **dict.fromkeys(
        "divertir preferir sentir mentir sugerir convertir hervir".split(), ("e", "ie")
    ),
    **dict.fromkeys(
        "pedir servir repetir seguir conseguir vestir medir elegir corregir despedir reír freír "
        "sonreír".split(),
        ("e", "i"),
    ),
    **dict.fromkeys(
        "acostar almorzar aprobar colgar comprobar contar costar demostrar encontrar mostrar mover "
        "poder probar recordar resolver rodar soñar sonar volar volver devolver doler envolver "
        "llover morder rogar".split(),
        ("o", "ue"),
    ),
    **dict.fromkeys("dormir morir".split(), ("o", "ue")),
    "jugar": ("u", "ue"),
    "oler": ("o", "hue"),
}
# Verbs in -iar, -uar, -unir whose weak stem vowel takes the stress: envío, continúo, reúno.
_ACCENTED_STEM = {
    "enviar": "í", "esquiar": "í", "vaciar": "í", "variar": "í", "confiar": "í", "fotografiar": "í",
    "enfriar": "í", "guiar": "í", "continuar": "ú", "actuar": "ú", "reunir": "ú", "prohibir": "í",
}  # fmt: skip
_PRESENT: dict[str, str] = {
    "ser": "soy eres es somos sois son",
    "ir": "voy vas va vamos vais van",
    "estar": "estoy estás está estamos estáis están",
    "haber": "he has ha hemos habéis han",
    "dar": "doy das da damos dais dan",
    "ver": "veo ves ve vemos veis ven",
    "decir": "digo dices dice decimos decís dicen",
    "oír": "oigo oyes oye oímos oís oyen",
    "tener": "tengo tienes tiene tenemos tenéis tienen",
    "venir": "vengo vienes viene venimos venís vienen",
    "reír": "río ríes ríe reímos reís ríen",
    "oler": "huelo hueles huele olemos oléis huelen",
}
_YO: dict[str, str] = {
    "hacer": "hago", "poner": "pongo", "salir": "salgo", "valer": "valgo", "traer": "traigo",
    "caer": "caigo", "saber": "sé", "caber": "quepo",
}  # fmt: skip
_STRONG_PRETERITE: dict[str, str] = {
    "tener": "tuv", "estar": "estuv", "poder": "pud", "poner": "pus", "saber": "sup",
    "venir": "vin", "hacer": "hic", "querer": "quis", "haber": "hub", "andar": "anduv",
    "caber": "cup", "decir": "dij", "traer": "traj",
}  # fmt: skip
_PRETERITE: dict[str, str] = {
    "ser": "fui fuiste fue fuimos fuisteis fueron",
    "ir": "fui fuiste fue fuimos fuisteis fueron",
    "dar": "di diste dio dimos disteis dieron",
    "ver": "vi viste vio vimos visteis vieron",
    "reír": "reí reíste rio reímos reísteis rieron",
    "sonreír": "sonreí sonreíste sonrió sonreímos sonreísteis sonrieron",
}
_IMPERFECT: dict[str, str] = {
    "ser": "era eras era éramos erais eran",
    "ir": "iba ibas iba íbamos ibais iban",
    "ver": "veía veías veía veíamos veíais veían",
}
_FUTURE_STEM: dict[str, str] = {
    "tener": "tendr", "venir": "vendr", "poner": "pondr", "salir": "saldr", "valer": "valdr",
    "poder": "podr", "saber": "sabr", "haber": "habr", "hacer": "har", "decir": "dir",
    "querer": "querr", "caber": "cabr",
}  # fmt: skip
_SUBJUNCTIVE: dict[str, str] = {
    "ser": "sea seas sea seamos seáis sean",
    "ir": "vaya vayas vaya vayamos vayáis vayan",
    "estar": "esté estés esté estemos estéis estén",
    "haber": "haya hayas haya hayamos hayáis hayan",
    "dar": "dé des dé demos deis den",
    "saber": "sepa sepas sepa sepamos sepáis sepan",
    "reír": "ría rías ría riamos riais rían",
    "sonreír": "sonría sonrías sonría sonriamos sonriáis sonrían",
    "oler": "huela huelas huela olamos oláis huelan",
}
_COMMAND_TU: dict[str, str] = {
    "decir": "di", "hacer": "haz", "ir": "ve", "poner": "pon", "salir": "sal", "ser": "sé",
    "tener": "ten", "venir": "ven", "mantener": "mantén", "contener": "contén",
    "proponer": "propón", "suponer": "supón",
}  # fmt: skip
_PARTICIPLE: dict[str, str] = {
    "abrir": "abierto", "cubrir": "cubierto", "decir": "dicho", "escribir": "escrito",
    "hacer": "hecho", "morir": "muerto", "poner": "puesto", "resolver": "resuelto",
    "romper": "roto", "ver": "visto", "volver": "vuelto", "freír": "frito", "describir": "descrito",
    "descubrir": "descubierto", "devolver": "devuelto", "envolver": "envuelto",
}  # fmt: skip
# Compounds that follow a shorter verb of the tables: sonreír like reír, deshacer like hacer.
_COMPOUNDS = {
    "sonreír": "reír", "freír": "reír", "atraer": "traer", "proponer": "poner", "mantener": "tener",
    "suponer": "poner", "contener": "tener", "deshacer": "hacer",
}  # fmt: skip
_ENDINGS: dict[str, dict[str, str]] = {
    "present": {
        "a": "o as a amos áis an", "e": "o es e emos éis en", "i": "o es e imos ís en"
    },
    "preterite": {
        "a": "é aste ó amos asteis aron",
        "e": "í iste ió imos isteis ieron",
        "i": "í iste ió imos isteis ieron",
    },
    "imperfect": {
        "a": "aba abas aba ábamos abais aban",
        "e": "ía ías ía íamos íais ían",
        "i": "ía ías ía íamos íais ían",
    },
    "subjunctive": {
        "a": "e es e emos éis en", "e": "a as a amos áis an", "i": "a as a amos áis an"
    },
}  # fmt: skip
_FUTURE_ENDINGS = "é ás á emos éis án".split()
_CONDITIONAL_ENDINGS = "ía ías ía íamos íais ían".split()


def _parts(infinitive: str) -> tuple[str, str]:
    """Split an infinitive into stem and class vowel: `comer` -> (`com`, `e`)."""
    return infinitive[:-2], infinitive[-2].translate(_PLAIN)


def _compound(infinitive: str, table: dict[str, str]) -> list[str] | None:
    """Look a verb up in a table of six forms, through its shorter relative where it has one."""
    if infinitive in table:
        return table[infinitive].split()
    base = _COMPOUNDS.get(infinitive)
    if base is None or base not in table:
        return None
    prefix = infinitive[: -len(base)]
    return [prefix + form for form in table[base].split()]


def _lookup(infinitive: str, table: dict[str, str]) -> str | None:
    """Look one form or stem up, through the shorter relative where there is one."""
    if infinitive in table:
        return table[infinitive]
    base = _COMPOUNDS.get(infinitive)
    if base is None or base not in table:
        return None
    return infinitive[: -len(base)] + table[base]


def _replace_last(text: str, old: str, new: str) -> str:
    """Replace the last occurrence of a letter."""
    head, found, tail = text.rpartition(old)
    return head + new + tail if found else text


def _stressed_stem(infinitive: str) -> str:
    """The stem where it carries the stress: `pens` -> `piens`, `envi` -> `enví`."""
    stem, _ = _parts(infinitive)
    if infinitive in _STEM_CHANGES:
        return _replace_last(stem, *_STEM_CHANGES[infinitive])
    if infinitive in _ACCENTED_STEM:
        accented = _ACCENTED_STEM[infinitive]
        return _replace_last(stem, accented.translate(_PLAIN), accented)
    if infinitive.endswith("uir") and not infinitive.endswith(("guir", "quir")):
        return stem + "y"
    return stem


def _raised_stem(infinitive: str) -> str:
    """The unstressed stem of -ir verbs with vowel change before a/ie/ió: `durm`, `pid`."""
    stem, vowel = _parts(infinitive)
    if vowel == "i" and infinitive in _STEM_CHANGES:
        old, _ = _STEM_CHANGES[infinitive]
        return _replace_last(stem, old, "i" if old == "e" else "u")
    return stem


def _respell(stem: str, infinitive: str, before: str) -> str:
    """Keep the sound of the stem's last consonant before another vowel."""
    _, vowel = _parts(infinitive)
    if vowel == "a" and before in "eé":
        for old, new in (("gu", "gü"), ("c", "qu"), ("g", "gu"), ("z", "c")):
            if stem.endswith(old):
                return stem[: -len(old)] + new
    if vowel != "a" and before in "aoáó":
        if infinitive.endswith("guir"):
            return stem[:-1]
        if stem.endswith("g"):
            return stem[:-1] + "j"
        if stem.endswith("c"):
            return stem[:-1] + ("zc" if stem[-2] in "aeiou" else "z")
    return stem


@cache
def present(infinitive: str) -> tuple[str, ...]:
    """The six forms of the present indicative."""
    irregular = _compound(infinitive, _PRESENT)
    if irregular:
        return tuple(irregular)
    stem, vowel = _parts(infinitive)
    stressed = _stressed_stem(infinitive)
    forms = []
    for person, ending in enumerate(_ENDINGS["present"][vowel].split()):
        base = stem if person in (NOSOTROS, VOSOTROS) else stressed
        forms.append(_respell(base, infinitive, ending[0]) + ending)
    yo = _lookup(infinitive, _YO)
    if yo:
        forms[YO] = yo
    return tuple(forms)


@cache
def preterite(infinitive: str) -> tuple[str, ...]:
    """The six forms of the simple past (indefinido)."""
    irregular = _compound(infinitive, _PRETERITE)
    if irregular:
        return tuple(irregular)
    stem, vowel = _parts(infinitive)
    strong = _lookup(infinitive, _STRONG_PRETERITE)
    if infinitive.endswith("ducir"):
        strong = stem[:-1] + "j"
    if strong:
        third = "eron" if strong.endswith("j") else "ieron"
        forms = [strong + ending for ending in f"e iste o imos isteis {third}".split()]
        return tuple(form.replace("hico", "hizo") for form in forms)
    if vowel != "a" and (stem[-1] in "aeo" or _stressed_stem(infinitive).endswith("y")):
        accent = "í" if stem[-1] in "aeo" else "i"
        endings = f"í {accent}ste yó {accent}mos {accent}steis yeron".split()
        return tuple(stem + ending for ending in endings)
    raised = _raised_stem(infinitive)
    forms = []
    for person, ending in enumerate(_ENDINGS["preterite"][vowel].split()):
        base = raised if person in (EL, ELLOS) else stem
        forms.append(_respell(base, infinitive, ending[0]) + ending)
    return tuple(forms)


@cache
def imperfect(infinitive: str) -> tuple[str, ...]:
    """The six forms of the imperfect."""
    irregular = _compound(infinitive, _IMPERFECT)
    if irregular:
        return tuple(irregular)
    stem, vowel = _parts(infinitive)
    return tuple(stem + ending for ending in _ENDINGS["imperfect"][vowel].split())


def _future_stem(infinitive: str) -> str:
    return _lookup(infinitive, _FUTURE_STEM) or infinitive.translate(_PLAIN)


@cache
def future(infinitive: str) -> tuple[str, ...]:
    """The six forms of the future."""
    return tuple(_future_stem(infinitive) + ending for ending in _FUTURE_ENDINGS)


@cache
def conditional(infinitive: str) -> tuple[str, ...]:
    """The six forms of the conditional."""
    return tuple(_future_stem(infinitive) + ending for ending in _CONDITIONAL_ENDINGS)


@cache
def subjunctive(infinitive: str) -> tuple[str, ...]:
    """The six forms of the present subjunctive."""
    irregular = _compound(infinitive, _SUBJUNCTIVE)
    if irregular:
        return tuple(irregular)
    _, vowel = _parts(infinitive)
    endings = _ENDINGS["subjunctive"][vowel].split()
    yo_stem = present(infinitive)[YO][:-1]
    if _lookup(infinitive, _YO) or _lookup(infinitive, _PRESENT):
        return tuple(yo_stem + ending for ending in endings)
    stressed, raised = _stressed_stem(infinitive), _raised_stem(infinitive)
    if stressed.endswith("y"):
        raised = stressed
    forms = []
    for person, ending in enumerate(endings):
        base = raised if person in (NOSOTROS, VOSOTROS) else stressed
        forms.append(_respell(base, infinitive, ending[0]) + ending)
    return tuple(forms)


@cache
def imperfect_subjunctive(infinitive: str) -> tuple[str, ...]:
    """The six forms of the imperfect subjunctive in -ra."""
    base = preterite(infinitive)[ELLOS][: -len("ron")]
    accented = base[:-1] + base[-1].translate(_ACUTE)
    return (base + "ra", base + "ras", base + "ra", accented + "ramos", base + "rais", base + "ran")


@cache
def gerund(infinitive: str) -> str:
    """The gerund: `comiendo`, `leyendo`, `durmiendo`."""
    stem, vowel = _parts(infinitive)
    if vowel == "a":
        return stem + "ando"
    if infinitive == "ir":
        return "yendo"
    if infinitive in ("decir", "venir", "poder"):
        return {"decir": "diciendo", "venir": "viniendo", "poder": "pudiendo"}[infinitive]
    if infinitive.endswith("eír"):
        return stem[:-1] + "iendo"
    if stem and (stem[-1] in "aeo" or _stressed_stem(infinitive).endswith("y")):
        return stem + "yendo"
    return _raised_stem(infinitive) + "iendo"


@cache
def participle(infinitive: str) -> str:
    """The invariable participle of the compound tenses."""
    if infinitive in _PARTICIPLE:
        return _PARTICIPLE[infinitive]
    irregular = _lookup(infinitive, _PARTICIPLE)
    if irregular:
        return irregular
    stem, vowel = _parts(infinitive)
    if vowel == "a":
        return stem + "ado"
    return stem + ("ído" if stem and stem[-1] in "aeo" else "ido")


@cache
def command(infinitive: str, person: int) -> str:
    """The affirmative imperative for tú, usted (EL), vosotros or ustedes (ELLOS)."""
    if person == TU:
        return _lookup(infinitive, _COMMAND_TU) or present(infinitive)[EL]
    if person == VOSOTROS:
        return infinitive[:-1] + "d"
    return subjunctive(infinitive)[person]


TENSES = {
    "present": present,
    "preterite": preterite,
    "imperfect": imperfect,
    "future": future,
    "conditional": conditional,
    "subjunctive": subjunctive,
    "imperfect_subjunctive": imperfect_subjunctive,
}


def _nuclei(word: str) -> list[int]:
    """The index of the vowel that bears the stress in each syllable, should the syllable be it."""
    nuclei: list[int] = []
    previous = -2
    for index, letter in enumerate(word):
        if letter not in "aeiouáéíóúü" or _silent_u(word, index):
            continue
        strong = letter in "aeoáéóíú"
        if previous == index - 1:
            before = word[previous]
            both_strong = strong and before in "aeoáéóíú"
            if not both_strong:  # one syllable: the stronger, or the second of two weak vowels
                if strong or before in "iuü":
                    nuclei[-1] = index
                previous = index
                continue
        nuclei.append(index)
        previous = index
    return nuclei


def _silent_u(word: str, index: int) -> bool:
    following = word[index + 1 : index + 2]
    before = word[index - 1 : index] if index else ""
    return word[index] == "u" and before in ("q", "g") and following in tuple("eiéí")


def _default_stress(word: str, nuclei: list[int]) -> int:
    """Which nucleus is stressed in a word without a written accent."""
    last = word[-1]
    if len(nuclei) == 1 or last not in "aeiouns":
        return nuclei[-1]
    return nuclei[-2]


def _stress(word: str) -> int:
    for index, letter in enumerate(word):
        if letter in "áéíóú":
            return index
    return _default_stress(word, _nuclei(word))


@cache
def attach(form: str, clitics: tuple[str, ...]) -> str:
    """Hang pronouns on an infinitive, gerund or imperative, keeping the stress: `dámelo`."""
    if not clitics:
        return form
    stress = _stress(form)
    if clitics[0] == "os" and form.endswith("d"):
        form = form[:-1] if form != "id" else form
        plain_i = form.endswith("i")
        form = form[:-1] + "í" if plain_i else form
        return form + "".join(clitics)
    if clitics[0] in ("nos", "se") and form.endswith("mos"):
        form = form[:-1]
    plain = form.translate(_PLAIN)
    hiatus = form[stress] in "íú" and _is_hiatus(form, stress)
    word = plain + "".join(clitics)
    if not hiatus and _default_stress(word, _nuclei(word)) == stress:
        return word
    accented = word[:stress] + word[stress].translate(_ACUTE) + word[stress + 1 :]
    return accented


def _is_hiatus(word: str, index: int) -> bool:
    return word[index - 1 : index] in tuple("aeo") or word[index + 1 : index + 2] in tuple("aeo")


# --- English -------------------------------------------------------------------------------------

_ENGLISH_IRREGULAR: dict[str, tuple[str, str]] = {
    line.split()[0]: (line.split()[1], line.split()[2])
    for line in """be was been|become became become|begin began begun|bite bit bitten
    break broke broken|bring brought brought|build built built|buy bought bought
    catch caught caught|choose chose chosen|come came come|cut cut cut|do did done
    draw drew drawn|drink drank drunk|drive drove driven
    eat ate eaten|fall fell fallen|feed fed fed|feel felt felt|find found found|fly flew flown
    forget forgot forgotten|get got got|give gave given|go went gone|grow grew grown|hang hung hung
    have had had|hear heard heard|hide hid hidden|hurt hurt hurt|keep kept kept|know knew known
    leave left left|lend lent lent|lose lost lost|make made made|meet met met|pay paid paid
    put put put|read read read|ride rode ridden|ring rang rung|run ran run|say said said
    see saw seen|sell sold sold|send sent sent|sew sewed sewn|shine shone shone|show showed shown
    sing sang sung|sit sat sat|sleep slept slept|speak spoke spoken|spend spent spent
    stand stood stood|swim swam swum|take took taken|teach taught taught|tell told told
    think thought thought|throw threw thrown|understand understood understood|wake woke woken
    wear wore worn|win won won|write wrote written|cost cost cost""".replace("\n", "|").split("|")
}
_DOUBLED = frozenset(
    "stop plan chat jog swim run sit get put cut win begin shop travel cancel fit hug grab "
    "forget wrap drop".split()
)


def _split_english(verb: str) -> tuple[str, str]:
    """Separate the inflected word of an English verb from what follows it."""
    head, _, rest = verb.partition(" ")
    return head, f" {rest}" if rest else ""


def english_third(verb: str) -> str:
    """`eat` -> `eats`, `go out` -> `goes out`."""
    head, rest = _split_english(verb)
    if head == "have":
        return "has" + rest
    if head.endswith(("s", "x", "ch", "sh", "o", "z")):
        return head + "es" + rest
    if head.endswith("y") and head[-2] not in "aeiou":
        return head[:-1] + "ies" + rest
    return head + "s" + rest


def _english_ed(head: str) -> str:
    if head.endswith("e"):
        return head + "d"
    if head.endswith("y") and head[-2] not in "aeiou":
        return head[:-1] + "ied"
    if head in _DOUBLED:
        doubled = head not in ("travel", "cancel")
        return head + (head[-1] if doubled else "") + "ed"
    return head + "ed"


def english_past(verb: str) -> str:
    """The simple past."""
    head, rest = _split_english(verb)
    irregular = _ENGLISH_IRREGULAR.get(head)
    return (irregular[0] if irregular else _english_ed(head)) + rest


def english_participle(verb: str) -> str:
    """The past participle."""
    head, rest = _split_english(verb)
    irregular = _ENGLISH_IRREGULAR.get(head)
    return (irregular[1] if irregular else _english_ed(head)) + rest


def english_ing(verb: str) -> str:
    """The -ing form."""
    head, rest = _split_english(verb)
    if head.endswith("ie"):
        return head[:-2] + "ying" + rest
    if head.endswith("e") and not head.endswith(("ee", "oe", "ye")) and head != "be":
        return head[:-1] + "ing" + rest
    if head in _DOUBLED and head not in ("travel", "cancel"):
        return head + head[-1] + "ing" + rest
    return head + "ing" + rest
