"""Hand-picked filters, random ones, or learnt ones."""

from convwise.design.banks import BANKS, bank_size
from convwise.studies.question import Arm, Comparison, Question, Setting

PLACE = 5
BANK = "classic"
_KINDS = {
    "picked": f"fixed {BANK} same relu",
    "random": "fixed random same relu",
    "learnt": f"depthwise {bank_size(BANK)} same relu depth_multiplier={len(BANKS[BANK])}",
}
_FIRST = "{kind} | maxpool 2 | conv 24 3 same relu | maxpool 2 | global_avgpool | dense classes"
_ALL = "{kind} | maxpool 2 | {kind} | maxpool 2 | global_avgpool | dense classes"


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return each kind of filter in the first layer, and in all layers of convolution."""
    first = [
        Arm(f"{name}-first", _FIRST.format(kind=text), note="in the first layer")
        for name, text in _KINDS.items()
    ]
    every = [
        Arm(f"{name}-all", _ALL.format(kind=text), note="in all layers but the last dense one")
        for name, text in _KINDS.items()
    ]
    return (*first, *every)


QUESTION = Question(
    name="filters",
    title="Filters picked by hand, drawn at random, or learnt?",
    claim="Classical vision picked its filters by hand; a CNN learns the best ones.",
    source="LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document"
    " recognition, section I; for random filters Jarrett, Kavukcuoglu, Ranzato, LeCun 2009, What is"
    " the best multi-stage architecture for object recognition?",
    equal="Training images, their order, epochs, recipe, number and size of filters. Picked (Sobel,"
    " Prewitt, Laplacian, Gaussian, sharpening, Gabor) and random filters are never trained; the"
    " random bank is drawn once, the same for all seeds.",
    metric="Accuracy on the test images.",
    reading="Learnt against picked is what learning the filters brings; picked against random is"
    " what human knowledge brings.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("learnt-first", "picked-first"),
        Comparison("picked-first", "random-first"),
        Comparison("learnt-all", "picked-all"),
        Comparison("picked-all", "random-all"),
    ),
)
