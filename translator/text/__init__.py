"""A text, taken apart for a model and put together again from its translations.

`parts` does both; it rests on `sentences`, `placeholders` (what is no language), `messages` (whose
branches are texts), `capitals` (how they are read), `glossary` (which terms a translation must
hold) and `languages` (how each is written).
"""
