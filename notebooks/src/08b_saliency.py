# %% [markdown]
# # What in this picture mattered
#
# A network says "bus". Which pixels made it say so? You will ask in three ways: cover pixels, take a derivative, bend the way back. And because our pictures come with their truth, you will *score* the answers. One of the most beautiful kinds of picture turns out to say very little about the network.
#
# **You will be able to**
#
# - draw an occlusion map, and say what it costs;
# - write the saliency map of a class in three lines, and explain why it uses the score and not the probability;
# - send a signal back through a ReLU by three rules, by hand and in any network;
# - build a deconvnet with switches, and show that it is backpropagation with one changed rule;
# - compute Grad-CAM, and ask a picture of two things about each in turn;
# - test an explanation: against the truth, against destroyed weights, against a network that cheats.
#
# **You need** backpropagation ([chapter 03](03_backprop.ipynb)), convolution and pooling ([05](05_convolution.ipynb), [05c](05c_pooling.ipynb)), and the network of [What a unit looks for](08_visualization.ipynb), which you meet again here.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import time

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import plotting
from course_utils.data.synthetic import make_cued_images, make_object_images
from course_utils.explain.methods import BASELINES, METHODS, pixel_map
from course_utils.plotting import COLORS
from course_utils.plotting.saliency import map_rows, outline
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ComputationGraph, OcclusionExplorer

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## The question, and the truth
#
# Our pictures are drawn: cars, birds, faces and seven other kinds of things, made of parts, before photographs of ground. For each picture we know which pixels show the object. The network (four stages of convolution, ReLU and max pooling, then the mean of the last maps and one linear layer) has never seen these pictures.

# %%
scenes = trained("scenes")
net, classes = scenes.model, scenes.classes
pictures = make_object_images(80, 64, seed=8)
x = scenes.prepare(pictures.images)
labels, masks = pictures.labels, pictures.object_masks
with torch.no_grad():
    scores = net(x)
right = scores.argmax(1) == labels
print(f"{right.float().mean():.0%} of 80 new pictures are named correctly")
print(f"an object covers {masks.float().mean():.0%} of its picture on average")
assert right.float().mean() > 0.9

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four drawn pictures of objects on photographs of ground, each object with an orange outline, its name and the probability that the network gives it above."}}
kinds = [classes.index(k) for k in ("bus", "bird", "face", "bicycle")]
shown = [int((right & (labels == k)).nonzero()[0, 0]) for k in kinds]
certain = scores.softmax(1).amax(1)
map_rows(
    [pictures.images[shown]],
    [""],
    [f"{classes[labels[i]]} {certain[i]:.3f}" for i in shown],
    outlines=masks[shown],
)

# %% [markdown]
# The outlines are the truth. The network was never told them. What did it look at?
#
# A good answer is a map: one number a pixel, large where the picture mattered. There are three families, by what they take:
#
# | you may | then | methods of this chapter |
# |---|---|---|
# | only ask the network | change the picture and ask again | occlusion |
# | look at its derivative | send the score back to the pixels | saliency, and its quieter relatives |
# | rewrite its way back | send back something that is *not* the derivative | deconvnet, guided backpropagation, Grad-CAM |
#
# ## Cover it: occlusion
#
# Put a grey square on the picture and ask again. If the score of "bus" falls, something under the square spoke for "bus". Then move the square. [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014) did it first, the lecture calls it sensitivity analysis, and the result is an [occlusion map](../book/glossary.md#occlusion-map).
#
# Do it by hand first. A small network (four convolutions, trained on pictures of this kind) runs in the figure below.
#
# > **Predict.** Where does the grey square cost the bus most: on the windows, the wheels, the roof? Does a square of half the side cost half as much?

# %%
OcclusionExplorer()

# %% [markdown]
# Drag the square, or move it with the arrow keys, and read the fall of the score. Then choose *occlusion: every place* under *Map*, and the page tries all places for you: what you have just begun to do by hand, written down. The table beneath says which map lies inside the object more often than chance. Come back to it after the next section, for picture 5: a car that the network reads as a bus.
#
# Let $s_c(x)$ be the network's [score](../book/glossary.md#score) of class $c$ for the picture $x$: the number before the softmax. Let $x_q$ be the picture with the square at place $q$. The map is the loss:
#
# $$ O_q = s_c(x) - s_c(x_q) . \tag{8.31} $$
#
# A picture of $H \times W$ pixels, a square of side $k$, moved $t$ pixels at a time until the last row and column are covered, makes
#
# $$ n = \Bigl(\Bigl\lceil \tfrac{H-k}{t} \Bigr\rceil + 1\Bigr) \Bigl(\Bigl\lceil \tfrac{W-k}{t} \Bigr\rceil + 1\Bigr) \tag{8.32} $$
#
# places, and as many passes through the network. Here it is, as slow and as plain as it gets:


# %%
def cover_and_ask(image, target, patch=16, stride=4):  # image (1, 3, H, W)
    places = range(0, image.shape[-1] - patch + 1, stride)
    drops = torch.zeros(len(places), len(places))
    with torch.no_grad():
        whole = net(image)[0, target]
        for i, row in enumerate(places):
            for j, column in enumerate(places):
                covered = image.clone()
                covered[..., row : row + patch, column : column + patch] = 0
                drops[i, j] = whole - net(covered)[0, target]
    return drops


# %% [markdown]
# (Prepared pictures run from -2 to 2; zero is mid-grey.)
#
# > **Predict.** How many passes for a 64 x 64 picture with a square of 16 pixels, moved by 4? And by 1? Will it be much faster to send the covered copies through the network in batches?

# %% tags=["machine"]
from course_utils.explain.occlusion import occlusion, positions, spread

one, target = x[shown[:1]], labels[shown[0]].item()
start = time.perf_counter()
slow = cover_and_ask(one, target)
middle = time.perf_counter()
fast = occlusion(net, one, target, patch=16, stride=4)
end = time.perf_counter()
print(f"one at a time {middle - start:.2f} s, in batches {end - middle:.2f} s")

# %% tags=["nbval-check-output"]
assert torch.allclose(slow, fast[0], atol=1e-3)
for stride in (4, 1):
    print(f"moved by {stride}: {positions(64, 16, stride) ** 2} passes")
assert slow.numel() == positions(64, 16, 4) ** 2 == 169

# %% [markdown]
# <span id="c248"></span>The [lecture](../book/claims.md) lists two problems: the map is slow, and coarse. The first is equation 8.32. Batches give the same numbers, as the assertion says, and spare only the calls; the work stays: hundreds of passes for one picture, thousands if you want every pixel. And the second: whatever is smaller than the square cannot be told apart. Take a smaller square, and each covers too little to matter. We come back to that.
#
# Each pixel gets the mean loss of all squares that covered it:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Upper row: a bus, a bird, a face and a bicycle with their outlines. Lower row: their occlusion maps, dark where covering costs the most score. The dark areas are broad and soft and lie on the objects."}}
drops = occlusion(net, x[shown], labels[shown], patch=16, stride=4)
covered_map = spread(drops, (64, 64), 16, 4)
map_rows(
    [pictures.images[shown], covered_map],
    ["picture", "occlusion"],
    outlines=masks[shown],
)

# %% [markdown]
# Looking good is not a result. We have the outlines, so let us keep two scores:
#
# - **[Pointing game](../book/glossary.md#pointing-game)**: does the *largest* value of the map lie on the object? ([Zhang et al., 2016](../book/references.md#zhang-2016b)) One hit or miss a picture.
# - **Share inside**: how much of the map's total lies on the object? A map that is the same everywhere gets the object's share of the picture, so divide by that. 1 is chance.
#
# And against whom? The strongest simple rival is the middle of the picture: people put things there, and so did our generator.
#
# > **Predict.** Will the map beat "always point at the middle"?

# %%
from course_utils.explain.sanity import mass_inside, pointing_game

few = right.nonzero()[:32, 0]
drops = occlusion(net, x[few], labels[few], patch=16, stride=8)
found = spread(drops, (64, 64), 16, 8)
shares_inside = {}
middle = pixel_map("centre", net, x[few])  # a hill in the middle
for name, m in (("occlusion", found), ("centre", middle)):
    hit = pointing_game(m, masks[few]).float().mean()
    lift = mass_inside(m, masks[few]) / masks[few].float().mean((1, 2))
    print(f"{name:10s} peak on the object {hit:.0%}, share {lift.mean():.2f}")
    shares_inside[name] = lift.mean().item()
assert shares_inside["occlusion"] > shares_inside["centre"] + 0.2

# %% [markdown]
# No for the peak, yes for the share. The middle is a hard rival: our objects are large and lie near it, and pointing there takes no network at all. So a game of pointing says little on such pictures. The clearest test needs pictures in which the middle is no help. You build them further down: two objects side by side.
#
# ## Differentiate it: class saliency
#
# Occlusion asks what a *large* change does at one place. Ask instead what a *tiny* change does, at every pixel at once. For a small change $d$ of the picture,
#
# $$ s_c(x + d) \approx s_c(x) + \sum_{k,i,j} g_{kij}\, d_{kij}, \qquad g = \frac{\partial s_c}{\partial x} . \tag{8.33} $$
#
# You know how to compute $g$: it is backpropagation, which goes one layer further down than in training, to the picture. One pass forward, one back, and every pixel has its number. [Simonyan, Vedaldi and Zisserman (2013)](../book/references.md#simonyan-2013) call the largest channel the [saliency map](../book/glossary.md#saliency-map) of the class:
#
# $$ M_{ij} = \max_k \lvert g_{kij} \rvert . \tag{8.34} $$


# %%
def class_saliency(image, target):
    image = image.clone().requires_grad_()
    score = net(image)[:, target].sum()
    (g,) = torch.autograd.grad(score, image)
    return g, g.abs().amax(1)  # (N, 3, H, W) and (N, H, W)


# %%
from course_utils.explain.saliency import channel_map, input_gradient

g, saliency = class_saliency(one, target)
assert torch.allclose(g, input_gradient(net, one, target), atol=1e-5)
assert torch.equal(saliency, channel_map(g))
draw = torch.Generator().manual_seed(SEED)
d = 0.001 * torch.randn(one.shape, generator=draw)
with torch.no_grad():
    rise = (net(one + d) - net(one))[0, target].item()
promised = (g * d).sum().item()
print(f"a little noise: promised {promised:+.4f}, found {rise:+.4f}")
assert abs(rise - promised) < 0.2 * abs(promised) + 0.001

# %% [markdown]
# The derivative keeps its promise for small changes, and only for those.
#
# > **Predict.** What will the map look like, compared with occlusion: smoother or more grainy? Will its peak lie on the object?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows for a bus, a bird, a face and a bicycle, each with the object's outline: the saliency maps, a grain of single dark pixels, denser on the objects than around them; and the same maps blurred, soft dark areas on the objects."}}
from course_utils.explain.saliency import blur

maps = channel_map(input_gradient(net, x[shown], labels[shown]))
map_rows(
    [maps, blur(maps, 2.0)],
    ["saliency", "blurred"],
    outlines=masks[shown],
)

# %%
maps = channel_map(input_gradient(net, x, labels))
chance = masks.float().mean()
hit = pointing_game(maps, masks).float().mean()
print(f"peak on the object: {hit:.0%} of 80 pictures; chance is {chance:.0%}")
soft = pointing_game(blur(maps, 2.0), masks).float().mean()
print(f"after blurring: {soft:.0%}")
# More often than chance by more than three standard errors.
assert hit > chance + 3 * (chance * (1 - chance) / len(x)) ** 0.5

# %% [markdown]
# Grainy. Two neighbouring pixels get very different numbers, because the network's function is bent in every direction: each ReLU and each maximum adds a fold. Still, the peak lies on the object far more often than chance would have it. (As often as the middle, you will object. Right: hits alone prove little here, and [At scale](#at-scale) adds four more columns.)
#
# ### The score, not the probability
#
# <span id="c246"></span>The lecture says: class saliency back-propagates the *likelihood*. Let us see what comes back if we do. The [softmax](../book/glossary.md#softmax) turns scores into probabilities $p_c$, and the chain rule gives
#
# $$ \frac{\partial p_c}{\partial x} = p_c \Bigl( \frac{\partial s_c}{\partial x} - \sum_k p_k \frac{\partial s_k}{\partial x} \Bigr) . \tag{8.35} $$
#
# > **Predict.** The network is almost certain: $p_c = 0.9999$. How large is the bracket?

# %%
some, wanted, index = x[few], labels[few], torch.arange(len(few))
p = scores[few].softmax(1)[:, :, None, None, None]
every = torch.stack([input_gradient(net, some, k) for k in range(10)], 1)
of_score = every[index, wanted]
by_formula = p[index, wanted] * (of_score - (p * every).sum(1))
of_probability = input_gradient(net, some, wanted, of="probability")
assert torch.allclose(by_formula, of_probability, atol=1e-4)
length = lambda g: g.flatten(1).norm(dim=1)
angle = F.cosine_similarity(of_score.flatten(1), of_probability.flatten(1))
middle, least = angle.median(), angle.min()
print(f"cosine of the two: median {middle:.2f}, least {least:.2f}")
assert angle.median() > 0.9
certain = p[index, wanted].flatten()
sides = (of_score[:, None] - every).flatten(2).norm(dim=2).amax(1)
assert (length(of_probability) <= certain * (1 - certain) * sides + 1e-5).all()

print("the surest picture; then the same network, its scores times 3 and 9:")
sure = certain.argmax()[None]
for factor in (1, 3, 9):
    louder = nn.Sequential(net, nn.Linear(10, 10, bias=False))
    louder[1].weight.data = factor * torch.eye(10)
    pair = [
        length(input_gradient(louder, some[sure], wanted[sure], of=of)).item()
        for of in ("score", "probability")
    ]  # fmt: skip
    print(f"  gradient of score {pair[0]:.2g}, of probability {pair[1]:.1g}")
assert pair[1] < 0.01 * pair[0]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Length of the gradient over one minus the probability of the class, both axes logarithmic, one dot a picture. Dots of the score lie on a level band. Dots of the probability fall on a straight line towards zero as the network gets surer."}}
doubt = (1 - certain).clamp_min(1e-7)
figure, axes = plt.subplots(figsize=(7, 2.9))
axes.loglog(
    doubt,
    of_score.flatten(1).norm(dim=1),
    "o",
    color=COLORS["blue"],
    markersize=4,
    label="of the score",
)
axes.loglog(
    doubt,
    of_probability.flatten(1).norm(dim=1),
    "s",
    color=COLORS["vermillion"],
    markersize=4,
    label="of the probability",
)
axes.set(xlabel="1 - probability of the class", ylabel="length of the gradient")
axes.legend()
plt.show()

# %% [markdown]
# As $p_c \to 1$, the sum is almost all $\partial s_c/\partial x$, and the bracket vanishes: its length is at most $1 - p_c$ times the largest difference between two scores' gradients (asserted above). The surer the network, the less the probability says about why, until 32 bits hold nothing of it. And it *mixes*: by equation 8.35 it also asks how to make the other classes less likely. In this network the mixture hardly turns the map (the cosines above); nothing in the equation promises that. So the statement is imprecise. Take the score. (The paper does, and says so: the unnormalised scores rather than the posteriors of the softmax.)
#
# ### Less grain
#
# Two repairs keep the derivative and average it. **SmoothGrad** ([Smilkov et al., 2017](../book/references.md#smilkov-2017)) adds noise to the picture, $m$ times, and takes the mean:
#
# $$ \bar g = \frac{1}{m} \sum_{r=1}^{m} \frac{\partial s_c}{\partial x}(x + \sigma \varepsilon_r) . \tag{8.36} $$
#
# **[Integrated gradients](../book/glossary.md#integrated-gradients)** ([Sundararajan et al., 2017](../book/references.md#sundararajan-2017)) walk from a picture $b$ that says nothing to $x$, average on the way, and multiply by the way:
#
# $$ I = (x - b) \odot \int_0^1 \frac{\partial s_c}{\partial x}\bigl(b + \tau (x - b)\bigr)\, d\tau, \qquad \sum I = s_c(x) - s_c(b) . \tag{8.37} $$
#
# The second half is a promise no other map here makes: the numbers add up to the score (above that of the empty picture). Each of ours is a sum of a few gradients:

# %%
from course_utils.explain.saliency import integrated_gradients

steps = 64
b = torch.zeros_like(one)
way = [(step + 0.5) / steps for step in range(steps)]
mean = sum(input_gradient(net, b + t * (one - b), target) for t in way) / steps
shares = (one - b) * mean
theirs = integrated_gradients(net, one, target, steps=steps)
assert torch.allclose(shares, theirs, atol=1e-4)
with torch.no_grad():
    difference = (net(one) - net(b))[0, target].item()
print(f"sum of shares {shares.sum():.1f}, difference {difference:.1f}")
assert abs(shares.sum().item() - difference) < 0.1 * abs(difference) + 0.1

# %% tags=["hide-input"] mystnb={"image": {"alt": "Maps for a bus, a bird, a face and a bicycle in two rows: SmoothGrad, grains that gather on the objects, and integrated gradients, which are dark where the picture is far from grey."}}
names = ["SmoothGrad", "integrated"]
rows = [pixel_map(name, net, x[shown], labels[shown]) for name in names]
map_rows(rows, names)

# %% [markdown]
# ## Ask a hidden unit
#
# Nothing in equation 8.33 needs the number to be a score. Take the activation $z_{kuv}$ of a hidden unit: channel $k$, row $u$, column $v$. Its derivative says which pixels drive this one unit:
#
# $$ G = \frac{\partial z_{kuv}}{\partial x}, \qquad G_{\cdot ij} = 0 \text{ outside the unit's receptive field} . \tag{8.38} $$
#
# Choose a unit that is strongly on ("pick a high-magnitude activation", says the lecture). What it can see at all follows from kernels and strides alone ([chapter 05b](05b_layers.ipynb)). So predict the square first, then look.

# %% tags=["nbval-check-output"]
from course_utils.explain.saliency import strongest_place, unit_gradient
from course_utils.models.fields import Field

pair_of = lambda v: (v, v) if isinstance(v, int) else v
window_of = lambda m: [*map(pair_of, (m.kernel_size, m.stride, m.padding))]
field, fields = Field(), {}
for name, m in net.named_modules():
    if isinstance(m, nn.Conv2d | nn.MaxPool2d):
        field = field.window(*window_of(m))
        fields[name] = field
seen = {}
for layer in ("stage1.pool", "stage2.pool", "stage3.pool"):
    maps = net[: int(layer[5])](one)  # the stages up to this one
    channel = int(maps.amax((0, 2, 3)).argmax())
    row, column = strongest_place(maps, channel)[0].tolist()
    G = unit_gradient(net, one, layer, channel)[0]
    f = fields[layer].shifted((row, column))
    top, left, bottom, far = (int(n) for n in (*f.low, *f.high))
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[max(top, 0) : bottom + 1, max(left, 0) : far + 1] = True
    outside = G[:, ~inside].abs().max().item()
    seen[layer] = (G, inside)
    field_size = f"{f.size[0]:2d} x {f.size[1]:2d}"
    print(f"{layer}: field {field_size}, largest gradient outside {outside}")
    assert outside == 0
    assert G[:, inside].abs().max() > 0

# %% tags=["hide-input"] mystnb={"image": {"alt": "The bus, and the gradients of one strong unit of stage 1, 2 and 3. Each is zero outside an orange square, the unit's receptive field, which grows from a few pixels to most of the picture."}}
units = [channel_map(G[None])[0] for G, _ in seen.values()]
boxes = [masks[shown[0]]] + [inside for _, inside in seen.values()]
figure, panels = plt.subplots(1, 4, figsize=(7, 1.95), layout="constrained")
panels[0].imshow(pictures.images[shown[0]].permute(1, 2, 0))
for axes, values in zip(panels[1:], units):
    axes.imshow(values / values.max(), cmap="gray_r", vmin=0, vmax=0.6)
words = ("picture", "stage 1", "stage 2", "stage 3")
for axes, box, word in zip(panels, boxes, words):
    outline(axes, box)
    axes.set(xticks=[], yticks=[])
    axes.set_title(word, fontsize=9, loc="center")
    axes.grid(False)
plt.show()

# %% [markdown]
# Not "small" outside: exactly zero. A derivative cannot go where no connection goes.
#
# ## Three ways back through a ReLU
#
# Now the third family, in which we rewrite the way back. All of it happens at one kind of layer, the [ReLU](../book/glossary.md#relu). Forward, a ReLU passes $a$ where $a > 0$. Backward, a signal $g$ arrives. Two gates are possible:
#
# - the **forward gate** asks: was the unit on, $a > 0$?
# - the **signal gate** asks: is the signal itself positive, $g > 0$?
#
# $$ \hat g = g \cdot [a > 0]^{\,F} \cdot [g > 0]^{\,B}, \qquad F, B \in \{0, 1\} . \tag{8.39} $$
#
# | rule | gate $F$ | gate $B$ | from |
# |---|---|---|---|
# | backpropagation: the derivative | 1 | 0 | |
# | [deconvnet](../book/glossary.md#deconvnet) | 0 | 1 | [Zeiler and Fergus, 2014](../book/references.md#zeiler-fergus-2014) |
# | [guided backpropagation](../book/glossary.md#guided-backpropagation) | 1 | 1 | [Springenberg et al., 2015](../book/references.md#springenberg-2015) |
#
# ### By hand
#
# A network of two inputs, four ReLUs and one answer, $v^\top \max(Wx, 0)$. Play it through first: step forward, then back, and read the two slopes at the inputs.

# %%
ComputationGraph(
    "5*relu(y - x) - 6*relu(x - y) + 7*relu(0 - 2*y) + 8*relu(x)",
    {"x": 2, "y": 1},
)

# %% [markdown]
# > **Predict.** The four ReLUs see $a = (-1, 1, -2, 2)$. From above arrives $g = (5, -6, 7, 8)$. Write down what each rule lets through. Then multiply by $W^\top$: three answers to "what mattered".

# %% tags=["nbval-check-output"]
from course_utils.explain.relu_rules import RULES, backward_rule

W = torch.tensor([[-1.0, 1], [1, -1], [0, -2], [1, 0]])
v = torch.tensor([5.0, -6, 7, 8])
point = torch.tensor([2.0, 1])
a = W @ point
answers = {}
print(f"{'':10s} through the ReLUs    at x, y")
for name, rule in RULES.items():
    through = v * (a > 0) ** rule.forward_gate * (v > 0) ** rule.signal_gate
    assert torch.equal(through, backward_rule(v, a, rule))
    answers[name] = W.T @ through
    numbers = "".join(f"{int(n):5d}" for n in through)
    print(f"{name:10s}{numbers}   {[int(n) for n in answers[name]]}")

print("and the truth, by nudging each input:")
for nudge in torch.eye(2) * 0.01:
    rise = (v @ (W @ (point + nudge)).relu() - v @ a.relu()) / 0.01
    print(f"  {rise:.2f}")
assert answers["backprop"].tolist() == [2, 6]
assert answers["deconvnet"].tolist() == [3, -9]
assert answers["guided"].tolist() == [8, 0]

# %% [markdown]
# Look at the second input, $y$. Raise it and the answer rises, with slope 6. The deconvnet says $-9$: wrong sign. Guided backpropagation says 0: it did not matter. Only backpropagation is a derivative. The other two are *pictures*, made by a rule; whether they explain anything must be tested, and we will.
#
# <span id="c252"></span>The lecture shows deconvolution and guided backpropagation as two ways of sending activations back to the image. That they are, and equation 8.39 shows how close: guided lets through exactly what both others let through. As masks, and as a product:
#
# $$ \hat g_{\text{guided}} = \hat g_{\text{backprop}} \cdot [\hat g_{\text{deconvnet}} > 0] . \tag{8.40} $$

# %% tags=["nbval-check-output"]
draw = torch.Generator().manual_seed(SEED)
many_a, many_g = torch.randn(2, 10_000, generator=draw)
back, deconv, guided = (
    backward_rule(many_g, many_a, rule) for rule in RULES.values()
)  # fmt: skip
assert torch.equal(guided, back * (deconv > 0))
assert torch.equal(guided != 0, (back != 0) & (deconv != 0))
for name, signal in zip(RULES, (back, deconv, guided)):
    passed = (signal != 0).float().mean()
    print(f"{name:10s} passes {passed:.2f} of the signals")

# %% [markdown]
# Half, half, and a quarter: one gate of two, or both.
#
# <span id="c247"></span>**"Guided backpropagation changes the way pooling is traversed"**, says the lecture. Does it? Take one small network with a max pooling and no ReLU, and one with a ReLU and no pooling:

# %% tags=["nbval-check-output"]
from course_utils.explain.relu_rules import rule_gradient

torch.manual_seed(SEED)
pooled = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 8, 3),
    nn.Flatten(),
    nn.LazyLinear(5),
)
convs = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, stride=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.LazyLinear(5),
)
noise = torch.randn(4, 3, 12, 12)
pooled(noise), convs(noise)  # settles the sizes of the linear layers
plain = input_gradient(convs, noise, 0)
try:
    rule_gradient(pooled, noise, 0, "guided")
except ValueError as error:
    print("pooling only, says the library:")
    print(error)
changed = rule_gradient(convs, noise, 0, "guided")
same = torch.allclose(changed, plain)
print("ReLUs only: guided is the gradient:", same)
assert not same

# %% [markdown]
# It does not. The rule speaks of ReLUs, and a network without them has nothing to guide. The paper even introduces it with networks that have *no* pooling ("the all convolutional net"): there the deconvnet lacks something, and here is what.
#
# ### Switches: the deconvnet
#
# A max pooling keeps the largest of each window and forgets where it was. To draw a signal back into the picture, the deconvnet needs that place. So the way forward notes it: the [switch](../book/glossary.md#switch) $w(q)$, the place where the maximum of window $q$ was found. On the way back each value goes to its switch, and everything else is zero:
#
# $$ \hat x_p = \sum_{q\,:\,w(q) = p} y_q . \tag{8.41} $$
#
# You have seen switches at work already: max pooling sends its gradient back in just this way ([chapter 05c](05c_pooling.ipynb)). So a deconvnet runs: unpool by switches, rectify the signal, apply the transposed filters; and again. Three layers, by hand: differences of neighbours in a row, ReLU, the larger of two.

# %% tags=["nbval-check-output"]
from course_utils.explain.deconvnet import deconvnet, pool_with_switches, unpool

toy = nn.Sequential(
    nn.Conv2d(1, 1, (1, 2), bias=False),
    nn.ReLU(),
    nn.MaxPool2d((1, 2)),
)
toy[0].weight.data = torch.tensor([[[[-1.0, 1]]]])
row = torch.tensor([[[[1.0, 4, 2, 3, 8]]]])
with torch.no_grad():
    a = toy[0](row)
    y, switches = pool_with_switches(a.relu(), toy[2])
    y[..., 0] = 0  # keep one unit: the right one
    unpooled = unpool(y, switches, (1, 4))
    drawn = F.conv_transpose2d(unpooled.relu(), toy[0].weight)
as_text = lambda t: [int(n) for n in t.flatten()]
print("differences", as_text(a), " switches", as_text(switches))
print("unpooled   ", as_text(unpooled), " drawn", as_text(drawn))
assert torch.equal(drawn, deconvnet(toy, row, "2", 0, (0, 1)))
assert as_text(switches) == [0, 3]
assert as_text(drawn) == [0, 0, 0, -5, 5]

# %% [markdown]
# Read the result: "a rise by 5, at the right end". The unit is drawn where it was excited.
#
# Now two descriptions of one thing. This machine, layer by layer, against autograd with the middle row of our table (times the activation that it starts from), on the real network:

# %% tags=["nbval-check-output"]
from course_utils.explain.relu_rules import relu_rule

four_pictures = x[shown]
for layer, stage in (("stage2", 2), ("stage4", 4)):
    with torch.no_grad():
        maps = net[:stage](four_pictures)
    channel = int(maps.amax((2, 3)).amin(0).argmax())  # on in all four
    value = maps[:, channel].amax((1, 2))[:, None, None, None]
    machine = deconvnet(net, four_pictures, layer, channel)
    with relu_rule("deconvnet"):
        signal = unit_gradient(net, four_pictures, layer, channel)
    close = 1e-4 * machine.abs().max().item()
    same = torch.allclose(machine, value * signal, atol=close, rtol=1e-3)
    print(f"{layer}: the deconvnet is backprop with another rule: {same}")
    assert same
    assert machine.abs().max() > 0

# %% [markdown]
# Simonyan and others noticed this in 2013. `relu_rule` works in any network that uses PyTorch's ReLU, `deconvnet` only where layers stand in a row.
#
# ### Side by side
#
# > **Predict.** Score of the true class, sent back by the three rules. Which map will be the sharpest? Which one would you show your boss?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Maps by three rules for a bus, a bird, a face and a bicycle. Backpropagation is grainy. The deconvnet spreads over whole pictures. Guided backpropagation is the cleanest: little grain, dark marks on wheels, heads, eyes and frames."}}
asked = x[shown], labels[shown]
rows = [channel_map(rule_gradient(net, *asked, rule)) for rule in RULES]
map_rows(rows, list(RULES))

# %% [markdown]
# Most people trust the cleanest at first sight. So ask it one thing: we sent back the score of the *right* class.
#
# > **Predict.** Send back the score of a *wrong* class. Of which rule will the map change least?

# %%
from course_utils.explain.sanity import rank_correlation

wrong = (wanted + 1 + index % 9) % 10
assert (wrong != wanted).all()
likeness = {}
for rule in RULES:
    asked = channel_map(rule_gradient(net, x[few], wanted, rule))
    other = channel_map(rule_gradient(net, x[few], wrong, rule))
    likeness[rule] = rank_correlation(asked, other).median().item()
    print(f"{rule:10s} right class against a wrong one: {likeness[rule]:.2f}")
assert likeness["guided"] > likeness["backprop"] + 0.1

# %% [markdown]
# The number is a rank correlation: 1 means that both maps put the pixels in the same order, 0 that they are unrelated. Ask guided backpropagation about another class, and you get nearly the same picture. It drew what stands out in the *picture*, and hardly the reasons of a class.
#
# ## One class at a time: Grad-CAM
#
# Late layers know *what* but have few places. Early ones have places and no classes. [Grad-CAM](../book/glossary.md#grad-cam) ([Selvaraju et al., 2017](../book/references.md#selvaraju-2017)) stays late. Take the maps $A^k$ of the last layer that has places. How much does map $k$ speak for class $c$? The mean of its gradient says:
#
# $$ \alpha_k = \frac{1}{Z} \sum_{u,v} \frac{\partial s_c}{\partial A^k_{uv}}, \qquad L_{uv} = \max\Bigl(0, \sum_k \alpha_k A^k_{uv}\Bigr) , \tag{8.42} $$
#
# with $Z$ places in a map. No rule is bent; the way back just ends early.

# %% tags=["nbval-check-output"]
from course_utils.explain.grad_cam import grad_cam
from course_utils.explain.hooks import Taps

leaf = one.clone().requires_grad_()
with Taps(net, "stage4.relu2") as taps:
    score = net(leaf)[0, target]
A = taps["stage4.relu2"]  # (1, K, 8, 8)
(slope,) = torch.autograd.grad(score, A)
alpha = slope.mean((2, 3))
cam = (alpha[:, :, None, None] * A).sum(1).clamp_min(0)
theirs = grad_cam(net, one, "stage4.relu2", target)
assert torch.allclose(cam, theirs, atol=1e-4)
print("maps", tuple(A.shape[1:]), "become one of", tuple(cam.shape[1:]))

# %% [markdown]
# Now the test that needs no luck with the middle: two objects side by side. Our network takes pictures of any size, since it ends in a mean over places. We ask for one of the two; the map should go there. **Share in the asked half**: chance is one half, and a map that ignores the question gets just that on average.
#
# > **Predict.** Which of the methods so far will follow the question, and which will draw both objects whatever you ask?

# %%
from course_utils.scratch.saliency.pairs import side_by_side

good = right.nonzero()[:30, 0]
pairs = side_by_side(x[good], labels[good], masks[good], seed=SEED)
with torch.no_grad():
    two = net(pairs.images)
best_two = two.topk(2).indices
both = (best_two == pairs.asked[:, None]).any(1)
both &= (best_two == pairs.other[:, None]).any(1)
share = both.float().mean()
print(f"{len(both)} pairs; both classes lead the scores in {share:.0%}")

half = {}
left_out = ("SmoothGrad", "integrated", "guided Grad-CAM")
for method in ("edges", *(m for m in METHODS if m not in left_out)):
    many = slice(8) if method == "occlusion" else slice(None)
    batch, asked = pairs.images[many], pairs.asked[many]
    found = pixel_map(method, net, batch, asked, layer="stage4.relu2")
    half[method] = mass_inside(found, pairs.half[many]).mean().item()
    print(f"{method:10s} {half[method]:.0%} in the asked half")
assert half["Grad-CAM"] > max(half["gradient"], half["guided"], 0.6)
assert half["occlusion"] > 0.55

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two pictures of two objects side by side. Below each, the guided maps when asked for the left and for the right object, which look alike; then the Grad-CAM maps for both questions, which lie on the left and on the right object in turn."}}
two_pairs = both.nonzero()[:2, 0]
on_left = pairs.half[two_pairs][:, 0, 0]
asked, other = pairs.asked[two_pairs], pairs.other[two_pairs]
left_class = torch.where(on_left, asked, other)
right_class = torch.where(on_left, other, asked)
views = pairs.images[two_pairs]
raw = ((views + 2) / 4).clamp(0, 1)
rows, names = [raw], ["picture"]
for method in ("guided", "Grad-CAM"):
    for side, asked in (("left", left_class), ("right", right_class)):
        rows.append(pixel_map(method, net, views, asked, layer="stage4.relu2"))
        names.append(f"{method},\n{side}")
both_classes = zip(left_class, right_class)
titles = [f"{classes[a]}, {classes[b]}" for a, b in both_classes]
map_rows(rows, names, titles)

# %% [markdown]
# Grad-CAM and occlusion move with the question. Guided backpropagation leans to the asked side, and draws both objects whatever you ask. (Multiply the two, and you get *guided Grad-CAM*: sharp lines where Grad-CAM looks. It borrows its sense of class from the second factor.)
#
# ## Does the map depend on the network at all?
#
# [Adebayo et al. (2018)](../book/references.md#adebayo-2018) ask the most basic question, a [sanity check](../book/glossary.md#sanity-check-of-a-map). If a map explains what a network has learned, it must change when we destroy what it has learned. So replace the weights by random ones, layer after layer, from the answer down, and compare each map with the one of the intact network.
#
# > **Predict.** When the upper half of the network is random, which map will still look like the original: gradient, guided, or Grad-CAM?

# %%
from course_utils.explain.sanity import cascade, edge_map

tested = few[:12]
batch, wanted = x[tested], labels[tested]
checked = ("gradient", "deconvnet", "guided", "Grad-CAM")
ask = lambda method, model: pixel_map(
    method, model, batch, wanted, layer="stage4.relu2"
)  # fmt: skip
intact = {m: ask(m, net) for m in checked}
curves = {m: [1.0] for m in checked}
destroyed, strip = ["none"], {m: [intact[m][:1]] for m in checked}
for name, broken in cascade(net, batch, seed=SEED):
    destroyed.append(name)
    for m in checked:
        now = ask(m, broken)
        curves[m].append(rank_correlation(intact[m], now).mean().item())
        strip[m].append(now[:1])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Maps of one picture as the network is destroyed from the answer down, five columns. The Grad-CAM map is gone at once, the gradient turns to noise. The guided map still draws the same object with three layers random, and fades later."}}
columns = [0, 1, 3, 6, len(destroyed) - 1]
map_rows(
    [torch.cat(strip[m])[columns] for m in ("gradient", "guided", "Grad-CAM")],
    ["gradient", "guided", "Grad-CAM"],
    ["intact" if i == 0 else f"{i} random" for i in columns],
)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Rank correlation with the intact map over the layers made random, from the linear layer on the left to the first convolution on the right, for four methods. Guided stays far above the others until the early layers go; Grad-CAM falls to about zero first."}}
figure, axes = plt.subplots(figsize=(7, 3))
for (method, curve), mark in zip(curves.items(), "os^D"):
    axes.plot(curve, mark + "-", label=method, markersize=5)
axes.axhline(0, color=COLORS["ink"], linestyle=":", linewidth=1)
axes.set_xticks(
    range(len(destroyed)),
    [d.replace("head.", "").replace(".", "\n") for d in destroyed],
    fontsize=7,
)
axes.set_xlabel("random from here up")
axes.set_ylabel("rank correlation\nwith the intact map")
axes.legend(ncols=2)
plt.show()

# %% tags=["hide-input"]
edges = edge_map(batch)
print("                  stages 3, 4 and head       all    like an edge")
print("                        random             random     detector")
for m in checked:
    like = rank_correlation(intact[m], edges).mean()
    print(f"{m:16s}{curves[m][5]:14.2f}{curves[m][-1]:18.2f}{like:14.2f}")
for m in ("gradient", "deconvnet", "Grad-CAM"):
    assert curves["guided"][5] > curves[m][5] + 0.1

# %% [markdown]
# Follow the curves from left to right. As soon as the last linear layer is random, Grad-CAM has lost its map, and the gradient much of its own. The guided map hardly notices. With the head and stages 3 and 4 destroyed, and with them everything this network knew about classes, it still draws much the same picture. Only when the early filters go does it fade. So it shows what the early filters find, and calls it the reason for "bus".
#
# Why does Grad-CAM's curve climb again, to nearly 0.3? Its maps are no explanation by then, and for some pictures they are empty. But random filters answer where there is contrast, and contrast lies on the objects. The last column shows the same: an edge detector's map, which knows no network at all, is that much like all four. So read 0.3 as "nothing left", not as "a third".
#
# Why? [Nie et al. (2018)](../book/references.md#nie-2018) show that letting only positive signals through units that were on brings back part of the *picture*, whatever the upper weights are. Guided backpropagation passes the test of beauty and fails the test of sanity, here as in the paper.
#
# ## Catch the cheat
#
# What is all this good for? Here are two small networks that name shapes. One was trained on pictures in which a small coloured square in a corner gives the class away. The other saw the same squares, but there their colour meant nothing. Both are handed to you without a label. Which one cheats?
#
# The two are trained here, in a few seconds:


# %% tags=["band-cheat"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_cued_images
from course_utils.explain.methods import pixel_map
from course_utils.explain.sanity import mass_inside


def prepared(pictures):
    return pictures.image_set.images / 64 - 2.0


def train_shape_net(pictures, seed, epochs=6):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    x, y = prepared(pictures), pictures.image_set.labels
    steps = epochs * (len(y) // 50)
    adam = torch.optim.Adam(model.parameters())
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 0.01, total_steps=steps)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for index in torch.randperm(len(y), generator=order).split(50):
            loss = F.cross_entropy(model(x[index]), y[index])
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
    return model.eval()


# %% tags=["band-cheat"]
cued_test = make_cued_images(80, 32, seed=99, difficulty="easy")
cued_x, cued_y = prepared(cued_test), cued_test.image_set.labels
liars = make_cued_images(200, 32, seed=98, agreement=0, difficulty="easy")
ways = ("gradient", "guided", "Grad-CAM", "occlusion")
suspects, cheat_result = {}, {}
for name, agreement in (("A", 1.0), ("B", 0.1)):
    drawn = make_cued_images(
        1000, 32, seed=SEED, agreement=agreement, difficulty="easy"
    )  # fmt: skip
    suspect = suspects[name] = train_shape_net(drawn, SEED)
    for what, where in (("accuracy", cued_test), ("wrong square", liars)):
        named = suspect(prepared(where)).argmax(1)
        correct = (named == where.image_set.labels).float()
        cheat_result[f"{name}: {what}"] = correct.mean().item()
    for way in ways:
        found = pixel_map(
            way, suspect, cued_x, cued_y, layer="7", patch=6, stride=4
        )  # fmt: skip
        share = mass_inside(found, cued_test.cue_masks).mean().item()
        cheat_result[f"{name}: {way}"] = share

# %% [markdown]
# > **Predict.** The square covers about 2 % of the picture. What share of the map should lie on it in the network that cheats? Could the *accuracy* on such pictures tell the two apart?

# %%
chance = cued_test.cue_masks.float().mean().item()
print(f"the square is {chance:.1%} of the picture; share of each map on it:")
print(f"{'':14s}{'network A':>11s}{'network B':>11s}")
for what in (*ways, "accuracy", "wrong square"):
    a, b = (cheat_result[f"{n}: {what}"] for n in "AB")
    print(f"{what:14s}{a:11.0%}{b:11.0%}")
    of_a, of_b = (band("08b_saliency.cheat", f"{n}: {what}") for n in "AB")
    assert of_a.contains(a, slack=0.1)
    assert of_b.contains(b, slack=0.1)
    if what in ways:
        assert of_a.minimum > of_b.maximum  # in each of 20 pairs of networks
honest = band("08b_saliency.cheat", "B: accuracy")
print("accuracy of B by seed:", honest)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four pictures of shapes with a small coloured square in one corner, and the occlusion and gradient maps of two networks. The maps of network A are dark on the square alone; those of network B lie on the shapes."}}
rows, names = [cued_test.image_set.images[:4]], ["picture"]
for name, suspect in suspects.items():
    for way in ("gradient", "occlusion"):
        few_maps = pixel_map(
            way, suspect, cued_x[:4], cued_y[:4], patch=6, stride=2
        )  # fmt: skip
        rows.append(few_maps)
        names.append(f"{name}: {way}")
map_rows(rows, names, zoom=3)

# %% [markdown]
# Network A cheats, and every map says so: a third of it and more lies on a square of 2 %. In B the square gets about what chance gives. (In all 20 pairs of networks that we trained, each map separates the two.) The accuracy on such pictures would have *recommended* A: without the square the task is harder, and how well B learns it in so few steps depends on the seed. Only the last line shows what A is worth: where the square speaks for a wrong class, A believes the square. To see that you need pictures made for the purpose; the maps needed none.
#
# One more thing to notice. Guided backpropagation, which failed two tests above, finds the cheat best of all. A test can show that a map is *not* about something. No single test shows that it is right.
#
# ## A number instead of a class
#
# The lecture adds that many of these methods "work also for regression". Nothing in equations 8.31 and 8.33 asks for classes. Test it where we know the cause: two lamps, red and green; the network shall tell how bright the *red* one is. The green lamp is as bright and as large, and means nothing.

# %% tags=["band-lamps"]
from course_utils.explain.methods import pixel_map
from course_utils.explain.sanity import mass_inside
from course_utils.scratch.saliency.lamps import make_lamps, train_lamp_net

teller = train_lamp_net(make_lamps(600, seed=SEED), seed=SEED)
lamps = make_lamps(100, seed=SEED + 1000)
told = teller(lamps.images)[:, 0].detach()
unexplained = (told - lamps.y).square().mean() / lamps.y.var()
lamps_result = {"explained": 1 - unexplained.item()}
for way in ("gradient", "occlusion"):
    found = pixel_map(way, teller, lamps.images, patch=4, stride=2, fill=0.2)
    for where, mask in (("red", lamps.cause), ("green", lamps.other)):
        share = mass_inside(found, mask) / mask.float().mean((1, 2))
        lamps_result[f"{way} on {where}"] = share.mean().item()

# %% tags=["hide-input"]
print(f"variance explained: {lamps_result['explained']:.1%}")
for way in ("gradient", "occlusion"):
    red, green = (lamps_result[f"{way} on {c}"] for c in ("red", "green"))
    print(f"{way:10s} red {red:5.2f}, green {green:5.2f} times chance")
    red_band = band("08b_saliency.lamps", f"{way} on red")
    green_band = band("08b_saliency.lamps", f"{way} on green")
    assert red_band.contains(red, slack=0.3)
    assert red_band.minimum > green_band.maximum

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four pictures of a red and a green lamp with a thin outline around the red one. Below, the gradient and the occlusion maps of the network that tells the red lamp's brightness: both are dark on the red lamp; the occlusion map is white on the green one."}}
four = lamps.images[:4]
names, rows = ["gradient", "occlusion"], [four.clamp(0, 1)]
for way in names:
    rows.append(pixel_map(way, teller, four, patch=4, stride=2, fill=0.2))
map_rows(
    rows,
    ["picture", *names],
    outlines=lamps.cause[:4],
    zoom=4,
)

# %% [markdown]
# Both maps lie on the red lamp. The green one gets less than chance, although it shines as brightly. Nothing had to be changed for it: a network with one output leaves no class to choose.
#
# ## What each costs
#
# <span id="c249"></span>The other lecture compares prices: reconstructing an input is expensive, deconvolution is cheap. Count it: how many pictures go forwards and backwards through the network for *one* map? Reconstruction (you will build it in [What the network keeps](08c_inversion.ipynb)) starts from grey and follows the gradient until the network's features match those of the picture:

# %% tags=["nbval-check-output"]
from course_utils.scratch.saliency.passes import Counted


def reconstruct(model, image, steps=100):
    with torch.no_grad():
        wanted = model(image)
    guess = torch.zeros_like(image, requires_grad=True)
    adam = torch.optim.Adam([guess], 0.05)
    for _ in range(steps):
        miss = (model(guess) - wanted).square().sum()
        adam.zero_grad()
        miss.backward()
        adam.step()
    return guess.detach()


passes = {}
for method in METHODS:
    counted = Counted(net)
    pixel_map(method, counted, one, target, layer="model.stage4.relu2")
    passes[method] = (counted.forward_passes, counted.backward_passes)
counted = Counted(net[:2])
reconstruct(counted, one)
passes["reconstruction"] = (counted.forward_passes, counted.backward_passes)
for name, (there, home) in passes.items():
    print(f"{name:16s}{there:4d} forwards{home:5d} back")
assert passes["deconvnet"] == passes["gradient"] == (1, 1)
assert passes["reconstruction"] == (101, 100)
assert passes["occlusion"] == (positions(64, 16, 8) ** 2 + 1, 0)

# %% [markdown]
# True, by a factor of a hundred and more: one pass there and one back, against as many as the search takes steps. Occlusion lies between, and you choose where: "varying costs", as the lecture puts it.
#
# ## Checked claims
#
# | claim | verdict | finding |
# |---|---|---|
# | [C246](#c246) Class saliency back-propagates the likelihood | imprecise | the score; the gradient of the probability fades as $1 - p_c$ and mixes in the other classes |
# | [C247](#c247) Guided backpropagation changes how pooling is traversed | false | it changes the ReLU's rule; switches of poolings belong to the deconvnet |
# | [C248](#c248) Occlusion is slow and its map coarse | true | as many passes as places (8.32), and nothing finer than the square |
# | [C249](#c249) Input reconstruction is costly, deconvolution cheap | true | here 100 steps, each a pass there and one back, against a single one |
# | [C252](#c252) Deconvolution and guided backpropagation send activations back to the image | true | two settings of one rule; guided passes what both others pass |
#
# ## Pitfalls
#
# **1. Scaling each map to its own maximum.** All figures above do it, and so does every paper. It makes a map that says nothing look as strong as one that says much. Here is a picture of mere ground. Its darkest place is as dark as that of the bus:

# %% mystnb={"image": {"alt": "A picture with a bus and a picture of soft coloured ground without any object, and their occlusion maps, each scaled to its own largest value. The second map is as dark in its lower right corner as the first one is on the wheels, although its largest loss of score, printed above, is about a hundredth."}}
draw = torch.Generator().manual_seed(1)
ground = 0.25 * torch.randn(1, 3, 8, 8, generator=draw)
ground = F.interpolate(ground, (64, 64), mode="bilinear")
cases = torch.cat([one, ground])
drops = occlusion(net, cases, patch=16, stride=4)
found = spread(drops, (64, 64), 16, 4)
top = found.amax((1, 2))
map_rows(
    [((cases + 2) / 4).clamp(0, 1), found],
    ["picture", "occlusion"],
    [f"largest loss {t:.2f}" for t in top],
)

# %%
assert top[0] > 10 * top[1] > 0
print(f"the second map is {top[1] / top[0]:.0%} as strong as the first")

# %% [markdown]
# Print the largest value beside a map, or use one scale for all.
#
# **2. The square is a thing, too.** Grey is no absence: to the network it is a grey square with four sharp edges. Cover with another colour, and see whether the most important place stays where it was:

# %%
fills = {"grey": 0.0, "black": -2.0, "white": 2.0, "blurred": None}
places = {}
for name, fill in fills.items():
    if fill is None:
        small = F.avg_pool2d(x[few[:12]], 16)
        fill = F.interpolate(small, (64, 64), mode="bilinear")
    drops = occlusion(
        net, x[few[:12]], labels[few[:12]], patch=16, stride=12, fill=fill
    )  # fmt: skip
    places[name] = drops.flatten(1).argmax(1)
for name in ("black", "white", "blurred"):
    same = (places[name] == places["grey"]).float().mean()
    print(f"{name:8s} the same place as grey in {same:.0%} of 12")
assert any((p != places["grey"]).any() for p in places.values())

# %% [markdown]
# Try more than one filling before you believe a place.
#
# **3. A network in training mode.** With [batch normalisation](../book/glossary.md#batch-normalisation) in training mode the pictures of a batch depend on each other, and so do their "explanations". The library switches to evaluation and back; a line of your own must do it itself:

# %% tags=["nbval-check-output"]
from course_utils.recipes.scenes import build_model

torch.manual_seed(SEED)
fresh = build_model(norm=True)
for mode in ("train", "eval"):
    getattr(fresh, mode)()
    leaf = x[:4].clone().requires_grad_()
    (g,) = torch.autograd.grad(fresh(leaf)[0, 0], leaf)  # of the first alone
    touched = int((g.flatten(1).abs().amax(1) > 0).sum())
    print(f"{mode:5s}: one picture's score depends on {touched} of 4 pictures")
assert touched == 1

# %% [markdown]
# **4. Believing the eye.** The map that people like best here, guided backpropagation, is the one that cares least about the question. That is the reason for all the scores on this page.
#
# ## Exercises
#
# **1. When saliency is everything** (one line). For a linear classifier $s_c = w_c^\top x + b_c$, what is the saliency map? What is the sum of gradient times input?
#
# <details><summary>Hint</summary>
#
# Differentiate; then compare with integrated gradients from $b = 0$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
torch.manual_seed(SEED)
linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 10))
slope = input_gradient(linear, x[:2], 3)
assert torch.allclose(slope[0].flatten(), linear[1].weight[3])
assert torch.allclose(slope[0], slope[1])  # the same for all pictures
with torch.no_grad():
    above_bias = linear(x[:2])[:, 3] - linear[1].bias[3]
assert torch.allclose((slope * x[:2]).sum((1, 2, 3)), above_bias, atol=1e-4)
theirs = integrated_gradients(linear, x[:2], 3, steps=1)
assert torch.allclose(theirs, slope * x[:2], atol=1e-5)
print("the map is |w_c|, largest channel, whatever the picture;")
print("gradient times input adds up to the score less its bias,")
print("and is what integrated gradients give from b = 0")

# %% [markdown]
# **2. The bill** (five minutes). A picture of 224 x 224 pixels, a square of 32. How many passes for strides 16, 8 and 1? At 24 ms a pass, how long does each take? From which stride on is the map finer than the square?
#
# <details><summary>Hint</summary>
#
# Equation 8.32. And think twice about the last question.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for stride in (16, 8, 1):
    n = positions(224, 32, stride) ** 2
    print(f"stride {stride:2d}: {n:5d} passes, {n * 0.024:.0f} s")
assert [positions(224, 32, t) ** 2 for t in (16, 8, 1)] == [169, 625, 37249]
print("never: a smaller stride samples the same blurred map more densely")

# %% [markdown]
# **3. A fourth rule** (ten minutes). Equation 8.39 has four settings; we named three. What does $F = B = 0$ do? Write it, and compare its map with an edge detector's and with the other three, for one picture.
#
# <details><summary>Hint</summary>
#
# `Rule(False, False)`. To run it in the network, write the ReLU as `x + (x.relu() - x).detach()`: forwards it is the ReLU, backwards the identity.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class OpenReLU(nn.Module):
    def forward(self, a):
        return a + (a.relu() - a).detach()


import copy

opened = copy.deepcopy(net)
for stage in list(opened)[:4]:
    for name, m in stage.named_children():
        if isinstance(m, nn.ReLU):
            setattr(stage, name, OpenReLU())
with torch.no_grad():
    assert torch.allclose(opened(one), net(one), atol=1e-2)
open_map = channel_map(input_gradient(opened, one, target))
for rule in RULES:
    other = channel_map(rule_gradient(net, one, target, rule))
    print(f"{rule:10s} {rank_correlation(open_map, other).item():.2f}")
print(f"edges      {rank_correlation(open_map, edge_map(one)).item():.2f}")

# %% [markdown]
# **4. Delete and watch** (half an hour). A score that needs no truth: paint the pixels grey in the order of a map, the highest first, and follow the score. The faster it falls, the better the map. Compare gradient, SmoothGrad, Grad-CAM, edges and random.
#
# <details><summary>Hint</summary>
#
# Sort the flat map once; for each share (2 %, 5 %, 10 %, 20 %) make a mask. The mean over shares is one number a method. What does a picture with 10 % grey pixels look like to the network? (Pitfall 2.)
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def score_left(maps, batch, wanted, shares=(0.02, 0.05, 0.1, 0.2)):
    rank = maps.flatten(1).argsort(1, descending=True).argsort(1)
    left = []
    with torch.no_grad():
        whole = net(batch).gather(1, wanted[:, None])
        for share in shares:
            keep = (rank >= share * rank.shape[1]).reshape(maps.shape)
            now = net(batch * keep[:, None]).gather(1, wanted[:, None])
            left.append((now / whole).mean().item())
    return sum(left) / len(left)


remaining = {}
for name in ("gradient", "SmoothGrad", "Grad-CAM", "edges", "random"):
    remaining[name] = score_left(ask(name, net), batch, wanted)
    print(f"{name:12s} {remaining[name]:.2f} of the score is left on average")
assert remaining["SmoothGrad"] < remaining["edges"] < remaining["random"]
# SmoothGrad names the pixels that the score needs most. Edges do better than
# random: objects have edges. Grey is a thing, too: part of each fall is damage.

# %% [markdown]
# **5. Another cheat** (half an hour). Train the two suspects again with `cue="tint"`: now a veil of colour over the whole *background* gives the class away. Which maps find it? Compare the share of each map outside the shape.
#
# <details><summary>Hint</summary>
#
# `cued.object_masks` is the shape. Chance is large now: report share over chance.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
veiled = make_cued_images(100, 32, seed=99, cue="tint", difficulty="easy")
vx, vy = prepared(veiled), veiled.image_set.labels
for name, agreement in (("cheat", 1.0), ("honest", 0.1)):
    drawn = make_cued_images(
        600, 32, seed=SEED, agreement=agreement, cue="tint", difficulty="easy"
    )  # fmt: skip
    suspect = train_shape_net(drawn, SEED)
    for way in ("gradient", "occlusion"):
        found = pixel_map(way, suspect, vx, vy, layer="7", patch=6, stride=4)
        share = mass_inside(found, ~veiled.object_masks).mean().item()
        over = share / (~veiled.object_masks).float().mean().item()
        print(f"{name:7s} {way:10s} {over:.2f} times chance on the ground")
# The cheat's maps lie evenly, about chance; the honest network's avoid the
# ground. So a map catches this cheat only beside another: 1.0 accuses nobody.

# %% [markdown]
# **6. Random labels** (an evening). The second test of Adebayo and others: train `train_shape_net` on pictures whose labels are shuffled, until it knows them by heart, and compare its maps with those of the honest network. Which method draws the same picture for both? Write down your expectation before you run it.
#
# <details><summary>Hint</summary>
#
# A few hundred pictures and many epochs let it learn noise by heart. Use `rank_correlation` between the two networks' maps, and between each and `edge_map`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from dataclasses import replace

honest_set = make_cued_images(100, 32, seed=5, agreement=0.1, difficulty="easy")
order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
mixed = replace(honest_set.image_set, labels=honest_set.image_set.labels[order])
mixed_set = replace(honest_set, image_set=mixed)
nets = []
for word, drawn in (("true", honest_set), ("shuffled", mixed_set)):
    nets.append(train_shape_net(drawn, SEED, epochs=80))
    named = nets[-1](prepared(drawn)).argmax(1)
    known = (named == drawn.image_set.labels).float().mean()
    print(f"{word:9s} labels: {known:.0%} of the training pictures by heart")
    assert known > 0.95
for way in ("gradient", "guided", "Grad-CAM"):
    true_map, false_map = (
        pixel_map(way, m, cued_x[:60], cued_y[:60], layer="7") for m in nets
    )  # fmt: skip
    print(f"{way:10s} {rank_correlation(true_map, false_map).mean():.2f}")
# Guided backpropagation draws most nearly the same picture for a network that
# knows shapes and for one that knows only these hundred pictures by heart.

# %% [markdown]
# ## At scale
#
# All of it on one sheet: five groups of new pictures, eight methods, and three baselines that know no network (random numbers, a hill in the middle, an edge detector). *Hits* is the pointing game. *Destroyed* is the same game, played by the map of the network after all its weights became random: it knows nothing, so it should hit little. *Lift* is the share inside over chance, *half* the share in the asked half, and *alike* the rank correlation of the intact and the destroyed network's maps, where small is good.

# %% tags=["hide-input"]
record = load_record("08b_saliency.scores")
groups = len(record["seeds"])
print(f"{groups} groups of 30 new pictures; repeat: {record['command']}")
named = band("08b_saliency.scores", "accuracy")
print(f"named correctly: {named.minimum:.0%} to {named.maximum:.0%} of a group")
measures = {
    "hits": "peak on\nthe object",
    "random hits": "the same,\ndestroyed",
    "lift": "share inside,\nover chance",
    "half": "in the\nasked half",
    "random": "alike after\ndestruction",
}
metric = lambda method, what: band("08b_saliency.scores", f"{method}: {what}")
order = [*BASELINES, *METHODS]
words = ("hits", "destroyed", "lift", "half", "alike")
print(f"{'median of groups':18s}" + "".join(f"{w:>11s}" for w in words))
for method in order:
    values = [metric(method, what).median for what in measures]
    shown_as = ("11.0%", "11.0%", "11.2f", "11.0%", "11.2f")
    numbers = "".join(format(v, f) for v, f in zip(values, shown_as))
    print(f"{method:18s}{numbers}")
middle = lambda method, what: metric(method, what).median
assert middle("Grad-CAM", "half") > middle("guided", "half") + 0.05
for method in ("guided", "integrated"):  # hit as much when destroyed
    assert middle(method, "hits") - middle(method, "random hits") < 0.15
for method in ("occlusion", "Grad-CAM"):  # do not
    assert middle(method, "hits") - middle(method, "random hits") > 0.3
both = "guided Grad-CAM"
assert max(METHODS, key=lambda m: middle(m, "lift")) == both
assert max(METHODS, key=lambda m: middle(m, "half")) == both
assert max(METHODS, key=lambda m: middle(m, "hits")) == "integrated"

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five panels of horizontal bars for three baselines and eight methods: peak on the object, the same for the destroyed network, share inside over chance, share in the asked half, and likeness after destruction, with whiskers from the smallest to the largest group."}}
figure, panels = plt.subplots(
    1, 5, figsize=(7.4, 3.3), sharey=True, layout="constrained"
)  # fmt: skip
for axes, (what, title) in zip(panels, measures.items()):
    bands = [metric(method, what) for method in order]
    medians = [b.median for b in bands]
    reach = [
        [b.median - b.minimum for b in bands],
        [b.maximum - b.median for b in bands],
    ]
    tones = [COLORS["gray"]] * len(BASELINES) + [COLORS["blue"]] * len(METHODS)
    axes.barh(
        range(len(order)),
        medians,
        xerr=reach,
        color=tones,
        height=0.7,
        error_kw={"linewidth": 1},
    )
    axes.set_title(title, fontsize=9)
panels[0].set_yticks(range(len(order)), order)
panels[0].invert_yaxis()
panels[2].axvline(1, color=COLORS["ink"], linestyle=":", linewidth=1)
panels[3].axvline(0.5, color=COLORS["ink"], linestyle=":", linewidth=1)
plt.show()

# %% [markdown]
# Read it column by column. *Hits*: nearly every method finds a large object; so do the middle and the edges. *Destroyed*: the guided map of a network that knows nothing hits the object about as often as that of the trained one. Whatever it was pointing at, it was not what the network had learned. Integrated gradients share the fault, since they multiply by the picture and inherit its edges. Occlusion and Grad-CAM fall, as an explanation must. *Half*: what knows no network gets one half; gradients and guided maps get a little more; occlusion and Grad-CAM follow the question. The first column alone would have crowned integrated gradients.
#
# And the winner? By *lift* and *half* it is the product, guided Grad-CAM, and it passes *destroyed* as well. Think before you celebrate: all that this sheet can see of it is *where* it draws, and that is Grad-CAM's part. Whether the fine lines inside are reasons or only edges, the part that failed alone, no column here asks.
#
# ## Summary
#
# - **Occlusion** takes the network as a black box: cover, ask, subtract. Honest, slow, as coarse as the square.
# - **Saliency** is the gradient of the class's *score* with respect to the picture: one pass there, one back. The probability's gradient fades as the network gets sure.
# - The same derivative explains a hidden unit, and is exactly zero outside its field; and a regression's number.
# - **Backpropagation, deconvnet and guided backpropagation** are three settings of two gates at the ReLU. Only the first is a derivative. Switches belong to pooling and the deconvnet.
# - **Grad-CAM** weighs the maps of a late layer; it is coarse, and moves with the question.
# - An explanation is a claim. Test it: a truth, a baseline, a wrong class, destroyed weights, a planted cheat.
#
# **Further reading.** [Simonyan et al. (2013)](../book/references.md#simonyan-2013), eight pages. [Springenberg et al. (2015)](../book/references.md#springenberg-2015), figure 1 for the three rules. [Adebayo et al. (2018)](../book/references.md#adebayo-2018): read it before you show anybody a map. [Nie et al. (2018)](../book/references.md#nie-2018) prove why guided backpropagation draws the picture back.
#
# **The next question.** These maps say where a network looked. What is left of the picture once it has looked? [What the network keeps](08c_inversion.ipynb) turns the features back into pictures.
