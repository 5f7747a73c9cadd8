"""What every section is written with: formats, tables, plots, Markdown."""
