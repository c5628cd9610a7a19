import { attributeOf, floatOf, intOf, stringOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { convolutionAttributes } from './convolution.js'

/** The parameters of activations, in the order of the runtime's list. */
const parametersOf: Readonly<Record<string, readonly string[]>> = {
  Elu: ['alpha'],
  HardSigmoid: ['alpha', 'beta'],
  LeakyRelu: ['alpha'],
  ThresholdedRelu: ['alpha'],
}

/** Applies the activation that a node names to a value, which becomes its output. */
function activate(context: LoweringContext, x: string, parameters: readonly number[]): void {
  const { node, emit, reals, realTypeOf, required, output } = context
  const activation = stringOf(node, 'activation', '')
  if (activation === 'Clip') {
    const type = realTypeOf(required(0))
    emit('Clip', [x, ...parameters.map((bound) => reals([bound], type))], {}, output(0))
    return
  }
  const attributes = Object.fromEntries(
    (parametersOf[activation] ?? []).flatMap((name, i) => {
      const given = parameters[i]
      return given === undefined ? [] : [[name, { float: given }] as const]
    }),
  )
  emit(activation === '' ? 'Identity' : activation, [x], attributes, output(0))
}

/** A convolution, a sum if there is an addend, and an activation. */
const fusedConv: LoweringRule = (context) => {
  const { node, emit, input, required } = context
  const convolved = emit('Conv', [required(0), required(1), input(2)], convolutionAttributes(node))
  const addend = input(3)
  const sum = addend === undefined ? convolved : emit('Add', [convolved, addend])
  activate(context, sum, attributeOf(node, 'activation_params')?.floats ?? [])
}

/** A product and an activation. */
const fusedGemm: LoweringRule = (context) => {
  const { node, emit, input, required } = context
  const product = emit('Gemm', [required(0), required(1), input(2)], {
    alpha: { float: floatOf(node, 'alpha', 1) },
    beta: { float: floatOf(node, 'beta', 1) },
    transA: intOf(node, 'transA', 0),
    transB: intOf(node, 'transB', 0),
  })
  const parameters = ['activation_alpha', 'activation_beta', 'activation_gamma'].flatMap(
    (name) => attributeOf(node, name)?.f ?? [],
  )
  activate(context, product, parameters)
}

export const fused = { FusedConv: fusedConv, FusedGemm: fusedGemm } satisfies Record<string, LoweringRule>
