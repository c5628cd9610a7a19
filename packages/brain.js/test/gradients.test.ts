import { describe, expect, it } from 'vitest'
import { versions } from './support/brain.js'
import { compareGradients, subjectsOf } from './support/gradients.js'

// The subjects whose stock gradients are wrong are named, so that a test fails when brain.js has been mended.
const wrongUpstream = {
  '1.6.1': ['NeuralNetwork leaky-relu'],
  '2.0.0-beta.24': ['NeuralNetworkGPU leaky-relu', 'FeedForward sigmoid, two outputs'],
}

describe.each(versions)('the gradients of brain.js $version', (version) => {
  const { dense, recurrent, stale } = subjectsOf(version)

  it.each(dense)('$name: within 1e-4 of finite differences', (subject) => {
    const { stock, exact } = compareGradients(subject)
    expect(exact).toBeLessThan(1e-4)
    const isWrong = wrongUpstream[version.version as keyof typeof wrongUpstream].includes(subject.name)
    if (isWrong) expect(stock).toBeGreaterThan(0.5)
    else expect(stock).toBeLessThan(1e-4)
  })

  it.each([...recurrent, ...stale])(
    '$name: within 1e-3 of finite differences, where its own are not',
    (subject) => {
      const { stock, exact } = compareGradients(subject)
      expect(exact).toBeLessThan(1e-3)
      expect(stock).toBeGreaterThan(0.1)
    },
  )
})
