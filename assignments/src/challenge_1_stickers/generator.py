"""The pictures of the challenge: a sticker on a postcard, with two strips of tape or labels that may cover it."""

import numpy as np

from course_utils.data.synthetic import make_scenes

SIZE = 32


def images(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make pictures of one shape each.

    Args:
        n: number of pictures.
        seed: the same seed gives the same pictures.

    Returns:
        uint8 ``(n, 32, 32, 3)``, and int64 ``(n,)``: positions in `course_utils.data.synthetic.CLASSES`.
    """
    scenes = make_scenes(
        n,
        SIZE,
        seed,
        "medium",
        objects=1,
        scale=(0.55, 0.9),
        clutter=2,
        overlap=0.35,
        background="photo",
        rotation=40,
    )
    return scenes.images.permute(0, 2, 3, 1).contiguous().numpy(), scenes.labels[:, 0].numpy()
