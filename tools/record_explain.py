"""Measure what looking into ResNet-18 costs: seconds a picture of 224 pixels, untrained weights, this machine.

    python -m tools.record_explain

Run it on a quiet machine. The weights do not matter for the time; the methods are those of chapter 08.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.explain.adversarial import fgsm
from course_utils.explain.class_image import class_image
from course_utils.explain.deep_dream import deep_dream
from course_utils.explain.grad_cam import grad_cam
from course_utils.explain.occlusion import occlusion
from course_utils.explain.relu_rules import rule_gradient
from course_utils.explain.saliency import input_gradient, smooth_grad
from course_utils.models.pretrained import load_pretrained, prepare_for
from course_utils.runtime import get_device, save_record
from course_utils.runtime.device_timing import seconds_of

NAME = "explain_resnet18"
REPEATS = 5


def main() -> None:
    """Time every method on one picture and write ``results/explain_resnet18.json``."""
    device = get_device()
    torch.manual_seed(0)
    model = load_pretrained("resnet18", source="torchvision").to(device)
    prepare = prepare_for("resnet18")
    x = torch.rand(1, 3, 224, 224, device=device)
    ready, label = prepare(x), torch.tensor([7], device=device)

    def inference() -> Tensor:
        with torch.no_grad():
            return model(ready)

    work: dict[str, Callable[[], object]] = {
        "inference": inference,
        "saliency": lambda: input_gradient(model, ready, 7),
        "guided backprop": lambda: rule_gradient(model, ready, 7, "guided"),
        "Grad-CAM": lambda: grad_cam(model, ready, "layer4", 7),
        "SmoothGrad, 16 samples": lambda: smooth_grad(model, ready, 7, samples=16),
        "occlusion, 169 places": lambda: occlusion(model, ready, 7, patch=32, stride=16, batch_size=32),
        "FGSM": lambda: fgsm(model, x, label, 0.01, prepare=prepare),
        "class image, a step": lambda: class_image(model, 7, (3, 224, 224), steps=1, start=x, prepare=prepare),
        "dream, a step": lambda: deep_dream(model, x, "layer3", octaves=1, steps=1, prepare=prepare),
    }
    seconds = {}
    for name, run in work.items():
        seconds[name] = round(seconds_of(run, device, repeats=REPEATS), 4)
        print(f"{name:24} {1000 * seconds[name]:8.1f} ms", flush=True)
    save_record(
        NAME,
        {
            "command": "python -m tools.record_explain",
            "data": "one random picture, 3x224x224; median of 5 calls, float32",
            "device": str(device),
            "threads": torch.get_num_threads(),
            "seconds": seconds,
        },
    )


if __name__ == "__main__":
    main()
