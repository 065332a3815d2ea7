"""Files of others: present, unchanged, with their licences."""

import shutil

import pytest

from tools.vendor import PACKAGES, ROOT, problems


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_committed_files_match_their_checksums(package):
    assert problems(package) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_each_package_comes_with_its_licence(package):
    assert (ROOT / package.folder / "LICENSE").stat().st_size > 500


def test_changed_missing_and_added_files_are_found(tmp_path):
    package = PACKAGES[0]
    folder = tmp_path / package.folder
    shutil.copytree(ROOT / package.folder, folder)
    (folder / "katex.min.css").write_text("changed", encoding="utf-8")
    (folder / "LICENSE").unlink()
    (folder / "extra.js").write_text("", encoding="utf-8")
    found = "\n".join(problems(package, tmp_path))
    assert "katex.min.css: its checksum differs" in found
    assert "LICENSE: listed but missing" in found
    assert "extra.js: present but not listed" in found
