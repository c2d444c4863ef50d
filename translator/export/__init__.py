"""How does a trained run leave the house? One file for each format that others read.

What translates with an export imports no torch, and so neither does this face. What writes one
does: `certified.export_certified`, which proves it, and `export_NAME` in the file of a format.
"""

from translator.export.certificate import Certificate, Measured
from translator.export.engine import CTranslate2Translator, certified_engine

__all__ = ["CTranslate2Translator", "Certificate", "Measured", "certified_engine"]
