"""A run of `translator`, English ↔ Spanish: `translator translate --run model:en-es`."""
