"""How does a trained run leave the house? One file for each format that others read."""

from translator.export.ctranslate2 import export_ctranslate2

__all__ = ["export_ctranslate2"]
