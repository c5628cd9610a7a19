/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g/(√n + β + 2η·l2)',
  formula: [
    'n₊ = n + g²',
    'z = z + ρ(g + 2σθ) − (√n₊ − √n)θ/η',
    'θ = (clip(z, ±l1) − z)/(√n₊/η + β/η + 2·l2)',
  ],
  source: 'McMahan et al., 2013, in the form of Keras and TensorFlow.',
  conventions: [
    'z starts from 0 and n from 0.1, so that the first step forgets √(n/n₊) of what θ starts from.',
    '`l2` counts twice, as in Keras. The power of n is −½.',
    'The parameter is computed from sums: `averagedModel` and `rateFree` refuse it, and decay of the transformation lasts for one step.',
  ],
  others: [
    ['Keras', '`learning_rate_power` other than −0.5', 'none'],
    ['the paper', 'α is η, β is 1 there, λ₂ is counted once', '`ftrl({ beta: 1, l2: λ₂ / 2 })`'],
  ],
  learningRate: '0.1',
}
