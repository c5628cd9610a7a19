// The numbers of the fields in ONNX Runtime's checkpoint schema. Its tables refer to one another in one direction
// only, so no file can lead a reader in a circle.

/** The four bytes after the offset of the root table. */
export const identifier = 'ODTC'

/**
 * The version that is written. The genuine runtime 1.19.2 accepts no other. Version 1 differs in nothing that a
 * parameter needs.
 */
export const version = 2

/** The checkpoint itself. */
export const Checkpoint = { version: 0, moduleState: 1, optimizerGroups: 2, propertyBag: 3 } as const
/** The parameters. */
export const ModuleState = { trainable: 0, frozen: 1, isNominal: 2, hasExternalData: 3 } as const
/** A tensor; its documentation (1) and its strings (5) are not used. */
export const Tensor = { name: 0, dims: 2, dataType: 3, rawData: 4, externalOffset: 6 } as const
/** An optimiser group. */
export const OptimizerGroup = { name: 0, step: 1, initialLearningRate: 2, states: 3 } as const
/** The optimiser state of one parameter. */
export const ParameterState = { name: 0, momentums: 1 } as const
/** Properties by their type. */
export const PropertyBag = { ints: 0, floats: 1, strings: 2 } as const
/** The property that names the temporary file of a checkpoint's data until that file has its final name. */
export const dataTagKey = 'induced-metric.data'
/** A property of any type. */
export const Entry = { name: 0, value: 1 } as const
