import { unsupported } from '@induced-metric/core/adapter'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { upgradedOpset, upgradeOperators } from '../rewrite/upgrade/index.js'
import { clearUnknownExtents } from './declarations.js'
import { gatherConstants } from '../rewrite/fold.js'
import { inlineFunctions } from '../rewrite/inline.js'
import { sortNodes } from '../rewrite/sort.js'
import { validateModel } from './validate.js'

/**
 * Versions of the file format: since 4, initializers need not be inputs; the last genuine release with training reads
 * 10.
 */
const formats = { oldest: 7n, newest: 10n }

/** A model that gradients can be added to. */
export interface PreparedModel {
  readonly model: Model
  /** Model-local functions that were inlined, and how often. */
  readonly inlined: ReadonlyMap<string, number>
  /** Constants that the model has, or gets, outside its initializers. They are not parameters. */
  readonly constants: ReadonlySet<string>
}

/**
 * Checks a model and brings it into the form that the other steps need: no functions, nodes in order, constants among
 * the initializers, no inputs that are constants.
 *
 * @param model is changed
 * @param promoted whether constants in nodes may be parameters nevertheless
 * @throws ERR_OPTION for a model that is not valid ONNX; ERR_NOT_SUPPORTED for unsupported parts
 */
export function prepareModel(model: Model, promoted = false): PreparedModel {
  // In the first two versions of the file format there was one version of the operators, and no name for it.
  if (model.irVersion < 3n && model.opsetImport.length === 0) setOpset(model, '', 1)
  validateModel(model)
  const { graph } = model
  for (const { domain, version } of model.opsetImport) {
    // A domain that is imported twice in the same version is then imported once.
    setOpset(model, canonicalDomain(domain), Number(version))
  }
  clearUnknownExtents(graph)
  const initializers = new Set(graph.initializer.map(({ name }) => name))
  graph.input = graph.input.filter(({ name }) => !initializers.has(name))
  for (const { name, type } of [...graph.input, ...graph.output]) {
    if (type !== undefined && type.value.case !== 'tensorType' && type.value.case !== undefined) {
      throw unsupported(
        `${JSON.stringify(name)} is a ${type.value.case.replace('Type', '')}: inputs and outputs must be tensors`,
      )
    }
  }
  const inlined = inlineFunctions(model)
  const own = new Set(graph.initializer.map(({ name }) => name))
  const inNodes = gatherConstants(graph)
  graph.node = sortNodes(graph.node)
  const opset = opsetOf(model)!
  if (opset < upgradedOpset) {
    // From this opset on, the runtime knows the number of axes that a Reshape with a computed target gives.
    upgradeOperators(graph, opset)
    setOpset(model, '', upgradedOpset)
  }
  if (model.irVersion < formats.oldest) model.irVersion = formats.oldest
  if (model.irVersion > formats.newest) model.irVersion = formats.newest
  // ONNX once had programs for training. They have no place in a model for inference.
  model.trainingInfo = []
  const kept = graph.initializer.map(({ name }) => name).filter((name) => !own.has(name))
  return { model, inlined, constants: new Set(promoted ? kept.filter((name) => !inNodes.has(name)) : kept) }
}
