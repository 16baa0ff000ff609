"""What is minimised: the cross-entropy of each image."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from convwise.data.batches import Batch


def image_losses(
    logits: torch.Tensor,
    batch: Batch,
    label_smoothing: float,
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the loss of each image, (batch,), in nats; a mixed one has a share of two.

    Args:
        logits: float32 (batch, classes).
        batch: labels, and the partners' labels and shares where images are mixed.
        label_smoothing: probability mass that is spread over all classes.
        class_weights: float32 (classes,), how much an image of each class counts; None for alike.
    """

    def of(labels: torch.Tensor) -> torch.Tensor:
        losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)
        return losses if class_weights is None else losses * class_weights[labels]

    if batch.partners is None or batch.shares is None:
        return of(batch.labels)
    return batch.shares * of(batch.labels) + (1.0 - batch.shares) * of(batch.partners)
