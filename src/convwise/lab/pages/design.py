"""The page Design."""

from __future__ import annotations

from fastapi import APIRouter

from convwise.lab.page import Page

router = APIRouter()
PAGE = Page("design", "Design", router)
