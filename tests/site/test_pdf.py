"""The book as one PDF."""

import re
import subprocess
import sys

import pytest

from tools.pdf import PDF
from tools.site import ROOT

pytestmark = [pytest.mark.site, pytest.mark.browser, pytest.mark.slow]


def test_the_pdf_has_pages_tags_and_an_outline(site, only_build):
    done = subprocess.run([sys.executable, "-m", "tools.pdf"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    body = PDF.read_bytes()
    assert body.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", body)) >= 20
    assert b"/StructTreeRoot" in body
    assert b"/Outlines" in body
