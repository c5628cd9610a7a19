import type { GroupSettings, Transformation } from '../transformation/types.js'
import { isPerParameter } from '../transformation/wrappers.js'

/** Parameters clipped by one norm. */
export interface ClipUnit {
  readonly clipNorm: number
  /** Indices of the parameters. */
  readonly members: readonly number[]
}

/** Collects the clip units of a plan. */
export interface ClipUnits {
  readonly units: readonly ClipUnit[]
  /** Adds a parameter. Returns the index of its unit, or −1 if its norm is not limited. */
  add(index: number, settings: GroupSettings): number
}

/** Groups that inherit the norm are clipped together; a group that sets its own is clipped by itself. */
export function createClipUnits({ settings: common }: Transformation): ClipUnits {
  const units: { readonly clipNorm: number; readonly members: number[] }[] = []
  const byOwner = new Map<GroupSettings, number>()
  return {
    units,
    add(index, settings) {
      const { clipNorm } = settings
      if (clipNorm === undefined) return -1
      if (isPerParameter(clipNorm)) return units.push({ clipNorm: clipNorm.norm, members: [index] }) - 1
      const owner = clipNorm === common.clipNorm ? common : settings
      const found = byOwner.get(owner) ?? units.push({ clipNorm, members: [] }) - 1
      byOwner.set(owner, found)
      units[found]!.members.push(index)
      return found
    },
  }
}
