/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g, scaled by earlier directions',
  formula: ['v = ρv + (1−ρ)g²', 'direction d = g·√(a + ε)/√(v + ε)', 'a = ρa + (1−ρ)d²'],
  source: 'Zeiler, 2012.',
  conventions: ['ε is inside both roots. The learning rate of the paper is 1.'],
  others: [['Keras', 'ρ = 0.95, ε = 1e-7, a rate of 0.001', '`adadelta({ decay: 0.95, epsilon: 1e-7 })`']],
  learningRate: '1',
}
