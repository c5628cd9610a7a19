/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Muon’s, with outputs of one size',
  formula: [
    'm = μm + (1−μ)g, o = orthogonal factor of μm + (1−μ)g (of m without `nesterov`), as in Muon',
    'v = β₂v + (1−β₂)·mean of o² over the inputs, for each output',
    'w = o/(√v + ε)',
    'direction = w·‖o‖/(‖w‖ + ε)·√max(1, outputs/inputs), or with `matchRms` 0.2·√size·w/‖w‖',
  ],
  source: 'Li et al., 2025, in the form of the authors’ code.',
  conventions: [
    'Neither m nor v is corrected for bias. Parameters that are not matrices go to `fallback`.',
    'Outputs are rows or columns by the layout of the framework; `rows` says it otherwise.',
  ],
  others: [
    [
      'the paper',
      'no Nesterov momentum; the step has the root mean square 0.2, as Adam’s has',
      '`normuon({ nesterov: false, epsilon: 1e-8, matchRms: true })`, with a rate as for Adam',
    ],
    [
      'the authors’ code',
      'of a kernel of four axes it normalises over the last axis alone, and takes √max(1, height/width) for its factor',
      'none',
    ],
  ],
  learningRate: '0.02',
}
