import { bases } from './bases.js'
import { binary, derivative, literal, type BinaryOp, type Formula } from './formula.js'
import { parserOf } from './parser.js'
import { jaxDialect, printArrays, printJs, tfDialect, type ArrayDialect } from './print.js'
import type { Settings } from './settings.js'
import { createSurface } from './surface.js'
import { formulaOf } from './surfaces.js'

/** The frameworks whose code can be copied. */
export const targets = {
  core: 'Typed arrays',
  tfjs: 'TensorFlow.js',
  onnxruntime: 'ONNX Runtime',
  brain: 'brain.js',
  convnetjs: 'convnetjs',
  jax: 'jax-js',
} as const

/** The name of a framework here. */
export type TargetId = keyof typeof targets

/** The expression that makes the transformation, and the names that it takes from the core. */
interface TransformationCode {
  readonly names: readonly string[]
  readonly text: string
}

const algebraDialect: ArrayDialect = {
  number: String,
  binary: (op: BinaryOp, a, b) =>
    op === '^' && b === '2'
      ? `algebra.square(${a})`
      : `algebra.${{ '+': 'add', '-': 'sub', '*': 'mul', '/': 'div', '^': 'pow' }[op]}(${a}, ${b})`,
  call: (name, argument) => `algebra.${name}(${argument})`,
}

function baseCode({ base, momentum }: Settings): string {
  const option = bases[base]
  return option === undefined ? `${base}()` : `${base}({ ${option}: ${momentum} })`
}

function embeddingCode({ embedding, embeddingFormula, floor }: Settings): TransformationCode {
  if (embedding === 'identity') return { names: [], text: '' }
  if (embedding !== 'own')
    return { names: [embedding], text: `${embedding}(${floor === 0 ? '' : `{ floor: ${floor} }`})` }
  const slope: Formula = derivative(parserOf()(embeddingFormula, ['L']), 'L')
  return {
    names: ['algebra', 'defineEmbedding'],
    text: `defineEmbedding({
    name: 'own',
    slope: (L) => algebra.add(${printArrays(slope, algebraDialect)}, 0),
    descends: () => 1,
  })()`,
  }
}

function transformationCode(settings: Settings): TransformationCode {
  const { base, rate, xiMode, xi, perRate, beta } = settings
  const names = [base, 'inducedMetric']
  const embedding = embeddingCode(settings)
  const tied = perRate === 1 ? "'rate'" : `{ perRate: ${perRate} }`
  const lines = [
    `learningRate: ${rate}`,
    `xi: ${{ rate: tied, number: xi, off: 0 }[xiMode]}`,
    ...(beta === 0.8 ? [] : [`beta: ${beta}`]),
    ...(embedding.text === '' ? [] : [`embedding: ${embedding.text}`]),
    ...(xiMode === 'rate' ? [] : [`onBadLoss: 'zero'`]),
  ]
  return {
    names: [...names, ...embedding.names],
    text: `inducedMetric(${baseCode(settings)}, {\n${lines.map((line) => `  ${line},\n`).join('')}})`,
  }
}

const importCore = (names: readonly string[]): string =>
  `import { ${[...new Set(names)].sort().join(', ')} } from '@induced-metric/core'`

/** The loss in a framework's own functions, lifted. */
function lossOf(settings: Settings): Formula {
  return binary('+', formulaOf(settings), literal(settings.lift))
}

const noiseCode = `
// Normal numbers from a seed.
let state = 1
const uniform = () => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
}
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
`

function plainLoss(settings: Settings): string {
  const { lift, noise } = settings
  const { formula: loss, gradientFormulas } = createSurface(formulaOf(settings))
  const noisy = (slope: Formula): string => printJs(slope) + (noise === 0 ? '' : ` + ${noise} * normal()`)
  return `${noise === 0 ? '' : noiseCode}
const loss = (x, y) => ${printJs(loss)}${lift === 0 ? '' : ` + ${lift}`}
const gradient = (x, y) => [
  ${noisy(gradientFormulas[0])},
  ${noisy(gradientFormulas[1])},
]`
}

function coreCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  const { startX, startY, steps } = settings
  return `${importCore([...names, 'createOptimizer'])}
${plainLoss(settings)}

const transformation = ${text}
const point = new Float64Array([${startX}, ${startY}])
const optimizer = createOptimizer(transformation, [{ name: 'point', shape: [2], data: point }])
for (let step = 0; step < ${steps}; step++) {
  const [x, y] = point
  optimizer.step([new Float64Array(gradient(x, y))], { loss: loss(x, y) })
}
console.log(point[0], point[1], loss(...point))
`
}

function tfCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  const { startX, startY, steps } = settings
  return `${importCore(names)}
import { inducedOptimizer } from '@induced-metric/tfjs'
import * as tf from '@tensorflow/tfjs'

const point = tf.variable(tf.tensor1d([${startX}, ${startY}]))
const loss = () => {
  const [x, y] = tf.unstack(point)
  return ${printArrays(lossOf(settings), tfDialect)}
}

const optimizer = inducedOptimizer(tf, ${text})
for (let step = 0; step < ${steps}; step++) optimizer.minimize(loss)

const [x, y] = await point.data()
console.log(x, y, (await tf.tidy(loss).data())[0])
`
}

function jaxCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  const { startX, startY, steps } = settings
  return `${importCore(names)}
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { numpy as np, tree, valueAndGrad } from '@jax-js/jax'

const loss = ({ x, y }) => ${printArrays(lossOf(settings), jaxDialect, (name) => `${name}.ref`)}

const solver = inducedOptimizer(${text})
let params = { x: np.array(${startX}), y: np.array(${startY}) }
let state = solver.init(tree.ref(params))
for (let step = 0; step < ${steps}; step++) {
  const [value, grads] = valueAndGrad(loss)(tree.ref(params))
  const [updates, next] = solver.update(grads, state, tree.ref(params), { loss: value.item() })
  params = applyUpdates(params, updates)
  state = next
}
const end = loss(tree.ref(params)).item()
console.log(params.x.item(), params.y.item(), end)
`
}

const onnxDialect: ArrayDialect = {
  number: (value) => `builder.real(${value}, float)`,
  binary: (op, a, b) =>
    `op('${{ '+': 'Add', '-': 'Sub', '*': 'Mul', '/': 'Div', '^': 'Pow' }[op]}', ${a}, ${b})`,
  call: (name, argument) => `op('${name[0]!.toUpperCase()}${name.slice(1)}', ${argument})`,
}

function onnxCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  const { startX, startY, steps } = settings
  return `${importCore(names)}
import { TrainingSession } from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { createModelBuilder, dataType } from '@induced-metric/onnxruntime/onnx'

// The loss as an ONNX model, whose parameters are x and y.
const { float } = dataType
const builder = createModelBuilder()
const op = (name, ...inputs) => builder.emit(name, inputs)
const [x, y] = [
  builder.initializer('x', [], float, Float32Array.of(${startX})),
  builder.initializer('y', [], float, Float32Array.of(${startY})),
]
const loss = ${printArrays(lossOf(settings), onnxDialect)}
builder.output(builder.emit('Identity', [loss], {}, 'loss'), float, [])

const artifacts = await generateArtifacts(builder.build('surface'), { requiresGrad: ['x', 'y'] })
const optimizer = ${text}
const session = await TrainingSession.create({ ...artifacts, optimizer })
for (let step = 0; step < ${steps}; step++) {
  await session.runTrainStep({})
  await session.runOptimizerStep()
  await session.lazyResetGrad()
}
const end = await session.runEvalStep({})
console.log(...(await session.getContiguousParameters()).data, end.loss.data[0])
await session.release()
`
}

function brainCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  return `${importCore(names)}
import { useOptimizer } from '@induced-metric/brain.js'
import { NeuralNetwork } from 'brain.js'

// brain.js trains networks and nothing else: this is the same optimiser on one.
const network = new NeuralNetwork({ hiddenLayers: [4] })
const handle = useOptimizer(network, ${text}, { batchSize: 4 })
const data = [
  { input: [0, 0], output: [0] },
  { input: [0, 1], output: [1] },
  { input: [1, 0], output: [1] },
  { input: [1, 1], output: [0] },
]
network.train(data, { iterations: ${settings.steps}, errorThresh: 1e-6 })
console.log(handle.report.step, handle.report.loss, handle.report.scale)
`
}

function convnetCode(settings: Settings): string {
  const { names, text } = transformationCode(settings)
  const { startX, startY, steps } = settings
  return `${importCore(names)}
import { InducedTrainer } from '@induced-metric/convnetjs'
import convnetjs from 'convnetjs'
${plainLoss(settings)}

// The surface as a layer of your own; any net of convnetjs's takes its place.
const [params, grads] = [new Float64Array([${startX}, ${startY}]), new Float64Array(2)]
const net = {
  layers: [{ getParamsAndGrads: () => [{ params, grads, name: 'point' }] }],
  forward() {},
  backward() {
    const [x, y] = params
    gradient(x, y).forEach((slope, i) => (grads[i] += slope))
    return loss(x, y)
  },
}
const trainer = new InducedTrainer(net, ${text})
for (let step = 0; step < ${steps}; step++) trainer.train(new convnetjs.Vol(1, 1, 1, 0), 0)
console.log(params[0], params[1], loss(...params))
`
}

const writers: Readonly<Record<TargetId, (settings: Settings) => string>> = {
  core: coreCode,
  tfjs: tfCode,
  onnxruntime: onnxCode,
  brain: brainCode,
  convnetjs: convnetCode,
  jax: jaxCode,
}

/**
 * A program that takes the settings' steps in a framework. It prints x, y and the loss where the run ends; for brain.js, which
 * minimises no functions, it trains a network. For typed formulas, the parser must have been loaded.
 *
 * @throws FormulaError where a typed formula is none
 */
export function writeCode(target: TargetId, settings: Settings): string {
  return writers[target](settings)
}

/** What a program leaves out, as a sentence; empty where it is complete. */
export function omission(target: TargetId, { noise }: Settings): string {
  if (noise !== 0 && target !== 'core' && target !== 'convnetjs')
    return 'The gradient noise is left out: there, noise comes from your batches.'
  if (target === 'tfjs' || target === 'jax' || target === 'onnxruntime')
    return 'It computes in single precision, so it ends near the point of the picture, not at it.'
  return ''
}
