/**
 * Optimisers written by hand in plain JavaScript: a loop that adds up s, the factor, and a loop that updates. Each function
 * takes tensors `{ parameter, gradient, first, second, rows, columns }` and returns a step.
 */

const beta = 0.8

/** The average of s and the factor of `identity` (loss undefined) or `log`. */
function metric(size) {
  let average = 0
  let steps = 0
  return (s, loss) => {
    average = beta * average + (1 - beta) * s
    steps++
    const metric = average / (1 - beta ** steps) / size
    return loss === undefined ? 1 / (1 + metric) : loss / (loss * loss + metric)
  }
}

function sizeOf(tensors) {
  return tensors.reduce((total, { parameter }) => total + parameter.length, 0)
}

function sumOfSquares(tensors) {
  let s = 0
  for (const { gradient } of tensors) {
    for (let i = 0; i < gradient.length; i++) s += gradient[i] * gradient[i]
  }
  return s
}

export function sgdLoop(tensors, learningRate) {
  const factor = metric(sizeOf(tensors))
  return (loss) => {
    const rate = learningRate * factor(sumOfSquares(tensors), loss)
    for (const { parameter, gradient } of tensors) {
      for (let i = 0; i < parameter.length; i++) parameter[i] -= rate * gradient[i]
    }
  }
}

export function momentumLoop(tensors, learningRate, momentum = 0.9) {
  const factor = metric(sizeOf(tensors))
  let step = 0
  return (loss) => {
    step++
    const rate = (learningRate * factor(sumOfSquares(tensors), loss)) / (1 - momentum ** step)
    for (const { parameter, gradient, first } of tensors) {
      for (let i = 0; i < parameter.length; i++) {
        const m = momentum * first[i] + (1 - momentum) * gradient[i]
        first[i] = m
        parameter[i] -= rate * m
      }
    }
  }
}

export function adamLoop(tensors, learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8) {
  const factor = metric(sizeOf(tensors))
  let step = 0
  return (loss) => {
    step++
    const correction = Math.sqrt(1 - beta2 ** step)
    const shifted = epsilon * correction
    let s = 0
    for (const { gradient, second } of tensors) {
      for (let i = 0; i < gradient.length; i++) {
        const square = gradient[i] * gradient[i]
        s += square / (Math.sqrt(beta2 * second[i] + (1 - beta2) * square) + shifted)
      }
    }
    const rate = (learningRate * factor(s * correction, loss) * correction) / (1 - beta1 ** step)
    for (const { parameter, gradient, first, second } of tensors) {
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i]
        const m = beta1 * first[i] + (1 - beta1) * g
        const v = beta2 * second[i] + (1 - beta2) * g * g
        first[i] = m
        second[i] = v
        parameter[i] -= (rate * m) / (Math.sqrt(v) + shifted)
      }
    }
  }
}

export function muonLoop(tensors, learningRate, momentum = 0.95) {
  const factor = metric(sizeOf(tensors))
  const work = tensors.map(({ parameter, rows }) => ({
    x: new Float32Array(parameter.length),
    next: new Float32Array(parameter.length),
    gram: new Float32Array(rows * rows),
    squared: new Float32Array(rows * rows),
  }))
  return (loss) => {
    let s = 0
    tensors.forEach(({ gradient, first, rows, columns }, t) => {
      const { next, gram, squared } = work[t]
      let { x } = work[t]
      let norm = 0
      for (let i = 0; i < x.length; i++) {
        const m = momentum * first[i] + (1 - momentum) * gradient[i]
        first[i] = m
        x[i] = momentum * m + (1 - momentum) * gradient[i]
        norm += x[i] * x[i]
      }
      const scale = 1 / (Math.sqrt(norm) + 1e-7)
      for (let i = 0; i < x.length; i++) x[i] *= scale
      let other = next
      for (let iteration = 0; iteration < 5; iteration++) {
        multiplyTransposed(gram, x, rows, columns)
        multiply(squared, gram, gram, rows, rows, rows)
        for (let i = 0; i < gram.length; i++) gram[i] = -4.775 * gram[i] + 2.0315 * squared[i]
        multiply(other, gram, x, rows, rows, columns)
        for (let i = 0; i < x.length; i++) other[i] += 3.4445 * x[i]
        ;[x, other] = [other, x]
      }
      work[t].x = x
      work[t].next = other
      for (let i = 0; i < x.length; i++) s += gradient[i] * x[i]
    })
    const rate = learningRate * factor(Math.max(s, 0), loss)
    tensors.forEach(({ parameter }, t) => {
      const { x } = work[t]
      for (let i = 0; i < parameter.length; i++) parameter[i] -= rate * x[i]
    })
  }
}

/** out = a · b, the inner loop along rows of b. */
function multiply(out, a, b, p, q, r) {
  out.fill(0)
  for (let i = 0; i < p; i++) {
    for (let k = 0; k < q; k++) {
      const x = a[i * q + k]
      for (let j = 0; j < r; j++) out[i * r + j] += x * b[k * r + j]
    }
  }
}

/** out = a · aᵀ */
function multiplyTransposed(out, a, p, q) {
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < p; j++) {
      let sum = 0
      for (let k = 0; k < q; k++) sum += a[i * q + k] * a[j * q + k]
      out[i * p + j] = sum
    }
  }
}
