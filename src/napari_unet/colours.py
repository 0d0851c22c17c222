"""Okabe and Ito's colours, which people tell apart whatever colours they see.

Of M. Okabe and K. Ito, Color Universal Design (2008); pictures and layers take no
others for lines and classes.
"""

ORANGE = "#e69f00"
SKY = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
BLUE = "#0072b2"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"

OKABE_ITO = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE)
