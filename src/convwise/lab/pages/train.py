"""The page Train."""

from __future__ import annotations

from fastapi import APIRouter

from convwise.lab.page import Page

router = APIRouter()
PAGE = Page("train", "Train", router)
