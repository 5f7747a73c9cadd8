"""Names of any kind in Markdown: none of them becomes markup, ends a block, or hides."""

from kdbench.report.writing.markdown import markdown_code, markdown_text


def test_text_is_shown_unchanged() -> None:
    assert markdown_text("a|b *c* <b>\n`d`") == "a\\|b \\*c\\* &lt;b&gt; \\`d\\`"


def test_what_nobody_sees_is_shown_as_a_sign() -> None:
    assert markdown_text("a\x1b[2J\x9b \u202eb") == "a\ufffd\\[2J\ufffd \ufffdb"


def test_no_command_ends_its_block() -> None:
    assert markdown_code("kdbench run a", "sh") == "```sh\nkdbench run a\n```"
    assert markdown_code("a\n```\n# b") == "````\na\n```\n# b\n````"
    assert markdown_code("`````") == "``````\n`````\n``````"
