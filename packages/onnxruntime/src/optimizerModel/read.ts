import {
  algebra,
  definePreconditioner,
  fromJSON,
  inducedMetric,
  InducedMetricError,
  sgd,
  type Transformation,
  type TransformationJSON,
} from '@induced-metric/core'
import { coded } from '@induced-metric/onnx/adapter'
import { floatOf, intOf, type Model } from '@induced-metric/onnx/proto'

const { add, div, ema, mul, pow, sqrt, square, sub } = algebra

/** The metadata key under which an optimizer model stores its transformation. */
export const transformationKey = 'induced-metric.transformation'

/** The learning rate of ONNX Runtime training until another is set. */
export const defaultLearningRate = 0.001

const rate = { kind: 'number', min: 0, max: 1 } as const
const positive = { kind: 'number', min: 0 } as const

/**
 * AdamW as in ONNX Runtime's kernel of that name. In mode 0 (PyTorch's) the kernel adds ε to the bias-corrected root and decays
 * first. In mode 1 (Hugging Face's) it adds ε to the root as it is and decays the updated parameter: θ′ = θ − lr·d;
 * θ″ = θ′ − lr·wd·θ′ = θ − lr·(1 − lr·wd)·d − lr·wd·θ. `shrink` is that lr·wd.
 */
const adamw = definePreconditioner({
  name: 'onnxruntime-adamw',
  hyperparameters: {
    alpha: { ...rate, default: 0.9 },
    beta: { ...rate, default: 0.999 },
    epsilon: { ...positive, default: 1e-6 },
    shrink: { ...positive, default: 0 },
    corrected: { kind: 'boolean', default: true },
    mode: { kind: 'integer', default: 1, min: 0, max: 1 },
  },
  update({ gradient: g, step, slot, alpha, beta, epsilon, shrink, corrected, mode }) {
    const m = ema(slot('m'), g, alpha)
    const v = ema(slot('v'), square(g), beta)
    const first = corrected ? sub(1, pow(alpha, step)) : algebra.literal(1)
    const second = corrected ? sqrt(sub(1, pow(beta, step))) : algebra.literal(1)
    const denominator = add(sqrt(v), mode === 0 ? mul(epsilon, second) : epsilon)
    const direction = mul(div(second, first), div(m, denominator))
    return { direction: mode === 0 ? direction : mul(sub(1, shrink), direction), slots: { m, v } }
  },
})

/**
 * Returns the transformation of an optimizer model: the one stored by {@link optimizerModel}, or one that takes the same steps
 * as the AdamWOptimizer or SGDOptimizerV2 of `generate_artifacts`.
 *
 * @param learningRate the learning rate at a step, for kernels that receive it at run time
 * @throws ERR_NOT_SUPPORTED for any other model; ERR_OPTION when the stored transformation is not JSON
 */
export function readOptimizerModel(model: Model, learningRate: (step: number) => number): Transformation {
  const carried = model.metadataProps.find(({ key }) => key === transformationKey)
  if (carried) return fromJSON(parse(carried.value))
  for (const node of model.graph.node) {
    if (node.domain !== 'com.microsoft') continue
    if (node.opType === 'SGDOptimizerV2') return inducedMetric(sgd(), { learningRate, xi: 0 })
    if (node.opType !== 'AdamWOptimizer') continue
    const weightDecay = floatOf(node, 'weight_decay', 0.01)
    const mode = intOf(node, 'adam_mode', 0)
    const base = adamw({
      alpha: floatOf(node, 'alpha', 0.9),
      beta: floatOf(node, 'beta', 0.999),
      epsilon: floatOf(node, 'epsilon', 1e-8),
      corrected: intOf(node, 'correct_bias', 1) !== 0,
      mode,
      shrink: (step) => learningRate(step) * weightDecay,
    })
    return inducedMetric(base, { learningRate, xi: 0, weightDecay })
  }
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `the optimizer model contains neither AdamWOptimizer nor SGDOptimizerV2 nor a transformation (it has ` +
      `${[...new Set(model.graph.node.map(({ opType }) => opType))].join(', ')}); give the option optimizer, as in ` +
      'inducedMetric(adam(), { learningRate: 0.001 })',
  )
}

function parse(json: string): TransformationJSON {
  try {
    return JSON.parse(json) as TransformationJSON
  } catch (error) {
    throw coded('ERR_OPTION', 'the transformation in the metadata of the optimizer model is not JSON', error)
  }
}
