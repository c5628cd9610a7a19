import { expect, it } from 'vitest'
import { InducedMetricError } from '../src/index.js'

it('an error keeps the one that it explains as its cause', () => {
  const cause = new Error('no such file')
  const error = new InducedMetricError('ERR_OPTION', 'it cannot be read', { cause })
  expect(error).toMatchObject({
    name: 'InducedMetricError',
    code: 'ERR_OPTION',
    message: 'ERR_OPTION: it cannot be read',
  })
  expect(error.cause).toBe(cause)
  expect('cause' in new InducedMetricError('ERR_OPTION', 'it cannot be read')).toBe(false)
})
