"""What can be set, read and written: one configuration describes a run from pairs to a model.

Neither torch nor datasets is imported here, so that a typo costs a moment and not seconds.
"""

from translator.config.comparing import differences, distinguishing
from translator.config.reading import (
    changed_decoding,
    config_of_values,
    goes_on,
    load_config,
    shipped_config,
    starting_from,
    validated,
)
from translator.config.schema import (
    FINE_TUNING,
    FORMATS,
    HUB_PREFIX,
    LANGUAGE_PLACEHOLDER,
    TEXT_ROLE,
    AugmentationConfig,
    CleaningConfig,
    Config,
    CorpusConfig,
    CorpusFormat,
    DataConfig,
    DecodingConfig,
    ExportConfig,
    ImageConfig,
    LanguagePair,
    ModelConfig,
    NoiseConfig,
    Section,
    SpeechConfig,
    TokenizerConfig,
    TrainingConfig,
)
from translator.config.writing import dump_config, json_schema

__all__ = [
    "FINE_TUNING",
    "FORMATS",
    "HUB_PREFIX",
    "LANGUAGE_PLACEHOLDER",
    "TEXT_ROLE",
    "AugmentationConfig",
    "CleaningConfig",
    "Config",
    "CorpusConfig",
    "CorpusFormat",
    "DataConfig",
    "DecodingConfig",
    "ExportConfig",
    "ImageConfig",
    "LanguagePair",
    "ModelConfig",
    "NoiseConfig",
    "Section",
    "SpeechConfig",
    "TokenizerConfig",
    "TrainingConfig",
    "changed_decoding",
    "config_of_values",
    "differences",
    "distinguishing",
    "dump_config",
    "goes_on",
    "json_schema",
    "load_config",
    "shipped_config",
    "starting_from",
    "validated",
]
