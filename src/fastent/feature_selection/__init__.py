"""Scores of many columns against a target, for choosing among them."""

from fastent.feature_selection.neighbors import mutual_information_continuous

__all__ = ["mutual_information_continuous"]
