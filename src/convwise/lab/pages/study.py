"""The page Study."""

from __future__ import annotations

from fastapi import APIRouter

from convwise.lab.page import Page

router = APIRouter()
PAGE = Page("study", "Study", router)
