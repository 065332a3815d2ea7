"""Joining styles and scripts changes what is sent, not what is drawn."""

from pathlib import Path

import pytest

from tools.bundle import Bundle, is_used, prune, read_script, read_style, split_selectors, words_in

WORDS = words_in(['<p class="used on-page">', "element.classList.add('opened')"])


def test_rules_for_unknown_classes_go_and_all_others_stay():
    css = "p{a:b}.used{c:d}.gone{e:f}.gone .used{g:h}.opened,.gone{i:j}@media (x){.gone{k:l}.on-page{m:n}}"
    assert prune(css, WORDS) == "p{a:b}.used{c:d}.opened{i:j}@media (x){.on-page{m:n}}"


def test_classes_in_brackets_are_not_demanded():
    assert is_used(".used:not(.gone)", WORDS)
    assert is_used("p:is(.gone, .used)", WORDS)
    assert not is_used(".gone:not(.used)", WORDS)
    assert split_selectors("a:is(b,c),d") == ["a:is(b,c)", "d"]


def test_the_icon_font_goes_and_other_fonts_stay():
    css = '@font-face{font-family:Font Awesome;src:url(x)}@font-face{font-family:"KaTeX";src:url(y)}'
    assert prune(css, set()) == '@font-face{font-family:"KaTeX";src:url(y)}'


def small_site(folder: Path) -> Path:
    static = folder / "_static"
    (static / "styles").mkdir(parents=True)
    (folder / "book").mkdir()
    (static / "basic.css").write_text("p{color:red}", encoding="utf-8")
    (static / "styles/theme.css").write_text('@import "../basic.css";b{background:url(i/x.svg)}', encoding="utf-8")
    (static / "documentation_options.js").write_text("const DOCUMENTATION_OPTIONS = {}", encoding="utf-8")
    (static / "doctools.js").write_text("let a = 1", encoding="utf-8")
    page = folder / "book/intro.html"
    page.write_text(
        '<title>T</title>\n<link rel="stylesheet" href="../_static/styles/theme.css?v=1">\n'
        '<script src="../_static/documentation_options.js"></script>\n<script src="../_static/doctools.js"></script>\n'
        '<script>var here = 1;</script><script defer="defer" src="../_static/course/anyhost.js?v=2"></script>\n',
        encoding="utf-8",
    )
    return page


def test_a_replaced_part_that_is_gone_is_noticed(tmp_path):
    (tmp_path / "pydata-sphinx-theme.js").write_text("something else", encoding="utf-8")
    with pytest.raises(ValueError, match=r"pydata-sphinx-theme\.js has changed"):
        read_script("pydata-sphinx-theme.js", tmp_path)


def test_imports_come_first_and_addresses_follow(tmp_path):
    small_site(tmp_path)
    assert read_style("_static/styles/theme.css", tmp_path) == "p{color:red}b{background:url(styles/i/x.svg)}"


def test_a_page_asks_for_one_style_sheet_and_one_script_loader_first(tmp_path):
    page = small_site(tmp_path)
    bundle = Bundle(tmp_path, page)
    text = bundle.rewrite(page.read_text(encoding="utf-8"), page)
    assert text.count("<link") == 1
    assert "../_static/site.css?v=" in text
    assert text.index("course/anyhost.js") < text.index("../_static/site.js")
    assert "doctools.js" not in text
    assert "const DOCUMENTATION_OPTIONS" in text
    assert "var here = 1" in text
    assert bundle.js == "let a = 1\n"
