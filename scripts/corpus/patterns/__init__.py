"""The patterns of the grammar, by topic; phrases/patterns.tsv names them and says how often."""
