"""Pages made from data are up to date, complete and consistent."""

import re

import pytest
import yaml

from tools import bibliography, claims_page, facts, ledger, timeline
from tools.chapter_titles import PLANNED, ROOT
from tools.pages import write_pages

# Every dated milestone that the lectures name, as (year under which the timeline lists it, words of its entry).
DATED_IN_THE_LECTURES = [
    (1943, "McCulloch"), (1957, "Rosenblatt"), (1962, "convergence theorem"), (1989, "Hecht-Nielsen"),
    (1994, "Form reading"), (1996, "Check reading"), (1998, "LeNet-5"), (2000, "Handwriting"),
    (2005, "Face and person"), (2009, "ImageNet"), (2009, "Street View"), (2010, "challenge begins"),
    (2010, "Glorot"), (2010, "Nair"), (2010, "Boureau"), (2010, "Alexe"), (2010, "Gender and age"),
    (2011, "Selective search"), (2011, "Krähenbühl"), (2012, "AlexNet"), (2012, "Dropout"), (2012, "Practical"),
    (2013, "Leaky"), (2013, "Maxout"), (2013, "Zeiler"), (2013, "Saliency"), (2013, "Eigen"),
    (2013, "house numbers"), (2013, "Baidu"), (2014, "VGG"), (2014, "GoogLeNet"), (2014, "R-CNN"),
    (2014, "Edge boxes"), (2014, "BING"), (2014, "Fully convolutional"), (2014, "Karpathy"), (2014, "Two-stream"),
    (2014, "correspondence"), (2014, "Choromanska"), (2015, "Batch normalisation"), (2015, "Initialisation"),
    (2015, "ResNet"), (2015, "FaceNet"), (2015, "Faster R-CNN"), (2015, "U-Net"), (2015, "Zheng"), (2015, "Dilated"),
    (2015, "Mahendran"), (2015, "Yosinski"), (2015, "DeepDream"), (2015, "Gatys"), (2015, "FlowNet"),
    (2015, "DeepStereo"), (2015, "memorability"), (2015, "Oberweger"), (2015, "Belagiannis"), (2016, "SSD"),
    (2016, "Identity mappings"), (2016, "Inception-v4"), (2016, "Salimans"), (2016, "Joulin"), (2016, "fabrics"),
    (2016, "DenseNet"), (2016, "Xception"), (2016, "Nguyen"), (2016, "Laina"), (2016, "Colourful"), (2016, "Vondrick"),
    (2016, "Isola"), (2017, "Multi-scale"), (2017, "Veniat"), (2017, "Fourure"), (2017, "Squeeze"),
]  # fmt: skip
MILESTONES = [entry for _, entries in timeline.load() for entry in entries]


def test_written_pages_are_up_to_date():
    assert [path.name for path in write_pages(check=True)] == []


@pytest.mark.parametrize(("year", "words"), DATED_IN_THE_LECTURES)
def test_every_dated_milestone_of_the_lectures_is_on_the_timeline(year, words):
    found = [entry for entry in MILESTONES if words in f"{entry.name} {entry.people}"]
    assert year in {entry.year for entry in found}


@pytest.mark.parametrize("entry", MILESTONES, ids=lambda entry: f"{entry.year}-{entry.name}")
def test_each_milestone_has_date_chapter_sentence_lecture_and_source(entry):
    assert 1943 <= entry.year <= 2017
    assert entry.chapter in PLANNED
    assert entry.sentence.endswith(".")
    assert entry.lectures
    assert set(entry.lectures) <= set(ledger.LECTURES)
    assert entry.source == "lecture" or entry.source in timeline.works()


def test_the_timeline_links_written_chapters_and_names_the_others():
    text = timeline.page()
    for entry in MILESTONES:
        written = (ROOT / f"notebooks/{entry.chapter}.ipynb").exists()
        assert (f"(../notebooks/{entry.chapter}.ipynb)" in text) == written
    assert "(to come)" in text or all((ROOT / f"notebooks/{name}.ipynb").exists() for name in PLANNED)


def test_bibliography_keys_follow_from_authors_and_year(tmp_path):
    bibliography.page()
    wrong = tmp_path / "wrong.bib"
    wrong.write_text("@book{smith-1999, author={Jones, Ann}, title={T}, year={1999}}", encoding="utf-8")
    with pytest.raises(ValueError, match="'jones-1999'"):
        bibliography.page(wrong)


def test_every_citation_has_an_entry():
    known = set(timeline.works())
    for path in [*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")]:
        cited = set(re.findall(r"references\.md#([a-z0-9-]+)", path.read_text(encoding="utf-8")))
        assert cited <= known, f"{path.name} cites {sorted(cited - known)}"


CLAIM = ledger.Claim(
    "C014", "At most $M*2$ of [it].", "000", "false", "No.", "01_perceptron", "c014", "tests/a.py::test_b"
)


def test_a_claim_card_carries_verdict_finding_test_and_lecture():
    text = claims_page.card(CLAIM, "https://host/blob/main")
    assert '<span id="c014"></span>' in text
    assert "[False]{.verdict .verdict-false}" in text
    assert "At most $M*2$ of \\[it\\]." in text, "formulas stay, other signs are protected"
    assert "[Test: test_b](https://host/blob/main/tests/a.py)" in text
    assert ledger.LECTURES["000"] in text


def test_unknown_verdicts_are_refused(tmp_path):
    path = tmp_path / "ledger.yml"
    entry = {"claim": "c", "verdict": "maybe", "chapter": "00_start", "test": "t"}
    path.write_text(yaml.safe_dump({"claims": {"C001": entry}}), encoding="utf-8")
    with pytest.raises(ValueError, match="C001: verdict must be one of true, false, imprecise, external, got 'maybe'"):
        ledger.claims(path)


def test_every_claim_of_the_ledger_is_on_the_page():
    page = (ROOT / "book/claims.md").read_text(encoding="utf-8")
    for claim in ledger.claims():
        assert f'<span id="{claim.key.lower()}"></span>' in page


def test_glossary_is_alphabetical_without_repetition_or_empty_entries():
    text = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^### (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^a-z0-9 ]", "", term.lower()) for term in terms]
    assert plain == sorted(plain)
    assert len(set(plain)) == len(plain)
    for part in re.split(r"^### .+$", text, flags=re.MULTILINE)[1:]:
        assert len(re.sub(r"^## .+$", "", part, flags=re.MULTILINE).strip()) > 20


def test_facts_are_counted_and_unknown_ones_refused():
    assert facts.fact("claims") == f"{len(ledger.claims()):,}"
    assert int(facts.fact("tests").replace(",", "")) > 50
    with pytest.raises(KeyError, match="no fact 'mood'"):
        facts.fact("mood")
