"""Stride or pooling: the four networks of Springenberg et al., made narrower."""

from convwise.design import zoo
from convwise.studies.narrow import narrowed
from convwise.studies.question import Arm, Comparison, Question, Setting

PLACE = 9
NARROWER = 8
# Errors on CIFAR-10 without augmentation, in per cent (ibid., table 3), best first.
PUBLISHED = {
    "all-cnn-c": 9.08,
    "convpool-cnn-c": 9.31,
    "model-c": 9.74,
    "strided-cnn-c": 10.19,
}
NAMES = ("model-c", "strided-cnn-c", "convpool-cnn-c", "all-cnn-c")


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return the four networks, all narrowed alike."""
    return tuple(
        Arm(
            name,
            narrowed(zoo.network(name), NARROWER, dropout=False).to_text(),
            note=f"{zoo.entry(name).title}; published error {PUBLISHED[name]} %",
        )
        for name in NAMES
    )


QUESTION = Question(
    name="stride-or-pool",
    title="Shrink the map by stride or by pooling?",
    claim="Pooling can be replaced by convolutions with stride without loss of accuracy.",
    source="Springenberg, Dosovitskiy, Brox, Riedmiller 2015, Striving for simplicity: the all"
    " convolutional net, tables 1 to 3",
    equal="Training images, their order, epochs and recipe. Model C against Strided-CNN-C has equal"
    " depth and parameters, and so has ConvPool-CNN-C against All-CNN-C. All four have"
    f" 1/{NARROWER} of the published filters, and no dropout, as they are trained briefly.",
    metric="Accuracy on the test images.",
    reading="The first two comparisons hold depth and parameters equal and differ in stride or"
    " pooling alone; the last one adds a layer as well, as the paper's headline does.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("strided-cnn-c", "model-c"),
        Comparison("all-cnn-c", "convpool-cnn-c"),
        Comparison("all-cnn-c", "model-c"),
    ),
    published="Errors on CIFAR-10 without augmentation (table 3), at full width and in long"
    " trainings, best first: "
    + ", ".join(f"{name} {error} %" for name, error in PUBLISHED.items())
    + ".",
)
