"""A summary or a verdict as HTML, Markdown, JSON or JUnit XML. No torch."""

from kdbench.report.page import render_report
from kdbench.report.verdict import render_verdict, verdict_json, verdict_junit, verdict_markdown

__all__ = ["render_report", "render_verdict", "verdict_json", "verdict_junit", "verdict_markdown"]
