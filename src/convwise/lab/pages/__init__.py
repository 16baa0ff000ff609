"""The pages in the order of the navigation; each file is one page."""

from convwise.lab.page import Page
from convwise.lab.pages import compare, design, explain, study, train

PAGES: tuple[Page, ...] = (design.PAGE, train.PAGE, explain.PAGE, compare.PAGE, study.PAGE)
