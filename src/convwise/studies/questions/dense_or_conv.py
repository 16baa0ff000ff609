"""Dense or convolutional, at equal parameters and at equal FLOPs."""

from convwise.studies.equal import Resource, cost_of, width_for
from convwise.studies.question import Arm, Comparison, Question, Setting

PLACE = 1
CONV = """\
conv 16 3 same relu
maxpool 2
conv 32 3 same relu
maxpool 2
flatten
dense classes
"""


def dense(units: int) -> str:
    """Return a dense network with one hidden layer."""
    return f"flatten\ndense {units} relu\ndense classes\n"


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return the convolutional network, and a dense one for each kind of equality."""

    def equal(cost: Resource) -> str:
        shape, classes = setting.image, len(setting.classes)
        target = cost_of(CONV, shape, classes, cost)
        return dense(width_for(dense, target, cost, shape, classes))

    return (
        Arm("conv", CONV),
        Arm("dense-equal-params", equal("params"), note="as many parameters as conv"),
        Arm("dense-equal-flops", equal("flops"), note="as many FLOPs as conv"),
    )


QUESTION = Question(
    name="dense-or-conv",
    title="Dense or convolutional?",
    claim="Dense layers are poor at images: they spend their weights on every pixel apart and know"
    " nothing of neighbours.",
    source="LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document"
    " recognition, section II",
    equal="Training images, their order, epochs and recipe; parameters in one comparison, FLOPs in"
    " the other (the hidden layer's width is searched for).",
    metric="Accuracy on the test images.",
    reading="A positive difference speaks for the convolution. At equal FLOPs the dense network has"
    " many times the parameters; if it still loses, it is not for want of weights.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("conv", "dense-equal-params"),
        Comparison("conv", "dense-equal-flops"),
    ),
)
