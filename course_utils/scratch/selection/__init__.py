"""Choosing a model without fooling yourself: splits, cross validation, early stopping, search (chapter 04e)."""
