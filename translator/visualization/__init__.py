"""What does it look like? Attention maps and learning curves, as arrays, pictures and pages."""
