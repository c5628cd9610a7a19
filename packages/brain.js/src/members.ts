import { show } from '@induced-metric/core/adapter'

/** Whether a value is an object that has all of these members. */
export function hasMembers(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value)
}

/** The name of a value's class, for errors. */
export function classOf(value: unknown): string {
  if (typeof value === 'function') return `the function or class ${value.name}`
  return typeof value === 'object' && value !== null ? value.constructor.name : show(value)
}
