import { readTensor, type Model } from '../../src/proto/index.js'

/** Numbers with their extents, row-major. */
export interface Values {
  readonly dims: readonly number[]
  readonly data: ArrayLike<number>
}

/** The parameters and buffers of a model, by name. */
export function parametersOf(model: Model): (name: string) => Values {
  const tensors = new Map(
    model.graph.initializer.map((tensor) => {
      const { name, dims, data } = readTensor(tensor)
      return [name, { dims, data: data as ArrayLike<number> }]
    }),
  )
  return (name) => tensors.get(name)!
}

function make(dims: readonly number[], element: (index: number) => number): Values {
  const size = dims.reduce((product, extent) => product * extent, 1)
  return { dims, data: Float64Array.from({ length: size }, (_, i) => element(i)) }
}

export function map(x: Values, f: (value: number) => number): Values {
  return make(x.dims, (i) => f(x.data[i]!))
}

export function add(x: Values, y: Values): Values {
  return make(x.dims, (i) => x.data[i]! + y.data[i % y.data.length]!)
}

/** x·weightᵀ + bias on the last axis. */
export function linear(x: Values, weight: Values, bias?: Values): Values {
  const [outputs, inputs] = weight.dims as [number, number]
  return make([...x.dims.slice(0, -1), outputs], (i) => {
    const [row, output] = [Math.floor(i / outputs), i % outputs]
    let sum = bias?.data[output] ?? 0
    for (let j = 0; j < inputs; j++) sum += x.data[row * inputs + j]! * weight.data[output * inputs + j]!
    return sum
  })
}

/** Visits a square window of images at each position, as coordinates of its elements within the image. */
function* placesOf(y: number, x: number, kernel: number, stride: number, padding: number, size: number) {
  for (let i = 0; i < kernel; i++) {
    for (let j = 0; j < kernel; j++) {
      const [row, column] = [y * stride + i - padding, x * stride + j - padding]
      if (row >= 0 && row < size && column >= 0 && column < size) yield { i, j, row, column }
    }
  }
}

export function convolution(
  x: Values,
  weight: Values,
  bias: Values | undefined,
  stride: number,
  padding: number,
): Values {
  const [batch, channels, size] = x.dims as [number, number, number]
  const [outputs, , kernel] = weight.dims as [number, number, number]
  const extent = Math.floor((size + 2 * padding - kernel) / stride) + 1
  return make([batch, outputs, extent, extent], (index) => {
    const [column, row] = [index % extent, Math.floor(index / extent) % extent]
    const output = Math.floor(index / extent ** 2) % outputs
    const image = Math.floor(index / extent ** 2 / outputs)
    let sum = bias?.data[output] ?? 0
    for (const at of placesOf(row, column, kernel, stride, padding, size)) {
      for (let c = 0; c < channels; c++) {
        sum +=
          x.data[((image * channels + c) * size + at.row) * size + at.column]! *
          weight.data[((output * channels + c) * kernel + at.i) * kernel + at.j]!
      }
    }
    return sum
  })
}

/** Adjacent 2×2 windows. */
export function pool(x: Values, reduce: (values: readonly number[]) => number): Values {
  const [batch, channels, size] = x.dims as [number, number, number]
  const extent = size / 2
  return make([batch, channels, extent, extent], (index) => {
    const [column, row] = [index % extent, Math.floor(index / extent) % extent]
    const plane = Math.floor(index / extent ** 2)
    return reduce(
      [...placesOf(row, column, 2, 2, 0, size)].map(
        (at) => x.data[(plane * size + at.row) * size + at.column]!,
      ),
    )
  })
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function globalAverage(x: Values): Values {
  const [batch, channels, rows, columns] = x.dims as [number, number, number, number]
  const size = rows * columns
  return make([batch, channels], (i) => mean(Array.from({ length: size }, (_, j) => x.data[i * size + j]!)))
}

/** In single precision, as in an attribute. */
const epsilon = Math.fround(1e-5)

/** Normalises each channel by given statistics or by the batch's own. */
export function batchNormalization(
  x: Values,
  [weight, bias, running, variance]: readonly [Values, Values, Values, Values],
  training: boolean,
): Values {
  const [batch, channels, rows, columns] = x.dims as [number, number, number, number]
  const size = rows * columns
  const statistics = Array.from({ length: channels }, (_, channel) => {
    if (!training) return { centre: running.data[channel]!, spread: variance.data[channel]! }
    const values = Array.from(
      { length: batch * size },
      (_, i) => x.data[(Math.floor(i / size) * channels + channel) * size + (i % size)]!,
    )
    const centre = mean(values)
    return { centre, spread: mean(values.map((value) => (value - centre) ** 2)) }
  })
  return make(x.dims, (i) => {
    const channel = Math.floor(i / size) % channels
    const { centre, spread } = statistics[channel]!
    return ((x.data[i]! - centre) / Math.sqrt(spread + epsilon)) * weight.data[channel]! + bias.data[channel]!
  })
}

export function layerNormalization(x: Values, weight: Values, bias: Values): Values {
  const width = x.dims.at(-1)!
  const rows = Array.from({ length: x.data.length / width }, (_, row) => {
    const values = Array.from({ length: width }, (_, i) => x.data[row * width + i]!)
    const centre = mean(values)
    return { centre, deviation: Math.sqrt(mean(values.map((value) => (value - centre) ** 2)) + epsilon) }
  })
  return make(x.dims, (i) => {
    const { centre, deviation } = rows[Math.floor(i / width)]!
    return ((x.data[i]! - centre) / deviation) * weight.data[i % width]! + bias.data[i % width]!
  })
}

/** erf by its series, for arguments that are not large. */
function erf(x: number): number {
  let [sum, term] = [x, x]
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2))
}

export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

/** Causal attention of queries, keys and values that are adjacent in the last axis. */
export function attention(x: Values, heads: number): Values {
  const [batch, length, triple] = x.dims as [number, number, number]
  const width = triple / 3
  const size = width / heads
  const at = (image: number, token: number, part: number, unit: number): number =>
    x.data[(image * length + token) * triple + part * width + unit]!
  const result = new Float64Array(batch * length * width)
  for (let image = 0; image < batch; image++) {
    for (let head = 0; head < heads; head++) {
      for (let token = 0; token < length; token++) {
        const scores = Array.from({ length: token + 1 }, (_, other) => {
          let product = 0
          for (let u = head * size; u < (head + 1) * size; u++)
            product += at(image, token, 0, u) * at(image, other, 1, u)
          return Math.exp(product / Math.sqrt(size))
        })
        const total = scores.reduce((sum, score) => sum + score, 0)
        for (let u = head * size; u < (head + 1) * size; u++) {
          const seen = scores.reduce((sum, score, other) => sum + score * at(image, other, 2, u), 0)
          result[(image * length + token) * width + u] = seen / total
        }
      }
    }
  }
  return { dims: [batch, length, width], data: result }
}

/** Rows of a table. */
export function embed(table: Values, tokens: readonly number[], dims: readonly number[]): Values {
  const width = table.dims[1]!
  return make([...dims, width], (i) => table.data[tokens[Math.floor(i / width)]! * width + (i % width)]!)
}
