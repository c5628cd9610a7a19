/** η of all that is timed. */
export const learningRate = 0.01

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8]

/**
 * Adam as a loop of JavaScript, as one writes it by hand.
 *
 * @param weights are updated in place
 * @returns a step, given the gradient
 */
export function createLoop<A extends Float32Array | Float64Array>(weights: A): (gradient: A) => void {
  const m = weights.slice().fill(0)
  const v = weights.slice().fill(0)
  let t = 0
  return (gradient) => {
    t++
    const [first, second] = [1 - beta1 ** t, 1 - beta2 ** t]
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i]!
      m[i] = beta1 * m[i]! + (1 - beta1) * g
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g
      weights[i]! -= (learningRate * (m[i]! / first)) / (Math.sqrt(v[i]! / second) + epsilon)
    }
  }
}
