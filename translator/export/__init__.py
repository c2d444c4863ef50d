"""How does a trained run leave the house? One file for each format that others read.

`export_certified` writes an export and proves it; the others only write.
"""

from translator.export.argos import export_argos
from translator.export.certificate import Certificate, Measured
from translator.export.certified import ExportFormat, certified_engine, export_certified
from translator.export.ctranslate2 import Quantization, export_ctranslate2
from translator.export.engine import CTranslate2Translator
from translator.export.huggingface import export_huggingface

__all__ = [
    "CTranslate2Translator",
    "Certificate",
    "ExportFormat",
    "Measured",
    "Quantization",
    "certified_engine",
    "export_argos",
    "export_certified",
    "export_ctranslate2",
    "export_huggingface",
]
