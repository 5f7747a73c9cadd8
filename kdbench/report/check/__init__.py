"""A verdict of `kdbench check`: as Markdown, JSON and JUnit XML, and as annotations of a CI service."""
