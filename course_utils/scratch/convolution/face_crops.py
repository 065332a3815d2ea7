"""Small pictures of aligned faces and of other things, cut out straight or at a random place.

Source: scikit-image's ``lfw_subset``, 100 faces and 100 other patches of 25 x 25 pixels out of "Labeled Faces in the
Wild" (Huang, Ramesh, Berg and Learned-Miller, 2007).
"""

import torch

from course_utils.check import check_int

MARGIN = 4
SIDE = 25 - 2 * MARGIN


def load_faces() -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(x, y)``: (200, 1, 25, 25) grey values in 0..1, and 1 for the 100 faces, 0 for the rest."""
    from skimage.data import lfw_subset

    x = torch.as_tensor(lfw_subset(), dtype=torch.float32)[:, None]
    y = torch.cat([torch.ones(100), torch.zeros(100)]).long()
    return x, y


def crop_faces(x: torch.Tensor, shift: int = 0, seed: int = 0) -> torch.Tensor:
    """Cut 17 x 17 pixels out of each picture and give every crop mean 0 and standard deviation 1.

    Args:
        x: (N, 1, 25, 25) pictures.
        shift: the crop moves by up to so many pixels along both axes, at random; 0 takes the middle, 4 is the most.
        seed: of the draw.

    Returns:
        (N, 1, 17, 17).
    """
    check_int("shift", shift, minimum=0, maximum=MARGIN)
    generator = torch.Generator().manual_seed(seed)
    corners = MARGIN + torch.randint(-shift, shift + 1, (len(x), 2), generator=generator)
    crops = torch.stack([image[:, r : r + SIDE, c : c + SIDE] for image, (r, c) in zip(x, corners.tolist())])
    return (crops - crops.mean(dim=(2, 3), keepdim=True)) / (crops.std(dim=(2, 3), keepdim=True) + 1e-3)
