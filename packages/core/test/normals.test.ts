import { describe, expect, it } from 'vitest'
import { fillNormals, philox } from '../src/step/normals.js'

const source = { seed: 1, name: 'w', stream: 0, step: 1 }

function normals(length: number, given: Partial<typeof source> = {}): Float64Array {
  const out = new Float64Array(length)
  fillNormals(out, { ...source, ...given })
  return out
}

describe('philox', () => {
  // The known answers that come with Random123.
  it.each<[counter: [number, number, number, number], key: [number, number], words: string]>([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('of %j and %j', (counter, key, words) => {
    const out = new Uint32Array(4)
    philox(out, counter, key)
    expect(Array.from(out, (x) => x.toString(16).padStart(8, '0')).join(' ')).toBe(words)
  })
})

describe('fillNormals', () => {
  it('has the moments of a standard normal distribution', () => {
    const x = normals(100_000)
    const mean = (f: (value: number) => number): number =>
      x.reduce((sum, value) => sum + f(value), 0) / x.length
    expect(Math.abs(mean((v) => v))).toBeLessThan(0.01)
    expect(Math.abs(mean((v) => v ** 2) - 1)).toBeLessThan(0.015)
    expect(Math.abs(mean((v) => v ** 3))).toBeLessThan(0.05)
    expect(Math.abs(mean((v) => v ** 4) - 3)).toBeLessThan(0.15)
    expect(Math.abs(mean((v) => (Math.abs(v) < 1 ? 1 : 0)) - 0.6827)).toBeLessThan(0.005)
  })

  it('is the same for the same arguments, and does not depend on the length', () => {
    expect(normals(7)).toEqual(normals(8).slice(0, 7))
    expect(normals(0)).toHaveLength(0)
    const single = new Float32Array(3)
    fillNormals(single, source)
    expect(single).toEqual(Float32Array.from(normals(3)))
  })

  it.each<[string, Partial<typeof source>]>([
    ['seeds', { seed: 2 }],
    ['high seeds', { seed: 1 + 2 ** 32 }],
    ['names', { name: 'v' }],
    ['streams', { stream: 1 }],
    ['steps', { step: 2 }],
    ['late steps', { step: 1 + 2 ** 32 }],
  ])('differs between %s', (_, other) => {
    const [a, b] = [normals(1000), normals(1000, other)]
    const correlation = a.reduce((sum, x, i) => sum + x * b[i]!, 0) / a.length
    expect(Math.abs(correlation)).toBeLessThan(0.12)
    expect(a.some((x, i) => x === b[i])).toBe(false)
  })
})
