import { elementType, type TypedArray } from '../dtype.js'
import { isList, optionError, shapeError, show } from '../errors.js'
import type { StepReport } from '../step/report.js'
import { checkOptions } from '../validation/options.js'
import type { Optimizer, OptimizerParameter } from './types.js'

/** What a client returns after it has trained for a while, from the weights that it was given. */
export interface ClientWeights {
  /** An array per parameter, in their order, of their lengths. */
  readonly weights: readonly TypedArray[]
  /** How much it counts, above 0: as a rule, the examples that it trained on (default 1). */
  readonly examples?: number
  /** Its loss at the weights that it was given. All clients tell theirs, or none does. */
  readonly loss?: number
}

/**
 * Takes a step of federated training: the optimiser of a server moves the weights by what clients have made of them. Its
 * gradient is the pseudo-gradient Δ = Σₖ nₖ(θ − θₖ) / Σₖ nₖ, its loss Σₖ nₖLₖ / Σₖ nₖ, with nₖ the examples of client k.
 *
 * With `sgd()` at the rate 1 this is FedAvg (H. B. McMahan et al., 2017): the weights become the average of the clients'. With
 * `adam()` it is FedAdam (S. Reddi et al., 2021, "Adaptive federated optimization", algorithm 2; their ε of 1e-3 suits pseudo-gradients),
 * with `heavyBall({ momentum: 0.9, nesterov: true })` the outer optimiser of DiLoCo (A. Douillard et al., 2023). The induced metric limits
 * the step by the loss, where clients tell theirs.
 *
 * @param optimizer - of the server, over the weights that the clients were given
 * @param clients - at least one
 * @returns the report of the step. A client with NaN makes the pseudo-gradient NaN, which the optimiser skips by default
 * @throws ERR_OPTION without clients, for examples that are no finite number above 0, or if only some tell a loss; ERR_SHAPE
 *   for weights of other lengths; the errors of `step`. Parameters and state are then as before
 *
 * @example
 * ```ts
 * import { createOptimizer, inducedMetric, serverStep, sgd } from '@induced-metric/core'
 *
 * const weights = { name: 'w', shape: [2], data: new Float32Array([0, 0]) }
 * const server = createOptimizer(inducedMetric(sgd(), { learningRate: 1, xi: 0 }), [weights])
 * serverStep(server, [
 *   { weights: [new Float32Array([1, 1])], examples: 300 },
 *   { weights: [new Float32Array([3, 1])], examples: 100 },
 * ])
 * console.log(weights.data) // Float32Array [ 1.5, 1 ]
 * ```
 */
export function serverStep(optimizer: Optimizer, clients: readonly ClientWeights[]): StepReport {
  const { parameters, gradients } = optimizer
  checkClients(clients, parameters)
  const total = clients.reduce((sum, { examples = 1 }) => sum + examples, 0)
  const shares = clients.map(({ examples = 1 }) => examples / total)
  const pseudo = gradients.map(({ data: gradient }, index) => {
    const { data } = parameters[index]!
    const returned = clients.map(({ weights }) => weights[index]!)
    for (let i = 0; i < data.length; i++) {
      let sum = 0
      for (let k = 0; k < returned.length; k++) sum += shares[k]! * (data[i]! - returned[k]![i]!)
      gradient[i] = sum
    }
    return gradient
  })
  if (clients[0]!.loss === undefined) return optimizer.step(pseudo)
  return optimizer.step(pseudo, { loss: clients.reduce((sum, { loss }, k) => sum + shares[k]! * loss!, 0) })
}

function checkClients(clients: readonly ClientWeights[], parameters: readonly OptimizerParameter[]): void {
  if (!isList(clients) || clients.length === 0)
    throw optionError(`clients must be an array of at least one, given ${show(clients)}`)
  const told = clients.filter(({ loss }) => loss !== undefined).length
  if (told !== 0 && told !== clients.length)
    throw optionError(`all clients must tell their loss, or none; ${told} of ${clients.length} do`)
  for (const [k, client] of clients.entries()) {
    checkOptions(`client ${k}`, client, {
      weights: 'any',
      examples: { kind: 'number', min: 0, above: true },
      loss: 'any',
    })
    const { weights, loss } = client
    if (loss !== undefined && typeof loss !== 'number')
      throw optionError(`the loss of client ${k} must be a number, given ${show(loss)}`)
    if (!isList(weights) || weights.length !== parameters.length)
      throw shapeError(`client ${k}: weights must be ${parameters.length} arrays, given ${show(weights)}`)
    for (const [index, { name, data }] of parameters.entries()) {
      const values: unknown = weights[index]
      if (elementType(values) !== undefined && (values as TypedArray).length === data.length) continue
      throw shapeError(
        `client ${k}: the weights of parameter ${show(name)} must be a Float32Array or Float64Array of ${data.length} elements, given ${show(values)}`,
      )
    }
  }
}
