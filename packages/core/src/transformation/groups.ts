import type { ParameterInfo } from './types.js'

/** Says which group a parameter is in, by its label; `undefined` for none. */
export type GroupOf = (parameter: ParameterInfo) => string | undefined

/**
 * Puts parameters into groups, for adapters that have an option `groupOf`.
 *
 * @param parameters of the framework's model
 * @param groupOf called for each of them with its name and shape; without it nothing changes
 * @returns the same parameters, with `group` where the function gave a label
 *
 * @example
 * ```ts
 * import { withGroups } from '@induced-metric/core/adapter'
 *
 * const parameters = [{ name: 'dense/kernel', shape: [4, 2] }, { name: 'dense/bias', shape: [2] }]
 * const grouped = withGroups(parameters, ({ shape }) => (shape.length < 2 ? 'vectors' : undefined))
 * console.log(grouped.map(({ group }) => group)) // [undefined, 'vectors']
 * ```
 */
export function withGroups<P extends ParameterInfo>(
  parameters: readonly P[],
  groupOf: GroupOf | undefined,
): (P & ParameterInfo)[] {
  return parameters.map((parameter) => {
    const group = groupOf?.({ name: parameter.name, shape: parameter.shape })
    return group === undefined ? parameter : { ...parameter, group }
  })
}
