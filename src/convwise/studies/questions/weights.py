"""How weights and work grow with the image; computed, nothing is trained."""

from convwise.design.plan import plan
from convwise.studies.question import Computed, Question, Setting

PLACE = 3
SIDES = (28, 32, 64, 96, 128, 160, 192, 224)
DESIGNS = {
    "dense": "flatten | dense 128 relu | dense classes",
    "conv, flatten": "conv 32 3 same relu | maxpool 2 | conv 64 3 same relu | maxpool 2"
    " | flatten | dense classes",
    "conv, global pooling": "conv 32 3 same relu | maxpool 2 | conv 64 3 same relu | maxpool 2"
    " | global_avgpool | dense classes",
}


def compute(setting: Setting) -> Computed:
    """Return parameters and FLOPs of the designs for images of 28 to 224 pixels."""
    channels, classes = setting.image[2], len(setting.classes)
    plans = {
        name: [plan(text, (side, side, channels), classes).require() for side in SIDES]
        for name, text in DESIGNS.items()
    }
    heads = ["image", *(f"parameters, {name}" for name in DESIGNS)]
    heads += [f"FLOPs, {name}" for name in DESIGNS]
    rows = [
        (
            f"{side}×{side}×{channels}",
            *(f"{made[place].total_params:,}" for made in plans.values()),
            *(f"{made[place].total_flops:,}" for made in plans.values()),
        )
        for place, side in enumerate(SIDES)
    ]
    growth = {name: made[-1].total_params / made[0].total_params for name, made in plans.items()}
    sentence = (
        f"From {SIDES[0]} to {SIDES[-1]} pixels the parameters of the dense network grow"
        f" {growth['dense']:.0f} times and those of the convolutional one with flatten"
        f" {growth['conv, flatten']:.0f} times; with global pooling they stay"
        f" {plans['conv, global pooling'][0].total_params:,}."
    )
    charts = {
        "Parameters": {
            name: tuple(float(each.total_params) for each in made) for name, made in plans.items()
        },
        "FLOPs of one image": {
            name: tuple(float(each.total_flops) for each in made) for name, made in plans.items()
        },
    }
    places = tuple(map(float, SIDES))
    return Computed(sentence, tuple(heads), tuple(rows), charts, places, "Image side (pixels)")


QUESTION = Question(
    name="weights",
    title="How do weights grow with the image?",
    claim="The weights of a dense layer explode with the image's size; those of a convolution do"
    " not depend on it.",
    source="LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document"
    " recognition, section II",
    equal="Channels and classes are those of your data.",
    metric="Parameters and FLOPs of one image, exact.",
    reading="A line that rises is a price for larger images. The convolution with global pooling"
    " pays in work instead, which the FLOPs show.",
    compute=compute,
)
