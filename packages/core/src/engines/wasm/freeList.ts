/** A range of addresses. */
interface Range {
  start: number
  end: number
}

/** The free ranges of a memory. */
export interface FreeList {
  /** Bytes in all ranges. */
  total(): number
  /** Adds a range, which must not overlap any other. */
  add(start: number, end: number): void
  /** Takes a block out of the first range that holds it; its address, or `undefined` where none does. */
  take(size: number): number | undefined
  /** The size of the range that ends at an address, or 0. */
  sizeBefore(end: number): number
}

/** Creates an empty list of free ranges. */
export function createFreeList(): FreeList {
  /** In order. No two of them touch. */
  const ranges: Range[] = []
  let total = 0

  /** The index of the first range that starts at an address or behind it. */
  const indexOf = (address: number): number => {
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (ranges[middle]!.start < address) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    total: () => total,
    add(start, end) {
      if (start === end) return
      const index = indexOf(start)
      const before = index > 0 ? ranges[index - 1] : undefined
      const after = index < ranges.length ? ranges[index] : undefined
      total += end - start
      const adjoining = after?.start === end ? after : undefined
      if (before?.end === start) {
        before.end = adjoining?.end ?? end
        if (adjoining) ranges.splice(index, 1)
      } else if (adjoining) adjoining.start = start
      else ranges.splice(index, 0, { start, end })
    },
    take(size) {
      for (let index = 0; index < ranges.length; index++) {
        const range = ranges[index]!
        if (range.end - range.start < size) continue
        const { start } = range
        range.start += size
        if (range.start === range.end) ranges.splice(index, 1)
        total -= size
        return start
      }
      return undefined
    },
    sizeBefore(end) {
      const last = ranges[ranges.length - 1]
      return last?.end === end ? last.end - last.start : 0
    },
  }
}
