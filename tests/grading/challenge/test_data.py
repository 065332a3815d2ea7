"""The class's seed makes the data; nothing of it can be told from the order, the ids or the splits."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from course_utils.grading.challenge.data import load_generator, make_data
from course_utils.grading.challenge.secret import (
    LETTERS,
    SHORTEST_SEED,
    ShortSeed,
    check_seed,
    image_ids,
    key,
    number,
    shuffled,
)
from course_utils.grading.challenge.truth import BadTruth, Truth, read_truth

SEED = 1_008_476_235_991_234_567


@pytest.fixture
def generator(tiny_challenge):
    return load_generator(tiny_challenge.source)


@pytest.fixture
def large(plan_file, generator):
    return make_data("large", plan_file(("test: 200", "test: 6000")), generator, SEED)


def test_the_same_seed_gives_the_same_data_and_another_one_other_data(plan_file, generator):
    plan = plan_file()
    first, again, other = (make_data("tiny", plan, generator, seed) for seed in (SEED, SEED, SEED + 1))
    assert first.truth == again.truth
    assert np.array_equal(first.test_images, again.test_images)
    assert np.array_equal(first.train_images, again.train_images)
    assert not set(first.truth.ids) & set(other.truth.ids)
    assert not np.array_equal(first.train_images, other.train_images)
    assert first.truth.labels != other.truth.labels
    renamed = make_data("tiny2", plan, generator, SEED)
    assert not set(first.truth.ids) & set(renamed.truth.ids)


def test_training_and_test_images_are_drawn_apart(plan_file, generator):
    data = make_data("tiny", plan_file(), generator, SEED)
    seen = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in seen for image in data.test_images)
    seeds = []

    def note(n, seed):
        seeds.append(seed)
        return generator(n, seed)

    for class_seed in (SEED, SEED + 1):
        make_data("tiny", plan_file(), note, class_seed)
    make_data("other", plan_file(), note, SEED)
    assert len(set(seeds)) == len(seeds) == 6
    assert all(seed.bit_length() > 100 for seed in seeds)
    assert seeds[0] == number(SEED, "tiny", "train images")


def test_the_labels_belong_to_the_images(plan_file, generator):
    data = make_data("tiny", plan_file(), generator, SEED)
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.truth.labels)):
        assert (images.mean(axis=(1, 2, 3)) // 80 == np.asarray(labels)).all()


def test_shapes_and_splits_are_what_the_plan_says(plan_file, generator):
    plan = plan_file()
    data = make_data("tiny", plan, generator, SEED)
    assert data.train_images.shape == (60, 4, 4, 3)
    assert data.train_labels.dtype == np.int64
    assert data.test_images.shape == (200, 4, 4, 3)
    assert sum(data.truth.public) == plan.public_rows == 80
    assert len(set(data.truth.ids)) == 200


def test_the_number_of_images_of_each_class_is_not_the_same_in_every_class_of_students(plan_file):
    def balanced(n, seed):
        return np.zeros((n, 2, 2, 3), dtype=np.uint8), np.arange(n) % 3

    counts = {tuple(np.bincount(make_data("tiny", plan_file(), balanced, SEED + i).truth.labels)) for i in range(6)}
    assert len(counts) > 3


def independent(a, b) -> bool:
    """Whether two columns of small whole numbers look independent, at one in 10,000."""
    table = np.zeros((max(a) + 1, max(b) + 1))
    np.add.at(table, (np.asarray(a), np.asarray(b)), 1)
    return chi2_contingency(table).pvalue > 1e-4


def test_neither_place_nor_neighbour_nor_id_tells_label_or_split(large):
    truth = large.truth
    ids = np.asarray(truth.ids)
    for hidden in (truth.labels, [int(p) for p in truth.public]):
        hidden = list(hidden)
        assert independent([10 * i // len(hidden) for i in range(len(hidden))], hidden)
        assert independent(hidden[1:], hidden[:-1])
        for place in range(len(ids[0])):
            assert independent([LETTERS.index(name[place]) for name in ids], hidden)
        rank = np.argsort(np.argsort(ids))
        assert independent([int(r) * 10 // len(ids) for r in rank], hidden)
    assert independent([int(p) for p in truth.public], list(truth.labels))


def test_a_column_that_tells_is_noticed_by_this_test():
    labels = [i % 3 for i in range(3000)]
    assert not independent(labels, [(label + (i % 5 == 0)) % 3 for i, label in enumerate(labels)])


def test_ids_are_letters_that_no_spreadsheet_changes():
    ids = image_ids(key(SEED, "tiny", "ids"), 5000)
    assert len(set(ids)) == 5000
    assert all(len(name) == 8 and set(name) <= set(LETTERS) for name in ids)
    assert not set(LETTERS) & set("aeiou0123456789")
    assert ids[:50] == image_ids(key(SEED, "tiny", "ids"), 50)


def test_an_order_holds_everything_once_and_depends_on_its_key():
    first, second = (shuffled(key(SEED, "tiny", purpose), 500) for purpose in ("a", "b"))
    assert sorted(first) == sorted(second) == list(range(500))
    assert first != second
    assert first == shuffled(key(SEED, "tiny", "a"), 500)


@pytest.mark.parametrize("seed", [0, 7, 20_270_301, SHORTEST_SEED - 1])
def test_a_seed_that_can_be_tried_out_is_refused(plan_file, generator, seed):
    with pytest.raises(ShortSeed, match="could find it by trying"):
        make_data("tiny", plan_file(), generator, seed)


def test_a_long_seed_is_accepted():
    check_seed(SHORTEST_SEED)
    check_seed(2**63)


@pytest.mark.parametrize(
    "images",
    [
        lambda n, seed: (np.zeros((n, 2, 2, 3)), np.zeros(n, dtype=int)),
        lambda n, seed: (np.zeros((n - 1, 2, 2, 3), dtype=np.uint8), np.zeros(n, dtype=int)),
        lambda n, seed: (np.zeros((n, 2, 2, 3), dtype=np.uint8), np.zeros((n, 1), dtype=int)),
        lambda n, seed: (np.zeros((n, 12), dtype=np.uint8), np.zeros(n, dtype=int)),
    ],
    ids=["floats", "an image too few", "labels with an axis too many", "flat images"],
)
def test_a_generator_that_makes_something_else_is_refused(plan_file, images):
    with pytest.raises(ValueError, match="the generator must make 72 images"):
        make_data("tiny", plan_file(), images, SEED)


def test_truth_is_read_as_it_was_written(plan_file, generator, tmp_path):
    plan = plan_file()
    truth = make_data("tiny", plan, generator, SEED).truth
    path = tmp_path / "truth.csv"
    assert read_truth(path, plan) is None
    path.write_text(truth.text())
    assert read_truth(path, plan) == truth


@pytest.mark.parametrize(
    "wound",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("public", "open"),
        lambda text: text.replace(",public", ",private", 1),
        lambda text: text.replace("id,label,split", "id,label"),
        lambda text: text.replace(",1,", ",7,", 1),
        lambda text: text.replace(",1,", ",one,", 1),
        lambda text: text + text.splitlines()[1] + "\n",
        lambda text: text.replace(text.splitlines()[2][:8], text.splitlines()[1][:8]),
        lambda text: text.replace("\n", "\n\n\udcff"),
    ],
)
def test_damaged_truth_is_refused(plan_file, generator, tmp_path, wound):
    plan = plan_file()
    path = tmp_path / "truth.csv"
    text = wound(make_data("tiny", plan, generator, SEED).truth.text())
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadTruth, match="damaged or belongs to other settings"):
        read_truth(path, plan)


def test_scores_are_of_one_split_alone(plan_file):
    plan = plan_file(("test: 200", "test: 10"), ("public: 0.4", "public: 0.3"))
    truth = Truth(tuple("abcdefghij"), (0,) * 10, (True,) * 3 + (False,) * 7)
    predicted = [0, 1, 1, 0, 0, 0, 0, 1, 1, 1]
    assert truth.score(plan, predicted, public=True) == round(1 / 3, 6)
    assert truth.score(plan, predicted, public=False) == round(4 / 7, 6)
