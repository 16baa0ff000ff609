"""LeNet, AlexNet, VGG and ResNet, at equal epochs and at equal time."""

from convwise.design import Network, zoo
from convwise.studies.narrow import narrowed
from convwise.studies.question import Arm, Comparison, Question, Setting

PLACE = 10
NAMES = {
    "lenet": "lenet",
    "alexnet": "alexnet-small",
    "vgg": "vgg-small",
    "resnet": "resnet20",
}


def _network(name: str) -> str:
    network: Network = zoo.network(NAMES[name])
    return (network if name == "lenet" else narrowed(network, 2)).to_text()


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return each family for the study's epochs, and for the same number of seconds."""
    epochs = [Arm(name, _network(name), note="for equal epochs") for name in NAMES]
    seconds = [
        Arm(
            f"{name}-timed",
            _network(name),
            recipe={"epochs": None, "time_limit": setting.seconds},
            note=f"for {setting.seconds:g} s of training",
        )
        for name in NAMES
    ]
    return (*epochs, *seconds)


QUESTION = Question(
    name="family",
    title="LeNet, AlexNet, VGG or ResNet?",
    claim="LeNet, AlexNet and VGG shrink their maps by pooling; ResNet and later nets prefer"
    " stride, and reach more with depth.",
    source="He, Zhang, Ren, Sun 2015, Deep residual learning for image recognition, section 4.2",
    equal="Training images, their order and recipe; epochs in one half, seconds of training in the"
    " other. The small-image variants are used; all but LeNet have half their filters.",
    metric="Accuracy on the test images.",
    reading="At equal epochs the larger networks may use more time; at equal time the small ones"
    " see the images more often. On another machine the timed half may come out otherwise.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("resnet", "vgg"),
        Comparison("vgg", "lenet"),
        Comparison("alexnet", "lenet"),
        Comparison("resnet-timed", "vgg-timed"),
        Comparison("vgg-timed", "lenet-timed"),
        Comparison("alexnet-timed", "lenet-timed"),
    ),
)
