"""The row engine: reduces rows of distributions, and maps functions of single elements."""
