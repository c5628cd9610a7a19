/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'm̂, later Adam’s',
  formula: [
    'ρ∞ = 2/(1−β₂) − 1, ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ)',
    'direction = κ·m̂·√(1−β₂ᵗ)/(√v + ε) where ρₜ > 5, before that m̂',
    'κ² = (ρₜ−4)(ρₜ−2)ρ∞/((ρ∞−4)(ρ∞−2)ρₜ)',
  ],
  source: 'Liu et al., 2019.',
  conventions: [
    'At the default β₂ the first five steps are those of momentum.',
    'ε is added to √v before the bias correction, as in PyTorch.',
  ],
  others: [['optax', 'ε is added after the bias correction', 'none; an ε of 1e-8 makes no difference']],
  learningRate: '0.001',
}
