import { numbers, type AxisId } from './numbers.js'
import type { Settings } from './settings.js'

/** The cells of the phase diagram, along each axis. */
export const phaseSize = 64

/** The value on an axis at a cell. */
export function axisValue(axis: AxisId, cell: number): number {
  const { min, max, scale } = numbers[axis]
  const share = cell / (phaseSize - 1)
  return scale === 'log' ? min * (max / min) ** share : min + (max - min) * share
}

/** The place of a value on an axis, in cells from the centre of the first. */
export function axisPlace(axis: AxisId, value: number): number {
  const { min, max, scale } = numbers[axis]
  const share = scale === 'log' ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min)
  return share * (phaseSize - 1)
}

/** The settings of a cell's run. An axis that is ξ or κ says how ξ is given. */
export function cellSettings(settings: Settings, column: number, row: number): Settings {
  const { axisX, axisY } = settings
  const given = { ...settings, [axisX]: axisValue(axisX, column), [axisY]: axisValue(axisY, row) }
  if (axisX === 'xi' || axisY === 'xi') return { ...given, xiMode: 'number' }
  return axisX === 'perRate' || axisY === 'perRate' ? { ...given, xiMode: 'rate' } : given
}
