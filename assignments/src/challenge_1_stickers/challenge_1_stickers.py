# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Challenge 1: Stickers on postcards
#
# Somebody has put a sticker on each of four thousand tiny postcards: a circle, a square, a triangle, a star, a cross, a
# ring, a heart, a crescent, a corner or an arrow, in any colour and pattern, turned a little. Two more things lie on each
# card, thin strips and ovals that mean nothing and may cover part of the sticker.
#
# You get **2,000 cards with the answer** and **2,000 without**. Teach a machine to name the stickers, predict the cards
# without an answer, and hand in your predictions. It is worth 30 points.
#
# This notebook takes you around once: it loads the cards, trains a first machine in a few seconds, writes
# `predictions.csv` and checks the file. What it hands in is poor on purpose. The rest is yours.

# %% [markdown] nbgrader={"grade": false, "grade_id": "rules_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How it is scored
#
# - The score is **accuracy**: the share of test cards whose sticker you name right.
# - 40 % of the test cards are **public**: their score is on the class's leaderboard. The other 60 % are **private**: their
#   score decides your points, and nobody sees it before the end. You are not told which card is which.
# - You may hand in as often as you like until the due time. **The last file you hand in counts**, not the best one, and
#   the leaderboard says how often you tried.
# - On the leaderboard you have a made-up name; your own page tells you which.
#
# | private accuracy of | earns |
# |---|---|
# | guessing | 0 % |
# | the perceptron on pixels below | 10 % |
# | gradient histograms with a linear classifier (chapter 00b) | 50 % |
# | a small convolutional network | 80 % |
# | the same network, trained on varied copies of the cards | 100 % |
#
# Between two rows the points run in a straight line. The accuracies that belong to the rows are in the README beside this
# notebook. Doing better than the last row earns nothing more, except the top of the leaderboard.
#
# **Fair play.** Learn from the 2,000 cards with an answer alone. Changing them is fine (turn, mirror, recolour, cut), and
# so is any library. Not fine: other images, programs that draw such cards, networks trained on something else, and
# answers read off by eye. Hand in the notebook that made your predictions: it is kept, and somebody may run it.

# %% [markdown] nbgrader={"grade": false, "grade_id": "load_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## The cards
#
# Run the cells from the top. `train.npz` and `test.npz` lie beside this notebook.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import matplotlib.pyplot as plt
import numpy as np

train, test = checks.load("train.npz"), checks.load("test.npz")
classes = [str(name) for name in train["classes"]]
print("train:", train["images"].shape, train["images"].dtype, "labels", train["labels"].shape)
print("test: ", test["images"].shape, test["images"].dtype, "ids", test["ids"].shape)

# %% [markdown] nbgrader={"grade": false, "grade_id": "look_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# Always look before you compute. Each row shows twelve cards of one class.

# %% nbgrader={"grade": false, "grade_id": "look", "locked": false, "schema_version": 3, "solution": false, "task": false}
fig, axes = plt.subplots(len(classes), figsize=(8, 7.4))
for k, ax in enumerate(axes):
    ax.imshow(np.hstack(train["images"][train["labels"] == k][:12]))
    ax.set(xticks=[], yticks=[])
    ax.set_ylabel(f"{k} {classes[k]}", rotation=0, ha="right", va="center")
fig.tight_layout(pad=0.3)
plt.show()

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** The machine below has one weight for each pixel, colour and class, and adds up. Guessing gets 10 % right.
# > What do you expect of it: hardly more than that, 40 %, or 70 %? Think of what a weight at one pixel can know about a
# > star.

# %% [markdown] nbgrader={"grade": false, "grade_id": "hold_out_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# ## Know your score before anybody else does
#
# The leaderboard is a bad place to find out how good you are: it is slow, everybody sees it, and choosing what looks best
# there fits your choice to the public cards. Keep some cards with answers aside and never train on them.

# %% nbgrader={"grade": false, "grade_id": "hold_out", "locked": false, "schema_version": 3, "solution": false, "task": false}
order = np.random.default_rng(0).permutation(len(train["labels"]))
held_out, rest = order[:400], order[400:]


def features(images):
    """What the machine sees of each card: its pixel values from 0 to 1, and a constant 1 for the bias."""
    x = images.reshape(len(images), -1) / 255
    return np.c_[x, np.ones(len(x))]


# %% [markdown] nbgrader={"grade": false, "grade_id": "baseline_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# ## A first machine
#
# The perceptron for ten classes, as in chapter 1: at a mistake, add the card to its own class's weights and take it from
# those of the strongest rival. The average of the weights over all steps is steadier than the last ones.


# %% nbgrader={"grade": false, "grade_id": "baseline", "locked": false, "schema_version": 3, "solution": false, "task": false}
def train_perceptron(x, y, num_classes, passes=3):
    w, total = np.zeros((num_classes, x.shape[1])), np.zeros((num_classes, x.shape[1]))
    for _ in range(passes):
        for card, true in zip(x, y):
            scores = w @ card
            others = np.where(np.arange(num_classes) == true, -np.inf, scores)
            rival = others.argmax()
            if scores[true] <= scores[rival]:
                w[true] += card
                w[rival] -= card
            total += w
    return total


x, y = features(train["images"]), train["labels"]
w = train_perceptron(x[rest], y[rest], len(classes))
right = (x[held_out] @ w.T).argmax(axis=1) == y[held_out]
print(f"right on the cards kept aside: {right.mean():.1%}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "write_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# ## Predict, write, check
#
# Before you predict the test cards, train once more on everything you have.

# %% nbgrader={"grade": false, "grade_id": "write", "locked": false, "schema_version": 3, "solution": false, "task": false}
w = train_perceptron(x, y, len(classes))
labels = (features(test["images"]) @ w.T).argmax(axis=1)

with open("predictions.csv", "w") as file:
    file.write("id,label\n")
    for name, label in zip(test["ids"], labels):
        file.write(f"{name},{label}\n")

# %% [markdown] nbgrader={"grade": false, "grade_id": "predictions_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Is the file in order?
#
# The grader reads your file exactly as the next cell does. A file that it cannot read is rejected with this sentence; it
# is never a zero, but it is no score either.

# %% nbgrader={"grade": true, "grade_id": "predictions", "locked": true, "points": 30, "schema_version": 3, "solution": false, "task": false}
checks.predictions("predictions.csv")

# %% [markdown] nbgrader={"grade": false, "grade_id": "next_text", "locked": false, "schema_version": 3, "solution": false, "task": false}
# ## Your turn
#
# Hand in `predictions.csv` together with this notebook. Then make it better. Some roads, from short to long:
#
# - **Other features.** Colour says nothing about the shape. What does? Chapter 00b builds gradient histograms and visual
#   words, and explains what each of them forgets.
# - **A small convolutional network.** Chapter 00 trains one on digits. These cards have three colour channels; otherwise
#   little changes. It learns here in well under a minute on a laptop (`python -m pip install torch`).
# - **More cards for free.** Which changes leave the answer as it is? A mirrored heart is a heart. Is a mirrored arrow an
#   arrow? Does a heart in other colours stay one? Every change you can name is one the machine need not learn by itself.
# - **Look at the mistakes.** Count which class is taken for which, look at twenty of those cards, and ask what would have
#   told them apart.
# - **Ask several.** Networks that start from different random numbers make different mistakes.
#
# Write down what you tried and what it did on the cards you kept aside. A change that does not help there is not worth an
# attempt.
