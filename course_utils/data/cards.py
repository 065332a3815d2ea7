"""What a bundled set is, what it stands in for, and every way in which the two differ.

Sources: LeCun et al. 1998 (MNIST, section III.A); A. Krizhevsky, Learning multiple layers of features from tiny images,
2009; G. B. Huang et al., Labeled Faces in the Wild, 2007; E. Alpaydin and C. Kaynak, Optical Recognition of
Handwritten Digits, 1998.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import wrap

from course_utils.check import check_choice


@dataclass(frozen=True)
class Card:
    """One set that stands in for another.

    Args:
        name: of the bundled set.
        stands_for: the set that it replaces offline.
        source: where it comes from.
        differences: (what, in the real set, here).
        warning: what must not be concluded from it.
    """

    name: str
    stands_for: str
    source: str
    differences: tuple[tuple[str, str, str], ...]
    warning: str

    def __str__(self) -> str:
        lines = [f"{self.name}, in place of {self.stands_for}", *wrap(f"source: {self.source}", 78)]
        for what, real, here in (("", self.stands_for, "here"), *self.differences):
            columns = wrap(what, 13) or [""], wrap(real, 29), wrap(here, 31)
            for i in range(max(map(len, columns))):
                a, b, c = (column[i] if i < len(column) else "" for column in columns)
                lines.append(f"  {a:14}{b:31}{c}".rstrip())
        return "\n".join([*lines, *wrap(f"beware: {self.warning}", 78)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(text)}</th>" for text in ("", self.stands_for, self.name))
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(what)}</th>'
            + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in (real, here))
            + "</tr>"
            for what, real, here in self.differences
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f"{table}<p>Source: {escape(self.source)}. <strong>Beware:</strong> {escape(self.warning)}</p>"


CARDS: dict[str, Card] = {
    "digits": Card(
        "scanned digits",
        "MNIST",
        "Alpaydin and Kaynak 1998, the part that scikit-learn ships",
        (
            ("images", "60,000 to train, 10,000 to test", "1,297 to train, 500 to test"),
            ("size", "28 x 28 pixels", "8 x 8 pixels; enlarged where a network wants more"),
            ("brightness", "256 levels, from smoothing", "17 levels, from counting black pixels in 4 x 4 blocks"),
            ("frame", "fits 20 x 20, centred by its mass", "fills the frame"),
            ("writers", "about 250 for training, others for testing", "13, the same ones in both parts"),
        ),
        "an error here says nothing about a writer the network has never seen; one error is 0.2 %",
    ),
    "drawn digits": Card(
        "drawn digits",
        "MNIST",
        "course_utils.data.synthetic.make_digits, drawn by rule from a seed",
        (
            ("images", "70,000 in all", "as many as you ask for"),
            ("size", "28 x 28 pixels", "28 x 28 pixels, or any other from 8 up"),
            ("shapes", "what people write", "one to three ways to write each digit, bent smoothly"),
            ("flaws", "broken, crossed out, ambiguous", "none; every label is certain"),
            ("classes", "from 5,421 to 6,742 images each to train", "equally many images each"),
        ),
        "a network that reads these well can fail on real hands: test on scanned digits",
    ),
    "shapes": Card(
        "coloured shapes",
        "CIFAR-10",
        "course_utils.data.synthetic.make_images, drawn by rule from a seed",
        (
            ("images", "50,000 to train, 10,000 to test", "5,000 and 1,000, or as many as you ask for"),
            ("size", "32 x 32 pixels in colour", "32 x 32 pixels in colour"),
            ("classes", "ten kinds of animals and vehicles", "ten kinds of drawn shapes"),
            ("background", "goes with the class: ships on water", "drawn independently of the class"),
            ("within a class", "breeds, poses, parts cut off", "position, size, angle, colour, texture"),
            ("labels", "given by people, some of them wrong", "exact"),
        ),
        "accuracies cannot be compared with any published one, nor can the classes",
    ),
    "faces": Card(
        "small faces",
        "Labeled Faces in the Wild",
        "scikit-image's lfw_subset, cut from Huang et al. 2007",
        (
            ("images", "13,233 photos of 5,749 people", "100 faces, and 100 patches that are none"),
            ("size", "250 x 250 pixels in colour", "25 x 25 pixels, gray"),
            ("names", "every photo has one", "none: nobody can say which two show one person"),
            ("verification", "6,000 pairs, same person or not", "views of one photo, made by the computer"),
        ),
        "few people of few kinds; two views of a photo are far more alike than two photos of a person",
    ),
}


def card(name: str) -> Card:
    """Return the card of a bundled set.

    Args:
        name: ``"digits"``, ``"drawn digits"``, ``"shapes"`` or ``"faces"``.

    Raises:
        ValueError: there is no card of this name.
    """
    return CARDS[check_choice("name", name, CARDS)]
