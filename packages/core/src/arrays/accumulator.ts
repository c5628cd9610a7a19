import type { TypedArray } from '../dtype.js'
import { meanLoss, nothingAccumulated, withCall, type Accumulated } from '../step/accumulation.js'

/** A mean over the calls of an update. */
export interface Mean {
  readonly gradients: readonly (TypedArray | null)[]
  readonly loss: number | undefined
}

/** Adds up the gradients and losses of the calls of `step` that make one update. */
export class Accumulator {
  readonly #calls: number
  #accumulated = nothingAccumulated
  #sums: (TypedArray | undefined)[] = []

  /** @param calls how many make an update */
  constructor(calls: number) {
    this.#calls = calls
  }

  get accumulated(): Accumulated {
    return this.#accumulated
  }

  /** The sum of a parameter's gradients; `undefined` if it had none. */
  sumOf(parameter: number): TypedArray | undefined {
    return this.#sums[parameter]
  }

  /** @returns the mean over the calls, if this one completes an update. Then the sums start afresh. */
  add(gradients: Mean['gradients'], loss: number | undefined): Mean | undefined {
    this.#accumulated = withCall(this.#accumulated, loss)
    gradients.forEach((gradient, index) => {
      if (gradient === null) return
      const sum = this.#sums[index]
      if (sum === undefined) this.#sums[index] = gradient.slice()
      else for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!
    })
    const { calls } = this.#accumulated
    if (calls < this.#calls) return undefined
    const means = gradients.map((_, index) => {
      const sum = this.#sums[index]
      if (sum !== undefined) for (let i = 0; i < sum.length; i++) sum[i]! /= calls
      return sum ?? null
    })
    const mean = { gradients: means, loss: meanLoss(this.#accumulated) }
    this.restore(nothingAccumulated, [])
    return mean
  }

  /** Replaces the sums. They are copied. */
  restore(accumulated: Accumulated, sums: readonly (TypedArray | undefined)[]): void {
    this.#accumulated = accumulated
    this.#sums = sums.map((sum) => sum?.slice())
  }
}
