"""Class maps: where a network looks when it names a class (Grad-CAM)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.design.plan import Plan, Row
from convwise.errors import DesignError
from convwise.evaluation.predict import softmax
from convwise.explain.figure import Figure
from convwise.explain.network import as_designed, differentiating, kept_outputs, row_named
from convwise.explain.pictures import laid_over
from convwise.explain.placing import on_image
from convwise.explain.subject import Explained, Image, class_index, model_of, picture_of
from convwise.model.trained import TrainedModel


@dataclass(frozen=True, eq=False)
class ClassMap(Figure):
    """What in a picture speaks for a class.

    Args:
        values: float32, (model height, model width), 0…1; 1 where most speaks for the class. All
            are 0 where nothing does.
        target: place of the class.
        layer: name of the layer whose maps were weighed.
        evidence: float32, (rows, columns) of that layer: the weighted sum of its maps, before
            negative values were cut off and the rest was spread over the picture.
        picture: uint8, (model height, model width, channels): the picture as the model sees it.
        label: name of the class.
        probability: that the model gives to it.
    """

    values: NDArray[np.float32]
    target: int
    layer: str
    evidence: NDArray[np.float32]
    picture: NDArray[np.uint8]
    label: str
    probability: float

    def drawn(self) -> NDArray[np.uint8]:
        """Return the map laid over the picture, uint8, (height, width, 3)."""
        return laid_over(self.picture, self.values)

    @property
    def caption(self) -> str:
        """Class, probability and layer."""
        return f"What speaks for {self.label} ({100 * self.probability:.1f} %), by {self.layer}"


def grad_cam(
    classifier: Explained,
    image: Image,
    target: int | str | None = None,
    layer: str | None = None,
) -> ClassMap:
    """Return where a network looks when it names a class.

    A layer's maps are added up, each weighed by the mean of the gradient of the class's logit with
    respect to it; what is negative is cut off. Each place of the sum is then laid on the pixel in
    the middle of what it sees, with straight lines between. Where a mean over each map and one
    dense layer follow, the weights are those of the dense layer, divided by the map's places, and
    the sum's mean is the logit without its bias: the class activation map of Zhou et al. 2016.

    Source: Selvaraju et al., Grad-CAM (ICCV 2017), section 3.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        target: place or name of a class; None stands for the predicted one.
        layer: whose maps are weighed; None stands for the last one that leaves a map of more
            than 1×1 places.

    Raises:
        DesignError: no layer leaves such a map.
        OptionError: there is no such class or layer.
        DataError: the image cannot be used.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 relu | maxpool 2 | flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> found = grad_cam(model, np.zeros((8, 8), np.uint8), target="dog")
        >>> found.values.shape, found.target, found.layer
        ((8, 8), 1, 'pool1')
    """
    model = model_of(classifier)
    picture = picture_of(model, image)
    row = last_map(model.network.plan) if layer is None else row_named(model.network.plan, layer)
    wanted = None if target is None else class_index(model, target)
    chosen, probability, maps, slopes = _slopes(model, picture, row.name, wanted)
    evidence = np.einsum("c,chw->hw", slopes.mean(axis=(1, 2)), maps)
    values = on_image(np.maximum(evidence, 0), row, model.image_format.shape[:2])
    peak = float(values.max())
    return ClassMap(
        values=(values / peak if peak > 0 else values).astype(np.float32),
        target=chosen,
        layer=row.name,
        evidence=evidence.astype(np.float32),
        picture=picture,
        label=model.classes[chosen],
        probability=probability,
    )


def last_map(plan: Plan) -> Row:
    """Return the last row of the network's own sequence that leaves a map of more than 1×1.

    Raises:
        DesignError: there is none.
    """
    for row in reversed(plan.tree):
        if len(row.output_shape) == 3 and max(row.output_shape[:2]) > 1:
            return row
    raise DesignError(
        "no layer of this network leaves a map of more than 1×1 places, so it has no class map",
        fixes=("use occlusion, which takes any network",),
    )


def _slopes(
    model: TrainedModel, picture: NDArray[np.uint8], layer: str, target: int | None
) -> tuple[int, float, NDArray[np.float64], NDArray[np.float64]]:
    """Return class, probability, and a layer's (channels, rows, columns): maps and gradients."""
    network = as_designed(model.network)
    with differentiating(), kept_outputs(network, [layer], with_gradients=True) as found:
        logits = network(to_input(picture[np.newaxis], model.image_format))
        chosen = int(logits[0].argmax()) if target is None else target
        (slopes,) = torch.autograd.grad(logits[0, chosen], found[layer])
    probability = softmax(logits.detach().numpy(), model.temperature)[0, chosen]
    maps = found[layer].detach()[0].double().numpy()
    return chosen, float(probability), maps, slopes[0].double().numpy()
