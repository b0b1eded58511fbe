"""What it means: pure arithmetic on records and arrays; formulas, units and plots."""
