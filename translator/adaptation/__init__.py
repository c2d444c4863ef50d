"""How does a model learn a new domain and keep what it knows? By training on both, and a check.

`prepare` mixes the pairs of the new domain with a replay of the old, `blend` takes the trained
weights back toward the old ones as far as the old domain asks, and `outcome` lets both models
translate the test sets of both domains.
"""

from translator.adaptation.blending import blend
from translator.adaptation.preparing import Domain, prepare
from translator.adaptation.verdict import NO_STEP_BETTER, NOTHING_GAINED, doubts, outcome

__all__ = ["NOTHING_GAINED", "NO_STEP_BETTER", "Domain", "blend", "doubts", "outcome", "prepare"]
