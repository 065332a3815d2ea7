"""A network run once over the picture gives the scores of every window cut out of it."""

from __future__ import annotations

import pytest
import torch

from course_utils.detection.windows import WindowNet, detect_windows, scan_densely, scan_naively, windows_of


@pytest.mark.parametrize("size", [(20, 20), (48, 64), (41, 37)])
def test_one_pass_equals_window_by_window(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model, picture = WindowNet(3, 4).double(), torch.randn(3, *size, dtype=torch.float64)
    naive = scan_naively(model, picture, 20, 4)
    assert naive.shape == (4, (size[0] - 20) // 4 + 1, (size[1] - 20) // 4 + 1)
    torch.testing.assert_close(scan_densely(model, picture), naive, rtol=0, atol=1e-12)


def test_windows_stand_where_the_scores_do() -> None:
    boxes = windows_of((41, 37), 20, 4)
    assert len(boxes) == 6 * 5
    assert boxes[0].tolist() == [0, 0, 20, 20]
    assert boxes[1].tolist() == [4, 0, 24, 20]
    assert boxes[-1].tolist() == [16, 20, 36, 40]
    with pytest.raises(ValueError, match="size"):
        windows_of((19, 40), 20, 4)


class Bright(WindowNet):
    """Knows one thing: the mean of a window."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.AvgPool2d(20, 4)  # type: ignore[assignment]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = self.layers(x)
        return torch.cat([torch.zeros_like(mean), 40 * (mean - 0.8)], dim=1)


def test_a_planted_square_is_found_at_its_size() -> None:
    small, large = torch.zeros(1, 80, 80), torch.zeros(1, 80, 80)
    small[:, 8:28, 40:60] = 1
    large[:, 20:60, 16:56] = 1
    found = detect_windows(Bright(), small)
    assert found.boxes[0].tolist() == [40, 8, 60, 28]
    assert len(found.boxes) == 1
    found = detect_windows(Bright(), large, scales=(0.5,))
    assert found.boxes[0].tolist() == [16, 24, 56, 64] or found.boxes[0].tolist() == [16, 16, 56, 56]
    assert len(detect_windows(Bright(), large[:, :30, :30], scales=(0.5,)).boxes) == 0, "a picture below a window"
    assert len(detect_windows(Bright(), torch.zeros(1, 40, 40)).boxes) == 0
