import type { Lowering, VariableBackend } from '@induced-metric/core/adapter'
import { createCopyMemory } from '@induced-metric/core/adapter'
import { evaluateScalar } from '../src/graph/algebra.js'

// The smallest framework with named variables: tensors of float32 in typed arrays, which live until they are disposed of or
// their scope ends.

export interface Tensor {
  values: Float32Array
  readonly shape: readonly number[]
  isDisposed: boolean
}

type Backend = VariableBackend<Tensor>

/** The settings of a framework, which may change between steps. */
export interface Settings {
  /** Whether the host reads scalars at once. */
  host: boolean
  /** Whether compiled loops take the steps. */
  loops: boolean
  half: boolean
}

export interface Framework extends Backend {
  readonly settings: Settings
  readonly warnings: string[]
  /** The number of tensors that exist, variables included. */
  living(): number
  /** Disposes of a variable, which then has no name any more. */
  remove(name: string): void
  /** Creates a variable, or gives a variable of that name other values. */
  create(name: string, values: readonly number[], shape?: readonly number[]): Tensor
  tensor(values: readonly number[], shape?: readonly number[]): Tensor
}

export function createFramework(): Framework {
  const settings = { host: true, loops: false, half: false }
  const warnings: string[] = []
  const variables = new Map<string, Tensor>()
  const alive = new Set<Tensor>()
  const kept = new Set<Tensor>()
  let scopes: Set<Tensor>[] = []

  const make = (values: Float32Array, shape: readonly number[]): Tensor => {
    const tensor = { values, shape, isDisposed: false }
    alive.add(tensor)
    scopes.at(-1)?.add(tensor)
    return tensor
  }
  const dispose = (tensor: Tensor): void => {
    tensor.isDisposed = true
    alive.delete(tensor)
  }
  const live = (tensor: Tensor): Float32Array => {
    if (tensor.isDisposed) throw new Error('this tensor was disposed of')
    return tensor.values
  }
  const scope = <R>(run: () => R): R => {
    scopes = [...scopes, new Set<Tensor>()]
    try {
      return run()
    } finally {
      for (const tensor of scopes.at(-1)!) if (!kept.has(tensor)) dispose(tensor)
      scopes = scopes.slice(0, -1)
    }
  }
  const fill = (value: number, shape: readonly number[]): Tensor =>
    make(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape)
  const lowering = createLowering(make, live)
  return {
    settings,
    warnings,
    living: () => alive.size,
    create(name, values, shape = [values.length]) {
      const variable = make(Float32Array.from(values), shape)
      variables.set(name, variable)
      return variable
    },
    remove(name) {
      dispose(variables.get(name)!)
      variables.delete(name)
    },
    tensor: (values, shape = [values.length]) => make(Float32Array.from(values), shape),
    lowering,
    sum: (scalars) => scalars.reduce((a, b) => lowering.add(a, b)),
    chooser:
      ({ values: [condition] }) =>
      (a, b) => {
        const { values, shape } = condition === 1 ? a : b
        return make(values.slice(), shape)
      },
    scalar: (value) => fill(value, []),
    fill,
    from: (values, shape) => make(Float32Array.from(values), shape),
    clone: (tensor) => make(live(tensor).slice(), tensor.shape),
    reshape: (tensor, shape) => make(live(tensor).slice(), shape),
    assign: (variable, value) => void (variable.values = live(value).slice()),
    scope,
    keep(tensor) {
      kept.add(tensor)
      return tensor
    },
    dispose,
    isDisposed: ({ isDisposed }) => isDisposed,
    free: dispose,
    read: async (tensor) => Promise.resolve(live(tensor).slice()),
    readScalars: async (scalars) => Promise.resolve(Float32Array.from(scalars, (scalar) => live(scalar)[0]!)),
    hostReader: () => (settings.host ? (scalar) => live(scalar)[0]! : undefined),
    waitingReader: () => live,
    backendName: () => 'small',
    backendSetter: 'small.setBackend',
    memory: () => (settings.loops ? memory : undefined),
    isHalfPrecision: () => settings.half,
    variable: (name) => variables.get(name)!,
    shape: ({ shape }) => shape,
    variables: () => [...variables].map(([name, { shape }]) => ({ name, shape })),
    stemOf: (name) => name.replace(/_\d+$/, ''),
    rowsAre: 'inputs',
    lossRequired: 'so pass it to train(gradients, loss)',
    warn: (message) => void warnings.push(message),
  }
}

const memory = createCopyMemory<Tensor>({
  array: ({ values }) => values,
  from: (values, shape) => ({ values, shape, isDisposed: false }),
})

const elementwise = [
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
  'sqrt',
  'square',
  'abs',
  'neg',
  'sign',
  'pow',
  'exp',
  'log',
  'floor',
  'atan2',
  'finite',
  'greater',
  'select',
] as const

function createLowering(
  make: (values: Float32Array, shape: readonly number[]) => Tensor,
  live: (tensor: Tensor) => Float32Array,
): Lowering<Tensor> {
  const operate =
    (op: (typeof elementwise)[number]) =>
    (...operands: Tensor[]): Tensor => {
      const { shape } = operands.find((tensor) => tensor.shape.length > 0) ?? operands[0]!
      const arrays = operands.map(live)
      const size = shape.reduce((a, b) => a * b, 1)
      const at = (array: Float32Array | undefined, i: number): number =>
        array === undefined ? 0 : array[array.length === 1 ? 0 : i]!
      const [a, b, c] = arrays
      return make(
        Float32Array.from({ length: size }, (_, i) => evaluateScalar(op, at(a, i), at(b, i), at(c, i))),
        shape,
      )
    }
  const table = Object.fromEntries(elementwise.map((op) => [op, operate(op)])) as Pick<
    Lowering<Tensor>,
    (typeof elementwise)[number]
  >
  const none = (): never => {
    throw new Error('no test needs matrices')
  }
  return {
    ...table,
    sum: (x) => make(Float32Array.of(live(x).reduce((a, b) => a + b, 0)), []),
    rowSums: none,
    columnSums: none,
    rowMax: none,
    columnMax: none,
    matmul: none,
    transpose: none,
  }
}
