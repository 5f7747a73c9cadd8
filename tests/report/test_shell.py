import base64
import hashlib

from kdbench.report.shell import TEMPLATES, island, shell


def test_the_policy_names_exactly_the_script_and_the_style_of_the_page() -> None:
    found = shell()
    for kind, content in (("script-src", found.script), ("style-src", found.style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in found.policy
    assert found.policy.startswith("default-src 'none';")
    assert "unsafe" not in found.policy


def test_the_script_is_small_plain_javascript_in_two_files() -> None:
    files = sorted(TEMPLATES.glob("*.js"))
    assert [file.name for file in files] == ["page.js", "tables.js"]
    assert sum(file.stat().st_size for file in files) <= 20_000


def test_no_name_ends_the_element_that_holds_the_data() -> None:
    assert island({"name": "</script><b>"}) == '{"name":"\\u003c/script>\\u003cb>"}'
