"""Contrastive-analysis autoencoders: what is in both populations, and what in targets alone.

- ``cvae`` (Abid and Zou 2019, arXiv 1902.04601, without the total correlation that their code can
  add): reconstruction and KL to N(0, 1), of the salient latents for targets only; background rows
  are decoded with s' = 0.
- ``mm-cvae-published`` (Weinberger, Beebe-Wang and Lee, AISTATS 2022): beside it the maximum mean
  discrepancy, under the sum of 13 kernels, between both populations' common latents (weight 10,000
  beside the sum over a batch) and between the background's salient latents and s' (1,000).
  ``mm-cvae`` is a variant: one kernel, both weights 100 beside the mean.
- ``sepvae-published`` (Louiset et al., MIDL 2024, arXiv 2307.06206): the background's salient prior
  is N(0, 0.025), its posterior's variance 0.1; a classifier tells the populations apart by the
  salient latents (weight 10⁻⁹), and a discriminator of pairs (c, s) against shuffled ones estimates
  the information that both share, which is minimised (weight 2); KL weighs a half. ``sepvae`` is a
  variant: prior N(0, 0.1²), learned posterior, all weights 1.

What the published forms take from the papers are terms and weights.
"""

from __future__ import annotations

from triptych_studies.methods import Method
from triptych_studies.methods.vae_objective import Matching, Separated, VaeForm

# The published ones are the settings for CelebA of the authors' code (suinleelab/MM-cVAE 58df4e0,
# neurospin-projects/2023_rlouiset_sepvae b6a71f4): 16 common dimensions there, as in our study.
FORMS = {
    "cvae": VaeForm(),
    "mm-cvae": VaeForm(matching=Matching(100.0, 100.0)),
    "mm-cvae-published": VaeForm(
        matching=Matching(1e4, 1e3, each=False, rates=tuple(10.0**k for k in range(-6, 7)))
    ),
    "sepvae": VaeForm(separated=Separated(spread=0.1)),
    "sepvae-published": VaeForm(
        kl=0.5,
        separated=Separated(
            spread=0.025**0.5, population=1e-9, shared=2.0, posterior=0.1, drawn=True, each=True
        ),
    ),
}

METHODS = {name: Method(lambda task, name=name: {"objective": {"name": name}}) for name in FORMS}
