"""Chapter 05: every system works, every claim is checked, every numbered equation is what the code does."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
import torch.nn.functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.convolution.backward import (
    backward_loops,
    conv2d_backward,
    grad_input_by_convolution,
    grad_weight_by_correlation,
)
from course_utils.scratch.convolution.correlation import LECTURE_KERNEL, LECTURE_PICTURE, convolve2d, correlate2d, flip
from course_utils.scratch.convolution.face_crops import crop_faces, load_faces
from course_utils.scratch.convolution.fft import circular_convolve2d, fft_convolve2d
from course_utils.scratch.convolution.gabor import bar, gabor
from course_utils.scratch.convolution.im2col import conv2d_im2col, im2col
from course_utils.scratch.convolution.loops import (
    conv_layer_loops,
    convolve1d_loops,
    convolve2d_loops,
    nine_terms,
)
from course_utils.scratch.convolution.race import crossover, ways
from course_utils.scratch.convolution.separable import convolve_separable, outer, separable_terms
from course_utils.scratch.convolution.tiled import tiled_conv2d, tiled_loops, tiled_loops_as_printed, untile
from course_utils.scratch.convolution.toeplitz import doubly_block_toeplitz, is_toeplitz, toeplitz_matrix
from course_utils.scratch.convolution.unshared import (
    UnsharedConv2d,
    share_everywhere,
    unshared_im2col,
    unshared_loops,
)

MODES = ("full", "same", "valid")


@pytest.fixture
def draw():
    return np.random.default_rng(5)


def library(x, weight, bias=None, **settings):
    arrays = [None if a is None else torch.tensor(a) for a in (x, weight, bias)]
    return F.conv2d(*arrays, **settings).numpy()


# ---- systems ------------------------------------------------------------------------------------


def test_s109_locality_alone_fits_shifted_texture_better():
    local = band("05_convolution.texture", "local")
    for rival in ("dense", "small"):  # as many hidden units; as many weights
        assert band("05_convolution.texture", rival).count == local.count == 20
        assert local.minimum > band("05_convolution.texture", rival).maximum
    assert band("05_convolution.texture", "dense_fit").minimum > 0.99  # the dense one fits; it does not generalise
    units = 4 * 12 * 12
    local_weights = sum(p.numel() for p in UnsharedConv2d(1, 4, 5, in_size=16).parameters())
    assert local_weights < sum(p.numel() for p in torch.nn.Linear(256, units).parameters()) / 9


def test_s110_tied_kernels_are_the_convolution_with_far_fewer_weights(draw):
    x, kernel = draw.normal(size=(2, 3, 10, 9)), draw.normal(size=(4, 3, 3, 3))
    places = share_everywhere(kernel, 8, 7)
    np.testing.assert_allclose(unshared_im2col(x, places), library(x, kernel), atol=1e-12)
    assert places.size == 8 * 7 * kernel.size
    assert band("05_convolution.texture", "conv").median > band("05_convolution.texture", "local").maximum


def test_s111_units_answer_to_their_orientation_at_their_place_only():
    angles = (0, 45, 90, 135)
    bank = np.stack([gabor(17, a) for a in angles])[:, None]
    for number, angle in enumerate(angles):
        for center in ((18, 20), (34, 38)):
            activity = np.maximum(conv2d_im2col(bar(57, angle, center)[None, None], bank)[0], 0)
            unit, row, column = np.unravel_index(activity.argmax(), activity.shape)
            assert unit == number
            assert np.hypot(row + 8 - center[0], column + 8 - center[1]) <= 3
            assert np.delete(activity, number, axis=0).max() < 0.6 * activity.max()
            rows, columns = np.mgrid[8:49, 8:49]
            far = np.hypot(rows - center[0], columns - center[1]) > 20
            assert activity[:, far].max() < 0.01 * activity.max()


@pytest.mark.parametrize("mode", MODES)
def test_s112_loops_are_numpy_in_one_dimension(draw, mode):
    for length, taps in ((7, 3), (5, 5), (9, 4), (1, 1)):
        x, h = draw.normal(size=length), draw.normal(size=taps)
        np.testing.assert_allclose(convolve1d_loops(x, h, mode), np.convolve(x, h, mode), atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_s113_loops_are_scipy_in_two_dimensions(draw, mode):
    x, h = draw.normal(size=(6, 7)), draw.normal(size=(3, 3))
    np.testing.assert_allclose(convolve2d_loops(x, h, mode), scipy.signal.convolve2d(x, h, mode), atol=1e-12)
    assert nine_terms(x, h) == pytest.approx(convolve2d_loops(x, h, "same")[1, 1])


def test_s114_the_flip_converts_and_only_convolution_commutes(draw):
    x, w = draw.normal(size=(7, 7)), draw.normal(size=(3, 3))
    np.testing.assert_allclose(library(x[None, None], w[None, None])[0, 0], correlate2d(x, w), atol=1e-12)
    np.testing.assert_allclose(correlate2d(x, w), convolve2d(x, flip(w), "valid"), atol=1e-12)
    np.testing.assert_allclose(convolve2d(x, w), convolve2d(w, x), atol=1e-12)
    assert np.abs(correlate2d(x, w, "full") - correlate2d(w, x, "full")).max() > 0.1


def test_s115_both_answers_of_the_lectures_example():
    assert correlate2d(LECTURE_PICTURE, LECTURE_KERNEL)[1, 1] == 42
    assert convolve2d(LECTURE_PICTURE, LECTURE_KERNEL, "valid")[1, 1] == 56


def test_s116_two_weights_mark_upright_edges_cheaply():
    camera = data.photo("camera", (280, 320), gray=True)[0].numpy() / 255
    edges = correlate2d(camera, np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(edges, camera[:, :-1] - camera[:, 1:], atol=1e-12)
    level = np.repeat(np.arange(9.0)[:, None], 9, axis=1)
    assert not correlate2d(level, np.array([[1.0, -1.0]])).any()
    assert (correlate2d(level.T, np.array([[1.0, -1.0]])) == -1).all()
    by_kernel, by_matrix = 3 * edges.size, 2 * edges.size * camera.size
    assert by_kernel == 267_960
    assert by_matrix == 16_006_144_000
    crop = camera[100:116, 100:116]
    matrix = doubly_block_toeplitz(np.array([[-1.0, 1.0]]), (16, 16))
    np.testing.assert_allclose((matrix @ crop.ravel()).reshape(16, 15), edges[100:116, 100:115], atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_s117_toeplitz_matrices_convolve(draw, mode):
    x, h = draw.normal(size=9), draw.normal(size=4)
    np.testing.assert_allclose(toeplitz_matrix(h, 9, mode) @ x, np.convolve(x, h, mode), atol=1e-12)
    picture, kernel = draw.normal(size=(5, 6)), draw.normal(size=(3, 2))
    product = doubly_block_toeplitz(kernel, (5, 6), mode) @ picture.ravel()
    np.testing.assert_allclose(product, scipy.signal.convolve2d(picture, kernel, mode).ravel(), atol=1e-12)


def test_s118_columns_and_one_product_are_the_library(draw):
    x = draw.normal(size=(2, 4, 9, 8))
    for k, stride, padding, dilation in itertools.product((1, 3), (1, 2, 3), (0, 2), (1, 2)):
        weight = draw.normal(size=(3, 4, k, k))
        ours = conv2d_im2col(x, weight, None, stride, padding, dilation)
        theirs = library(x, weight, stride=stride, padding=padding, dilation=dilation)
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_s119_padded_spectra_multiply_to_the_convolution(draw):
    x, h = draw.normal(size=(20, 17)), draw.normal(size=(6, 9))
    for mode in MODES:
        np.testing.assert_allclose(fft_convolve2d(x, h, mode), convolve2d(x, h, mode), atol=1e-12)
    large = load_record("convolution")["large"]
    fourier, library_times = large["seconds"]["Fourier"], large["seconds"]["PyTorch"]
    assert fourier[0] > library_times[0]  # the smallest kernel
    assert fourier[-1] < library_times[-1]  # the largest
    assert crossover(large["kernels"], fourier, library_times) == large["fourier_beats_pytorch_from"]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_s120_thin_passes_match_and_cost_less(draw, dimensions):
    x, vectors = draw.normal(size=(9, 8, 7)[:dimensions]), [draw.normal(size=4) for _ in range(dimensions)]
    kernel = outer(vectors)
    full = scipy.signal.convolve(x, kernel, "valid", method="direct")
    np.testing.assert_allclose(convolve_separable(x, vectors), full, atol=1e-12)
    assert sum(v.size for v in vectors) == 4 * dimensions < kernel.size == 4**dimensions


def test_s121_three_by_three_on_four_by_four(draw):
    v, kernel = draw.normal(size=(1, 4, 4)), draw.normal(size=(1, 1, 3, 3))
    z = conv_layer_loops(v, kernel)
    assert z.shape == (1, 2, 2)
    assert kernel.size == 9
    np.testing.assert_allclose(z, correlate2d(v[0], kernel[0, 0])[None], atol=1e-12)


@pytest.mark.parametrize(("outputs", "weights"), [(1, 27), (2, 54)])
def test_s122_six_loops_are_the_library(draw, outputs, weights):
    v, kernel, bias = draw.normal(size=(3, 4, 4)), draw.normal(size=(outputs, 3, 3, 3)), draw.normal(size=outputs)
    assert kernel.size == weights
    np.testing.assert_allclose(conv_layer_loops(v, kernel, bias), library(v[None], kernel, bias)[0], atol=1e-12)


def test_s123_hand_gradients_are_autograds():
    generator = torch.Generator().manual_seed(0)
    for stride, padding, dilation, groups in itertools.product((1, 2), (0, 1), (1, 2), (1, 2)):
        x, weight, bias = (
            torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
            for shape in ((2, 4, 7, 6), (4, 4 // groups, 3, 2), (4,))
        )
        z = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
        g = torch.randn(z.shape, generator=generator, dtype=torch.float64)
        z.backward(g)
        arrays = g.numpy(), x.detach().numpy(), weight.detach().numpy()
        for ours, theirs in zip(
            conv2d_backward(*arrays, stride, padding, dilation, groups), (x.grad, weight.grad, bias.grad)
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_s131_unshared_is_the_formula_and_equal_kernels_are_a_convolution(draw):
    v, weight = draw.normal(size=(2, 6, 7)), draw.normal(size=(3, 4, 5, 2, 3, 3))
    by_place = np.einsum("ijklmn,ljkmn->ijk", weight, np.lib.stride_tricks.sliding_window_view(v, (3, 3), axis=(1, 2)))
    np.testing.assert_allclose(unshared_loops(v, weight), by_place, atol=1e-12)
    np.testing.assert_allclose(unshared_im2col(v[None], weight)[0], by_place, atol=1e-12)
    kernel = weight[:, 0, 0]
    np.testing.assert_allclose(
        unshared_loops(v, share_everywhere(kernel, 4, 5)), library(v[None], kernel)[0], atol=1e-12
    )


def test_s132_untied_leads_early_on_aligned_faces_and_never_on_shifted_ones():
    gain = {
        (name, steps): band("05_convolution.faces", f"pooled_{name}_{steps}_gain")
        for name in ("aligned", "shifted")
        for steps in (100, 300)
    }
    assert gain["aligned", 100].count == 20
    assert gain["aligned", 100].median > 0.01  # the gain
    assert gain["shifted", 100].median < 0  # disappears with the alignment
    assert abs(gain["aligned", 300].median) < 0.02  # and with longer training
    assert gain["shifted", 300].median < gain["shifted", 100].median
    x, y = load_faces()
    assert crop_faces(x, 4).shape == (200, 1, 17, 17)
    assert y.sum() == 100


def test_s133_tiled_has_both_ends_and_the_slides_index_differs(draw):
    v = draw.normal(size=(2, 6, 6))
    one, many = draw.normal(size=(3, 2, 3, 3, 1, 1)), draw.normal(size=(3, 2, 3, 3, 4, 4))
    np.testing.assert_allclose(tiled_conv2d(v[None], one), library(v[None], one[..., 0, 0]), atol=1e-12)
    each = np.moveaxis(many, (4, 5), (1, 2))
    np.testing.assert_allclose(tiled_loops(v, many), unshared_loops(v, each), atol=1e-12)
    two = draw.normal(size=(3, 2, 3, 3, 2, 2))
    assert np.abs(tiled_loops(v, two) - tiled_loops_as_printed(v, two)).max() > 0.1


def test_s151_six_filters_make_a_stack_of_six_maps():
    picture = data.photo("coffee", 32).float()[None] / 255
    layer = torch.nn.Conv2d(3, 6, 5)
    maps = layer(picture)
    assert maps.shape == (1, 6, 28, 28)
    for i in range(6):
        alone = F.conv2d(picture, layer.weight[i : i + 1], layer.bias[i : i + 1])
        assert torch.allclose(maps[:, i : i + 1], alone, atol=1e-5)


# ---- claims -------------------------------------------------------------------------------------


def test_c105_the_sum_is_loops_and_transforms(draw):
    x, h = draw.normal(size=11), draw.normal(size=4)
    spectrum = np.fft.irfft(np.fft.rfft(x, 14) * np.fft.rfft(h, 14), 14)
    np.testing.assert_allclose(convolve1d_loops(x, h), spectrum, atol=1e-12)
    picture, kernel = draw.normal(size=(5, 6)), draw.normal(size=(3, 2))
    np.testing.assert_allclose(convolve2d_loops(picture, kernel), fft_convolve2d(picture, kernel), atol=1e-12)


def test_c106_nine_terms(draw):
    for _ in range(50):
        x, h = draw.normal(size=(4, 4)), draw.normal(size=(3, 3))
        assert nine_terms(x, h) == pytest.approx(scipy.signal.convolve2d(x, h, "same")[1, 1])


def test_c107_forty_two_is_the_correlation():
    assert correlate2d(LECTURE_PICTURE, LECTURE_KERNEL).tolist() == [[40, 41, 45], [40, 42, 46], [46, 50, 55]]
    by_definition = convolve2d_loops(LECTURE_PICTURE, LECTURE_KERNEL, "valid")
    assert by_definition.tolist() == [[46, 50, 55], [52, 56, 58], [60, 65, 70]]


def test_c108_convolution_commutes_and_is_linear(draw):
    a, b, c = draw.normal(size=(3, 5, 5))
    np.testing.assert_allclose(convolve2d_loops(a, b), convolve2d_loops(b, a), atol=1e-12)
    np.testing.assert_allclose(convolve2d(2 * a - b, c), 2 * convolve2d(a, c) - convolve2d(b, c), atol=1e-12)


def test_c109_swapping_the_arguments_of_a_correlation_turns_the_result(draw):
    a, b = draw.normal(size=(2, 4, 4))
    forth, back = correlate2d(a, b, "full"), correlate2d(b, a, "full")
    assert np.abs(forth - back).max() > 0.1
    np.testing.assert_allclose(forth, flip(back), atol=1e-12)
    np.testing.assert_allclose(forth, convolve2d(a, flip(b)), atol=1e-12)


def test_c110_the_layer_correlates(draw):
    x, w = draw.normal(size=(6, 6)), draw.normal(size=(3, 3))
    z = library(x[None, None], w[None, None])[0, 0]
    np.testing.assert_allclose(z, correlate2d(x, w), atol=1e-12)
    assert not np.allclose(z, convolve2d(x, w, "valid"))
    symmetric = w + flip(w)  # the case in which nobody notices
    same = library(x[None, None], symmetric[None, None])[0, 0]
    np.testing.assert_allclose(same, convolve2d(x, symmetric, "valid"), atol=1e-12)


def test_c111_the_matrix_has_constant_diagonals_in_blocks(draw):
    assert is_toeplitz(toeplitz_matrix(draw.normal(size=3), 8))
    matrix = doubly_block_toeplitz(draw.normal(size=(3, 2)), (6, 5))
    blocks = matrix.reshape(4, 4, 6, 5).swapaxes(1, 2)
    assert all(is_toeplitz(blocks[m, i]) for m in range(4) for i in range(6))
    assert all(np.array_equal(blocks[m, i], blocks[m + 1, i + 1]) for m in range(3) for i in range(5))
    assert not is_toeplitz(matrix)


def test_c112_an_element_wise_product_and_no_dot_product(draw):
    x, h = draw.normal(size=(8, 8)), draw.normal(size=(3, 3))
    product = np.fft.rfft2(x, s=(10, 10)) * np.fft.rfft2(h, s=(10, 10))
    assert product.size == 60
    np.testing.assert_allclose(np.fft.irfft2(product, s=(10, 10)), convolve2d(x, h), atol=1e-12)
    dot = np.vdot(np.fft.fft2(h, s=(10, 10)), np.fft.fft2(x, s=(10, 10))) / 100
    assert np.size(dot) == 1
    assert dot.real == pytest.approx((x[:3, :3] * h).sum())  # a dot product of spectra is ONE number of the correlation
    wrapped = circular_convolve2d(x, h)
    assert np.abs(wrapped - convolve2d(x, h)[:8, :8]).max() > 0.1


def test_c113_fourier_pays_for_large_kernels():
    large = load_record("convolution")["large"]
    times = {name: np.array(values) for name, values in large["seconds"].items()}
    assert 3 <= large["fourier_beats_pytorch_from"] < 10
    assert times["Fourier"][-1] < times["PyTorch"][-1] / 5
    assert times["Fourier"].max() < 5 * times["Fourier"].min()  # hardly depends on the kernel


def test_c114_outer_products_apply_axis_by_axis(draw):
    column, row = draw.normal(size=(2, 5))
    x = draw.normal(size=(9, 9))
    passes = convolve_separable(x, (column, row))
    np.testing.assert_allclose(passes, scipy.signal.convolve2d(x, np.outer(column, row), "valid"), atol=1e-12)
    assert len(separable_terms(np.outer(column, row))) == 1
    assert len(separable_terms(draw.normal(size=(5, 5)))) == 5  # and most kernels are no outer product


def test_c115_nine_twenty_seven_fifty_four():
    for channels, maps, weights in ((1, 1, 9), (3, 1, 27), (3, 2, 54)):
        layer = torch.nn.Conv2d(channels, maps, 3, bias=False)
        assert layer.weight.numel() == weights
        assert layer(torch.zeros(1, channels, 4, 4)).shape == (1, maps, 2, 2)


def test_c136_sizes_of_the_standard_case():
    layer = torch.nn.Conv2d(3, 6, 5)
    assert layer(torch.zeros(1, 3, 32, 32)).shape == (1, 6, 28, 28)
    assert sum(p.numel() for p in layer.parameters()) == 456


def test_c137_few_weights_and_many_neurons():
    layer = torch.nn.Conv2d(3, 6, 5)
    outputs = layer(torch.zeros(1, 3, 32, 32)).numel()
    assert outputs == 4704
    assert outputs > 10 * sum(p.numel() for p in layer.parameters())
    assert torch.nn.Linear(3072, 1).weight.numel() * outputs + outputs == 14_455_392


def test_c138_weights_of_a_filter_and_maps():
    for n, m, d, k in ((5, 5, 3, 6), (3, 2, 7, 1), (1, 1, 4, 9)):
        layer = torch.nn.Conv2d(d, k, (n, m))
        assert layer.weight[0].numel() == n * m * d
        assert layer(torch.zeros(1, d, 8, 8)).shape[1] == k


def test_c140_it_slides_over_space_and_sums_over_channels(draw):
    v, kernel = draw.normal(size=(1, 3, 6, 7)), draw.normal(size=(2, 3, 3, 3))
    z = conv2d_im2col(v, kernel)
    np.testing.assert_allclose(
        conv2d_im2col(np.roll(v, 1, axis=3), kernel)[..., 1:], z[..., :-1], atol=1e-12
    )  # space: shifts along
    assert not np.allclose(conv2d_im2col(np.roll(v, 1, axis=1), kernel), z)  # channels: something else
    slices = sum(conv2d_im2col(v[:, l : l + 1], kernel[:, l : l + 1]) for l in range(3))
    np.testing.assert_allclose(slices, z, atol=1e-12)
    assert z.shape[1] == 2  # whatever the number of input channels


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_c141_the_formula_with_stride_is_the_library(draw, stride):
    v, kernel = draw.normal(size=(3, 9, 8)), draw.normal(size=(2, 3, 3, 2))
    np.testing.assert_allclose(
        conv_layer_loops(v, kernel, stride=stride), library(v[None], kernel, stride=stride)[0], atol=1e-12
    )


def test_c142_the_unshared_formula_is_a_loop_over_places(draw):
    v, weight = draw.normal(size=(2, 5, 6)), draw.normal(size=(3, 3, 4, 2, 3, 3))
    z = unshared_loops(v, weight)
    for i, j, k in np.ndindex(3, 3, 4):
        assert z[i, j, k] == pytest.approx((v[:, j : j + 3, k : k + 3] * weight[i, j, k]).sum())


def test_c143_the_printed_index_never_tiles_the_column(draw):
    v, kernel = draw.normal(size=(1, 6, 6)), draw.normal(size=(2, 1, 3, 3, 2, 2))
    right, printed = tiled_loops(v, kernel), tiled_loops_as_printed(v, kernel)
    assert not np.allclose(right, printed)
    for i, j in np.ndindex(2, 4):
        whole_row = conv2d_im2col(v[None], kernel[None, i, ..., j % 2, i % 2])[0, 0, j]
        np.testing.assert_allclose(printed[i, j], whole_row, atol=1e-12)
        assert not np.allclose(right[i, j], whole_row)


def test_c144_tiled_lies_between(draw):
    v = draw.normal(size=(2, 6, 6))
    weights = []
    for t in (1, 2, 3, 4):
        kernel = draw.normal(size=(1, 2, 3, 3, t, t))
        weights.append(kernel.size)
        np.testing.assert_allclose(tiled_loops(v, kernel), unshared_loops(v, untile(kernel, 4, 4)), atol=1e-12)
    assert weights == sorted(weights)
    assert weights[0] == 18  # the convolution's
    assert weights[-1] == 18 * 16  # the unshared layer's


def test_c153_products_of_one_output():
    n, k = 48, 5
    row = doubly_block_toeplitz(np.ones((k, k)), (n, n))[0]
    assert np.count_nonzero(row) == k**2
    assert row.size == n**2


def test_c155_four_axes_and_five_for_video():
    assert torch.nn.Conv2d(3, 4, 3)(torch.zeros(2, 3, 8, 9)).shape == (2, 4, 6, 7)
    assert torch.nn.Conv3d(3, 4, 3)(torch.zeros(2, 3, 5, 8, 9)).shape == (2, 4, 3, 6, 7)
    with pytest.raises(RuntimeError):
        torch.nn.Conv2d(3, 4, 3)(torch.zeros(2, 8, 9, 3))  # channels last


def test_c157_an_early_lead_that_longer_training_removes():
    accuracy = {
        (name, steps, kind): band("05_convolution.faces", f"pooled_{name}_{steps}_{kind}").median
        for name in ("aligned", "shifted")
        for steps in (100, 300)
        for kind in ("tied", "untied")
    }
    tied_early, tied_late = accuracy["aligned", 100, "tied"], accuracy["aligned", 300, "tied"]
    untied_early, untied_late = accuracy["aligned", 100, "untied"], accuracy["aligned", 300, "untied"]
    assert untied_early - tied_early > 0.01
    assert tied_late - tied_early > 0.01  # the tied layer catches up
    assert abs(untied_late - tied_late) < 0.02
    assert accuracy["shifted", 300, "tied"] - accuracy["shifted", 300, "untied"] > 0.02
    for name in ("aligned", "shifted"):  # a readout that knows places leaves nothing to gain
        assert abs(band("05_convolution.faces", f"dense_{name}_100_gain").median) < 0.03


def test_c158_weights_are_shared_at_the_border_and_inputs_made_up(draw):
    wall, ones = np.ones((1, 1, 7, 7)), np.ones((1, 1, 3, 3))
    z = conv2d_im2col(wall, ones, padding=1)[0, 0]
    assert (z[0, 0], z[0, 3], z[3, 3]) == (4, 6, 9)
    x, kernel = draw.normal(size=(1, 2, 6, 6)), draw.normal(size=(3, 2, 3, 3))
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    np.testing.assert_allclose(conv2d_im2col(framed, kernel), library(x, kernel, padding=1), atol=1e-12)


# ---- equations ----------------------------------------------------------------------------------


def test_equation_5_1_sum_over_drops(draw):
    x, h = draw.normal(size=6), draw.normal(size=3)
    y = [sum(x[k] * h[n - k] for k in range(6) if 0 <= n - k < 3) for n in range(8)]
    np.testing.assert_allclose(convolve1d_loops(x, h), y)
    assert convolve1d_loops([1, 2, 3], [1, 10, 100]).tolist() == [1, 12, 123, 230, 300]


def test_equation_5_2_sum_over_two_indices(draw):
    x, h = draw.normal(size=(4, 5)), draw.normal(size=(2, 3))
    for m, n in np.ndindex(5, 7):
        y = sum(x[i, j] * h[m - i, n - j] for i, j in np.ndindex(4, 5) if 0 <= m - i < 2 and 0 <= n - j < 3)
        assert convolve2d(x, h)[m, n] == pytest.approx(y)


def test_equation_5_3_correlation_and_its_flip(draw):
    x, w = draw.normal(size=(5, 6)), draw.normal(size=(3, 2))
    for m, n in np.ndindex(3, 5):
        s = sum(x[m + i, n + j] * w[i, j] for i, j in np.ndindex(3, 2))
        assert correlate2d(x, w)[m, n] == pytest.approx(s)
        assert convolve2d(x, w[::-1, ::-1], "valid")[m, n] == pytest.approx(s)


def test_equation_5_4_entries_of_the_matrix(draw):
    h, x = draw.normal(size=3), draw.normal(size=5)
    matrix = toeplitz_matrix(h, 5, "full")
    for n, k in np.ndindex(*matrix.shape):
        assert matrix[n, k] == (h[n - k] if 0 <= n - k < 3 else 0)
    np.testing.assert_allclose(matrix @ x, np.convolve(x, h))


def test_equation_5_5_shapes_and_product(draw):
    x, weight = draw.normal(size=(1, 3, 6, 7)), draw.normal(size=(4, 3, 3, 3))
    columns = im2col(x, 3)[0]
    assert columns.shape == (3 * 9, 4 * 5)
    np.testing.assert_allclose((weight.reshape(4, 27) @ columns).reshape(4, 4, 5), library(x, weight)[0], atol=1e-12)


def test_equation_5_6_the_convolution_theorem(draw):
    x, h = draw.normal(size=(5, 6)), draw.normal(size=(3, 3))
    size = (7, 8)
    left = np.fft.fft2(convolve2d_loops(x, h), s=size)
    np.testing.assert_allclose(left, np.fft.fft2(x, s=size) * np.fft.fft2(h, s=size), atol=1e-10)


def test_equation_5_7_sum_of_outer_products(draw):
    kernel = draw.normal(size=(5, 4))
    u, s, vt = np.linalg.svd(kernel)
    np.testing.assert_allclose(sum(s[r] * np.outer(u[:, r], vt[r]) for r in range(4)), kernel, atol=1e-12)
    for r, (column, row) in enumerate(separable_terms(kernel)):
        np.testing.assert_allclose(np.outer(column, row), s[r] * np.outer(u[:, r], vt[r]), atol=1e-12)


def test_equation_5_8_the_layer(draw):
    v, kernel, bias, s = draw.normal(size=(2, 7, 6)), draw.normal(size=(3, 2, 3, 2)), draw.normal(size=3), 2
    z = conv_layer_loops(v, kernel, bias, stride=s)
    for i, j, k in np.ndindex(*z.shape):
        total = bias[i] + sum(v[l, j * s + m, k * s + n] * kernel[i, l, m, n] for l, m, n in np.ndindex(2, 3, 2))
        assert z[i, j, k] == pytest.approx(total)


def test_equation_5_9_parameters():
    for k, n, m, d in ((6, 5, 5, 3), (128, 3, 3, 64), (2, 1, 4, 3)):
        assert sum(p.numel() for p in torch.nn.Conv2d(d, k, (n, m)).parameters()) == k * (n * m * d + 1)


@pytest.fixture
def passed(draw):
    v, kernel, g = draw.normal(size=(2, 6, 5)), draw.normal(size=(3, 2, 3, 2)), draw.normal(size=(3, 4, 4))
    return v, kernel, g, conv2d_backward(g[None], v[None], kernel)


def test_equation_5_10_gradient_of_the_bias(passed):
    _, _, g, (_, _, grad_bias) = passed
    for i in range(3):
        assert grad_bias[i] == pytest.approx(sum(g[i, j, k] for j, k in np.ndindex(4, 4)))


def test_equation_5_11_gradient_of_the_weights(passed):
    v, kernel, g, (_, grad_kernel, _) = passed
    for i, l, m, n in np.ndindex(*kernel.shape):
        total = sum(g[i, j, k] * v[l, j + m, k + n] for j, k in np.ndindex(4, 4))
        assert grad_kernel[i, l, m, n] == pytest.approx(total)
        assert grad_kernel[i, l, m, n] == pytest.approx(correlate2d(v[l], g[i])[m, n])
    np.testing.assert_allclose(grad_weight_by_correlation(g[None], v[None], (3, 2)), grad_kernel, atol=1e-12)


def test_equation_5_12_gradient_of_the_input(passed):
    v, kernel, g, (grad_input, _, _) = passed
    for l, p, q in np.ndindex(*v.shape):
        total = sum(
            g[i, j, k] * kernel[i, l, p - j, q - k]
            for i, j, k in np.ndindex(*g.shape)
            if 0 <= p - j < 3 and 0 <= q - k < 2
        )
        assert grad_input[0, l, p, q] == pytest.approx(total)
    for l in range(2):  # a true convolution, full
        np.testing.assert_allclose(
            sum(convolve2d(g[i], kernel[i, l], "full") for i in range(3)), grad_input[0, l], atol=1e-12
        )
    np.testing.assert_allclose(grad_input_by_convolution(g[None], kernel, (6, 5)), grad_input, atol=1e-12)
    np.testing.assert_allclose(backward_loops(g, v, kernel)[0], grad_input[0], atol=1e-12)


def test_equation_5_13_unshared(draw):
    v, w = draw.normal(size=(2, 5, 5)), draw.normal(size=(2, 3, 3, 2, 3, 3))
    z = unshared_im2col(v[None], w)[0]
    for i, j, k in np.ndindex(2, 3, 3):
        total = sum(v[l, j + m, k + n] * w[i, j, k, l, m, n] for l, m, n in np.ndindex(2, 3, 3))
        assert z[i, j, k] == pytest.approx(total)


def test_equation_5_14_tiled(draw):
    v, kernel, t = draw.normal(size=(2, 6, 5)), draw.normal(size=(2, 2, 3, 3, 2, 2)), 2
    z = tiled_conv2d(v[None], kernel)[0]
    for i, j, k in np.ndindex(2, 4, 3):
        total = sum(v[l, j + m, k + n] * kernel[i, l, m, n, j % t, k % t] for l, m, n in np.ndindex(2, 3, 3))
        assert z[i, j, k] == pytest.approx(total)


# ---- measured -----------------------------------------------------------------------------------


def test_columns_come_within_three_times_of_the_library():
    layer = load_record("convolution")["layer"]
    assert layer["forward_ratio"] == pytest.approx(layer["im2col_forward_seconds"] / layer["torch_forward_seconds"])
    assert layer["forward_ratio"] <= 3


def test_all_ways_run_the_same_race():
    results = [run() for run in ways(16, 5, slow=True).values()]
    assert len(results) == 7
    for z in results[1:]:
        np.testing.assert_allclose(z, results[0], atol=1e-4)
