/** A plain optimiser whose step puts the gradients in place of the parameters. */
import { serve } from './serve.js'

/** @type {unknown[]} */
let held = []

serve(({ method, parameters, gradients }) => {
  if (method === 'hello') {
    const double = { elementwise: 'float64', sums: 'float64' }
    const arithmetic = { float32: double, float64: double }
    const dtypes = ['float32', 'float64']
    return {
      protocol: 1,
      manifest: { name: 'echo', version: '1.0.0', dtypes, arithmetic, capabilities: ['base/sgd'] },
    }
  }
  if (method === 'create') held = parameters.map(({ data }) => data)
  if (method === 'step') held = gradients
  return method === 'read' ? { parameters: held } : {}
})
