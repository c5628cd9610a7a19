import { canonicalDomain } from '../proto/model.js'
import { optionalIntOf } from '../proto/attribute.js'
import { known } from '../lowering/window.js'
import type { LoweringRule } from '../rewrite/nodeContext.js'

/** A mask that a lowered model is fed: 0 where an element is dropped, 1/(1 − ratio) where it is kept. */
export interface DropoutMask {
  /** The input of the lowered model, of float32. */
  readonly input: string
  readonly dims: readonly number[]
  /** The share of elements that are dropped. */
  readonly ratio: number
  /** The seed that the model gives, if it does. */
  readonly seed: number | undefined
}

/** Rows for dropout, which become products with masks that are inputs. */
export interface DropoutRows {
  readonly Dropout: LoweringRule
  readonly DropoutGrad: LoweringRule
  /** The masks of the nodes so far. */
  readonly masks: readonly DropoutMask[]
}

/**
 * Creates the rows of dropout. The provider has no kernel for it.
 *
 * @param otherwise lowers a gradient whose mask no Dropout makes
 */
export function dropoutRows(otherwise: LoweringRule): DropoutRows {
  const masks: DropoutMask[] = []
  const byMask = new Map<string, string>()
  return {
    masks,
    Dropout(context) {
      const { node, emit, required, input, output, constantOf, typeOf, fresh, refuse, reals, realTypeOf } =
        context
      if (canonicalDomain(node.domain) !== '') refuse('it is not ONNX’s')
      const x = required(0)
      const training = input(2) === undefined ? [0] : constantOf(input(2))
      if (training === undefined) return refuse('whether it drops is not a constant of the model')
      if (training[0] === 0) {
        emit('Identity', [x], {}, output(0))
        return
      }
      const ratio = input(1) === undefined ? 0.5 : constantOf(input(1))?.[0]
      const dims = known(typeOf(x).shape ?? [undefined])
      if (ratio === undefined) return refuse('its ratio is not a constant of the model')
      if (dims === undefined) return refuse(`the extents of ${JSON.stringify(x)} are not known`)
      const mask = fresh(`${node.output[0]!}/dropout_mask`)
      masks.push({ input: mask, dims, ratio, seed: optionalIntOf(node, 'seed') })
      emit('Mul', [x, mask], {}, output(0))
      const kept = output(1)
      if (kept === undefined) return
      byMask.set(kept, mask)
      emit('Greater', [mask, reals([0], realTypeOf(x))], {}, kept)
    },
    DropoutGrad(context) {
      const { emit, required, output } = context
      const mask = byMask.get(required(1))
      if (mask === undefined) otherwise(context)
      else emit('Mul', [required(0), mask], {}, output(0))
    },
  }
}
