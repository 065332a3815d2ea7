"""Titles of the chapters: from the notebooks that exist, and from the plan for those to come."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLANNED = {
    "00_start": "Start here",
    "00b_features": "Features made by hand",
    "01_perceptron": "The perceptron",
    "01b_kernels": "Kernels and margins",
    "02_mlp": "Layers",
    "02b_losses": "Losses and activations",
    "03_backprop": "Backpropagation",
    "04_training": "Training",
    "04b_signals": "Signals through depth",
    "04c_normalisation": "Normalisation",
    "04d_regularisation": "Regularisation",
    "04e_generalisation": "Getting more from the same data",
    "05_convolution": "Convolution",
    "05b_layers": "A zoo of convolutions",
    "05c_pooling": "Pooling",
    "05d_equivariance": "Equivariance and any size",
    "06_architectures": "LeNet-5",
    "06b_alexnet": "AlexNet",
    "06c_depth": "Small kernels, more layers",
    "07_deeper": "Inception",
    "07b_residual": "Residual networks",
    "07c_blocks": "Blocks and budgets",
    "08_visualization": "What a unit looks for",
    "08b_saliency": "What in this picture mattered",
    "08c_inversion": "What the network keeps",
    "08d_dreams": "Dreams, styles and warnings",
    "09_transfer": "Pretrain and reuse",
    "09b_search": "Search and tags",
    "10_detection": "Detection",
    "10b_rcnn": "Boxes from regions",
    "10c_detectors": "Detectors in one network",
    "11_segmentation": "Segmentation",
    "11b_unet": "Back to full resolution",
    "11c_crf": "Neighbours agree",
    "12_multiscale": "Many scales",
    "13_video": "Video",
    "14_gallery": "A gallery of applications",
    "15_beyond": "Beyond images",
}


def is_written(chapter: str, root: Path = ROOT) -> bool:
    """Say whether a chapter's notebook is in the book."""
    return (root / "notebooks" / f"{chapter}.ipynb").exists()


def title(chapter: str, root: Path = ROOT) -> str:
    """Return a chapter's title: its notebook's first heading, or the planned one.

    Args:
        chapter: a name such as ``01_perceptron``.
        root: the repository.

    Raises:
        KeyError: if the plan knows no such chapter.
    """
    planned = PLANNED[chapter]
    if not is_written(chapter, root):
        return planned
    notebook = json.loads((root / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return planned
