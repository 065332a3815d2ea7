"""Chapter 0: marks, tensors, devices, a first network, pixel scrambling, and the digit reader's weights."""

import json
import math
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, training
from course_utils.grading.marks import WEIGHTS, final_mark
from course_utils.recipes import RECIPES, digit_reader, stored_weights
from course_utils.runtime import band, data_dir, load_record, repo_root
from course_utils.runtime.device import available_devices
from course_utils.runtime.device_timing import (
    Timing,
    compare_devices,
    comparison_table,
    convolution,
    matrix_product,
    seconds_of,
)
from course_utils.widgets.digit_reader import SHAPES, DigitReader

CHAPTER = "00_start"
CPU = torch.device("cpu")


def run_cells(name: str, seed: int = 0) -> dict[str, float]:
    """Run the chapter's cells tagged ``band-NAME`` in a process that cannot open a socket or find data."""
    code = (
        "import os, socket, sys, json\n"
        "def refuse(*args, **kwargs): raise OSError('this run has no network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "os.environ['COURSE_DATA'] = os.devnull\n"
        "from tools.bands import run_once, tagged_code\n"
        f"result = run_once(tagged_code({CHAPTER!r}, {name!r}), {name!r}, {seed})\n"
        "print('RESULT', json.dumps(result))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=repo_root(), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.rsplit("RESULT", 1)[1])


class TestMarks:
    def test_c001_the_three_weights_sum_to_100(self):
        assert WEIGHTS == {"homework": 30, "challenge": 30, "exam": 40}
        assert sum(WEIGHTS.values()) == 100

    @pytest.mark.parametrize(
        ("homework", "challenge", "exam"), [(0, 0, 0), (100, 100, 100), (80, 80, 50), (12.5, 99, 61)]
    )
    def test_equation_0_1_final_mark(self, homework, challenge, exam):
        expected = (30 * homework + 30 * challenge + 40 * exam) / 100
        assert final_mark(homework=homework, challenge=challenge, exam=exam) == pytest.approx(expected)

    def test_s001_each_part_counts_its_weight(self):
        base = final_mark(homework=50, challenge=50, exam=50)
        for part, weight in WEIGHTS.items():
            more = {"homework": 50, "challenge": 50, "exam": 50, part: 60}
            assert final_mark(**more) - base == pytest.approx(10 * weight / 100)


class TestTensors:
    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 7), (2, 1, 5)])
    def test_equation_0_2_place_of_a_pixel_in_the_flat_list(self, shape):
        image = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
        flat = image.flatten()
        channels, height, width = shape
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    assert flat[(c * height + i) * width + j] == image[c, i, j]

    def test_equation_0_3_column_against_list_gives_twice_the_variance(self):
        truth = torch.rand(97, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        error = F.mse_loss(truth[:, None].expand(97, 97), truth.expand(97, 97))
        wrong = (truth[:, None] - truth).square().mean()
        assert wrong == pytest.approx(error.item())
        assert wrong.item() == pytest.approx(2 * truth.var(correction=0).item())
        assert (truth - truth).square().mean() == 0

    def test_equation_0_4_three_loops_are_a_linear_layer(self):
        layer = nn.Linear(6, 4).double()
        x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        w, b = layer.weight.T, layer.bias
        loops = torch.stack(
            [torch.stack([sum(x[n, d] * w[d, k] for d in range(6)) + b[k] for k in range(4)]) for n in range(5)]
        )
        torch.testing.assert_close(loops, layer(x))
        torch.testing.assert_close(x @ w + b, layer(x))

    def test_the_three_mistakes_of_the_chapter_happen(self):
        assert (torch.tensor([200], dtype=torch.uint8) + 100).item() == (200 + 100) % 256
        assert (torch.zeros(7, 1) - torch.zeros(7)).shape == (7, 7)
        images = data.load("digits", "test").images[:2].clone()
        images[0, 0][0, :] = 255
        assert (images[0, 0, 0] == 255).all(), "an index by a number is a view"
        images[[1]][:] = 255
        assert not (images[1] == 255).all(), "an index by a list is a copy"

    def test_s015_a_photo_is_numbers_in_a_range(self):
        photo = data.photo("coffee", size=64)
        assert photo.dtype == torch.uint8
        assert photo.shape == (3, 64, 64)
        assert len(photo.flatten()) == 12288
        assert 0 <= photo.min() < 50
        assert 200 < photo.max() <= 255


class TestFirstNetwork:
    logits = torch.randn(9, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    y = torch.arange(9)

    def test_equation_0_5_softmax(self):
        by_hand = self.logits.exp() / self.logits.exp().sum(dim=1, keepdim=True)
        torch.testing.assert_close(by_hand, self.logits.softmax(dim=1))

    def test_equation_0_6_cross_entropy(self):
        p = self.logits.softmax(dim=1)
        by_hand = -sum(p[n, self.y[n]].log() for n in range(9)) / 9
        torch.testing.assert_close(by_hand, F.cross_entropy(self.logits, self.y))

    @pytest.mark.parametrize("num_classes", [2, 10, 1000])
    def test_equal_scores_cost_ln_k(self, num_classes):
        loss = F.cross_entropy(torch.zeros(1, num_classes), torch.tensor([1]))
        assert loss.item() == pytest.approx(math.log(num_classes), rel=1e-6)

    def test_equation_0_7_a_step_against_the_gradient_is_torch_sgd(self):
        x = torch.randn(9, 6, generator=torch.Generator().manual_seed(4))
        torch.manual_seed(0)
        by_hand, by_torch = nn.Linear(6, 10), nn.Linear(6, 10)
        by_torch.load_state_dict(by_hand.state_dict())
        F.cross_entropy(by_hand(x), self.y).backward()
        with torch.no_grad():
            for w in by_hand.parameters():
                w -= 0.3 * w.grad
        optimizer = torch.optim.SGD(by_torch.parameters(), lr=0.3)
        F.cross_entropy(by_torch(x), self.y).backward()
        optimizer.step()
        for mine, theirs in zip(by_hand.parameters(), by_torch.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)

    def test_s003_the_first_network_trains_without_a_network_connection(self):
        result = run_cells("first_network")
        assert band("00_start.first_network", "accuracy").contains(result["accuracy"], slack=0.01)
        assert result["accuracy"] > 0.93

    def test_the_band_was_measured_on_twenty_seeds(self):
        for name in ("00_start.first_network", "00_start.pixel_permutation"):
            record = load_record(name)
            assert record["seeds"] == list(range(20))
            assert all(len(values) == 20 for values in record["metrics"].values())


class TestPixelPermutation:
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))

    def test_equation_0_8_rearranged_weights_undo_rearranged_pixels(self):
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
        twin = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
        twin.load_state_dict(plain.state_dict())
        x = torch.rand(20, 64, dtype=torch.float64)
        assert not torch.allclose(twin(x[:, self.order]), plain(x)), "scrambled pixels alone change the answers"
        with torch.no_grad():
            twin[0].weight.copy_(plain[0].weight[:, self.order])
        torch.testing.assert_close(twin(x[:, self.order]), plain(x))

    def test_training_from_rearranged_weights_stays_the_same_network(self):
        """The whole training run is equivalent, not only one pair of networks."""
        torch.manual_seed(0)
        plain, twin = nn.Linear(64, 10).double(), nn.Linear(64, 10).double()
        with torch.no_grad():
            twin.weight.copy_(plain.weight[:, self.order])
            twin.bias.copy_(plain.bias)
        digits = data.load("digits", "train")
        x, y = digits.images.flatten(1).double() / 255, digits.labels
        for _ in range(10):
            for network, inputs in ((plain, x), (twin, x[:, self.order])):
                grads = torch.autograd.grad(F.cross_entropy(network(inputs), y), list(network.parameters()))
                with torch.no_grad():
                    for w, g in zip(network.parameters(), grads, strict=True):
                        w -= 0.3 * g
        torch.testing.assert_close(twin.weight, plain.weight[:, self.order])

    def test_s015_twenty_seeds_mlp_unchanged_cnn_broken(self):
        mlp, mlp_scrambled, cnn, cnn_scrambled = (
            band("00_start.pixel_permutation", key) for key in ("mlp", "mlp_scrambled", "cnn", "cnn_scrambled")
        )
        assert abs(mlp.median - mlp_scrambled.median) < 0.003
        assert cnn.minimum > mlp.maximum, "on plain digits every CNN beats every MLP"
        assert cnn_scrambled.maximum < mlp_scrambled.minimum, "on scrambled digits every CNN loses"
        assert 1 - cnn_scrambled.median > 1.5 * (1 - cnn.median)

    @pytest.mark.slow
    def test_s015_the_live_cells_lie_in_their_bands(self):
        result = run_cells("pixel_permutation")
        for key, value in result.items():
            assert band("00_start.pixel_permutation", key).contains(value, slack=0.015), key
        assert result["cnn"] > result["mlp"] > result["cnn_scrambled"]


class TestDevices:
    def test_s004_the_same_two_jobs_run_on_every_device_present(self):
        timings = compare_devices(size=64, repeats=2)
        assert list(dict.fromkeys(t.device for t in timings)) == available_devices()
        jobs = {device: [t.job for t in timings if t.device == device] for device in available_devices()}
        assert all(names == jobs["cpu"] for names in jobs.values())
        assert len(jobs["cpu"]) == 2
        assert all(t.seconds > 0 and t.rate == t.multiply_adds / t.seconds for t in timings)

    def test_s004_the_table_gives_the_ratio_where_there_is_a_gpu(self):
        timings = [Timing("job", "cuda", 0.002, 10), Timing("job", "cpu", 0.1, 10)]
        table = comparison_table(timings)
        assert "cpu / cuda" in table
        assert "50.0x" in table
        assert "No GPU" not in table

    def test_s004_without_a_gpu_its_column_is_left_out(self):
        table = comparison_table([Timing("job", "cpu", 0.1, 10)])
        assert "cuda" not in table
        assert "x" not in table.splitlines()[1]
        assert "No GPU" in table

    def test_a_device_that_is_absent_is_an_error(self):
        absent = "cuda" if "cuda" not in available_devices() else "mps"
        with pytest.raises(ValueError, match="not on this machine"):
            compare_devices([absent])

    @pytest.mark.parametrize("job", [lambda: matrix_product(24, CPU), lambda: convolution(2, 3, 8, CPU)])
    def test_multiply_adds_are_counted_rightly(self, job):
        from torch.utils.flop_counter import FlopCounterMode

        work, multiply_adds = job()
        with FlopCounterMode(display=False) as counter:
            work()
        assert counter.get_total_flops() == 2 * multiply_adds

    def test_the_clock_calls_the_work_twice_before_it_counts(self):
        calls = []
        assert seconds_of(lambda: calls.append(1), CPU, repeats=3) >= 0
        assert len(calls) == 5


class TestDigitReader:
    def test_the_published_weights_are_the_median_of_three_seeds(self):
        record = load_record("digit_reader")
        scores = dict(zip(record["seeds"], record["metrics"]["accuracy"], strict=True))
        assert len(scores) == 3
        assert record["kept_accuracy"] == sorted(scores.values())[1] == scores[record["kept_seed"]]

    def test_it_loads_and_holds_what_float16_can_hold(self):
        model = digit_reader.load_digit_reader()
        state = model.state_dict()
        assert {key: tuple(value.shape) for key, value in state.items()} == SHAPES
        assert all(torch.equal(value, value.half().float()) for value in state.values())
        assert not model.training
        assert sum(p.numel() for p in model.parameters()) == load_record("digit_reader")["parameters"] == 11274

    def test_it_reads_the_drawn_three_as_the_widget_does(self):
        widget = DigitReader()
        x = torch.as_tensor(widget.pixels, dtype=torch.float32)[None, None]
        with torch.no_grad():
            p = digit_reader.load_digit_reader()(x).softmax(dim=1)[0]
        assert p.argmax() == 3
        assert p.tolist() == pytest.approx(widget.probabilities, abs=1e-3)

    def test_a_changed_file_is_refused(self, monkeypatch, tmp_path):
        changed = bytearray(digit_reader.weights_path().read_bytes())
        changed[-1] ^= 1
        (tmp_path / "changed.pt").write_bytes(bytes(changed))
        monkeypatch.setattr(digit_reader, "weights_path", lambda: tmp_path / "changed.pt")
        with pytest.raises(digit_reader.WeightsError, match="SHA-256"):
            digit_reader.load_digit_reader()

    def test_a_missing_file_names_the_remedy(self, monkeypatch, tmp_path):
        monkeypatch.setattr(digit_reader, "weights_path", lambda: tmp_path / "none.pt")
        with pytest.raises(digit_reader.WeightsError, match="course train digit_reader"):
            digit_reader.load_digit_reader()

    def test_missing_mnist_names_the_remedy(self, monkeypatch, tmp_path):
        monkeypatch.setenv("COURSE_DATA", str(tmp_path))
        with pytest.raises(FileNotFoundError, match="course data mnist"):
            digit_reader.run(device="cpu")

    def test_jitter_keeps_shape_and_range_and_repeats(self):
        x = torch.rand(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        one = digit_reader.jitter(x, torch.Generator().manual_seed(5))
        two = digit_reader.jitter(x, torch.Generator().manual_seed(5))
        assert one.shape == x.shape
        assert 0 <= one.min() <= one.max() <= 1
        assert torch.equal(one, two)
        assert not torch.equal(one, digit_reader.jitter(x, torch.Generator().manual_seed(6)))

    def test_the_recipe_learns_and_repeats(self):
        """Three epochs on the embedded digits, enlarged: far above chance, and twice the same."""
        digits = data.load("digits", "train")
        images = F.pad(F.interpolate(digits.images.float(), size=(20, 20)), (4, 4, 4, 4)).to(torch.uint8)
        enlarged = data.ImageSet(images, digits.labels, digits.classes, "enlarged digits")
        runs = [digit_reader.train(enlarged, seed=3, device="cpu", epochs=3, progress=False) for _ in range(2)]
        assert training.evaluate(runs[0], data.Batches(enlarged)).accuracy > 0.6
        assert all(torch.equal(p, p.half().float()) for p in runs[0].parameters())
        for a, b in zip(runs[0].parameters(), runs[1].parameters(), strict=True):
            assert torch.equal(a, b)

    def test_the_recipe_keeps_the_median_network_and_its_checksum(self, monkeypatch, tmp_path):
        scores = {4: 0.97, 5: 0.99, 6: 0.98}
        models = {seed: digit_reader.build_model() for seed in scores}
        saved = {}
        some_digits = data.load("digits", "test")
        monkeypatch.setattr(digit_reader.data, "load", lambda name, split: some_digits)
        monkeypatch.setattr(digit_reader, "train", lambda train_set, seed, **options: models[seed])

        def score(model, batches):
            accuracy = next(scores[s] for s, m in models.items() if m is model)
            return training.Evaluation(0.0, accuracy, torch.zeros(1), torch.zeros(1))

        monkeypatch.setattr(digit_reader, "evaluate", score)
        monkeypatch.setattr(digit_reader, "weights_path", lambda: tmp_path / "weights.pt")
        monkeypatch.setattr(digit_reader, "save_record", lambda name, record: saved.update(record))
        record = RECIPES["digit_reader"](seed=4, device="cpu", progress=False)
        assert record["kept_seed"] == 6
        assert record["kept_accuracy"] == 0.98
        assert saved == record
        monkeypatch.setattr(stored_weights, "load_record", lambda name: saved)
        loaded = digit_reader.load_digit_reader().state_dict()
        assert torch.equal(loaded["conv1.weight"], models[6].state_dict()["conv1.weight"].half().float())

    def test_naming_the_recipes_imports_none(self):
        assert callable(RECIPES["digit_reader"])
        code = (
            "import sys; from course_utils.recipes import RECIPES; list(RECIPES); "
            "print('course_utils.recipes.digit_reader' in sys.modules)"
        )
        run = subprocess.run([sys.executable, "-c", code], cwd=repo_root(), capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "False"

    @pytest.mark.data
    def test_its_accuracy_on_mnist_is_the_recorded_one(self):
        if not data.available("mnist"):
            pytest.skip(f"MNIST is not in {data_dir()}")
        test = data.Batches(data.load("mnist", "test"), batch_size=1000, shuffle=False)
        measured = training.evaluate(digit_reader.load_digit_reader(), test).accuracy
        assert measured == pytest.approx(load_record("digit_reader")["kept_accuracy"], abs=3e-4)

    def test_an_a_is_read_as_a_digit_with_confidence(self):
        """Softmax is never silent: the chapter's letter A gets one digit and more than 90 %."""
        letter = [[[0.5, 0.12], [0.2, 0.88]], [[0.5, 0.12], [0.8, 0.88]], [[0.32, 0.6], [0.68, 0.6]]]
        assert max(DigitReader(strokes=letter).probabilities) > 0.9
