import { beforeEach } from 'vitest'
import { createRandom } from './brain.js'

// brain.js draws a network's first weights when it is first trained, and with some of them xor is not learnt: in every
// test they are the same in every run.
beforeEach(() => {
  const { random } = Math
  Math.random = createRandom(1)
  return () => {
    Math.random = random
  }
})
