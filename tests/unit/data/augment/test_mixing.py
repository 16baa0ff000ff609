from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from convwise.data.augment.mixing import Mixed, Mixing
from convwise.errors import OptionError

COUNT = 4_000
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1), dtype=np.uint8)
ALL = np.arange(COUNT)


def mixed(mixing: Mixing, samples: np.ndarray = ALL, epoch: int = 1) -> Mixed:
    return mixing.apply(
        PIXELS[samples], samples, lambda places: PIXELS[places], count=COUNT, seed=0, epoch=epoch
    )


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_adds_two_pictures_by_shares_of_a_beta_distribution(alpha: float) -> None:
    found = mixed(Mixing(mixup=alpha))
    share = found.shares[:, None, None, None].astype(np.float64)
    expected = share * PIXELS + (1 - share) * PIXELS[found.partners]
    assert np.abs(found.pixels - expected).max() < 0.51
    assert stats.kstest(found.shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_cutmix_takes_a_rectangle_and_counts_its_pixels() -> None:
    found = mixed(Mixing(cutmix=1.0))
    foreign = found.pixels != PIXELS
    assert np.array_equal(found.pixels[foreign], PIXELS[found.partners][foreign])
    # A pixel of the rectangle may by chance be equal in both pictures.
    assert (foreign.mean(axis=(1, 2, 3)) <= 1 - found.shares + 1e-6).all()
    assert abs(foreign.mean() - (1 - found.shares).mean()) < 0.01
    assert 0.47 < found.shares.mean() < 0.53
    assert {0.0, 1.0} < set(found.shares.tolist())


def test_with_both_each_picture_draws_one_of_them() -> None:
    both, cut = mixed(Mixing(0.4, 0.7)), mixed(Mixing(cutmix=0.7))
    same = (both.pixels == cut.pixels).all(axis=(1, 2, 3)).mean()
    assert 0.4 < same < 0.6


def test_partners_are_drawn_evenly_and_anew_in_each_epoch() -> None:
    found = mixed(Mixing(mixup=1.0))
    quarters = np.bincount(found.partners * 4 // COUNT)
    assert stats.chisquare(quarters).pvalue > 1e-4
    assert (found.partners != mixed(Mixing(mixup=1.0), epoch=2).partners).mean() > 0.99


def test_a_mixture_depends_on_no_batch() -> None:
    whole = mixed(Mixing(0.4, 1.0))
    some = np.array([5, 3999, 17])
    part = mixed(Mixing(0.4, 1.0), some)
    for all_of_it, mine in zip(whole, part, strict=True):
        assert np.array_equal(all_of_it[some], mine)


def test_an_alpha_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match="cutmix -1 is not between 0 and 10"):
        Mixing(cutmix=-1)
