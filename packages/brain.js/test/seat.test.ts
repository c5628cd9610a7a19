import { adam, inducedMetric, muon } from '@induced-metric/core'
import { createMemory } from '@induced-metric/core/adapter'
import { describe, expect, it } from 'vitest'
import { createSeat, type Seat } from '../src/sharedWeights.js'
import type { Tensor } from '../src/parameter.js'

interface Held {
  readonly tensor: Tensor
  rows: (Float32Array | number[])[]
  gradient: Float32Array | undefined
}

/** A tensor of some network. */
function hold(name: string, rows: (Float32Array | number[])[]): Held {
  const held: Held = {
    rows,
    gradient: undefined,
    tensor: {
      name,
      shape: [rows.length, rows[0]!.length],
      rows: rows.length,
      get: (row) => held.rows[row],
      set: (row, array) => (held.rows[row] = array),
      setGradient: (array) => (held.gradient = array),
    },
  }
  return held
}

const numbers = ({ rows }: Held): number[] => rows.flatMap((row) => Array.from(row))
const one = (seat: Seat): void => seat.step(seat.gradients, 1)

describe.each([
  ['adam', inducedMetric(adam(), { learningRate: 0.1 })],
  ['muon', inducedMetric(muon(), { learningRate: 0.1 })],
])('a seat for %s', (_, transformation) => {
  const make = (): Held[] => [
    hold('a', [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]),
    hold('b', [[0.5, 0.25]]),
  ]

  it('follows a memory that grows', () => {
    const memory = createMemory()
    const [held, twins] = [make(), make()]
    const tensors = (list: Held[]): Tensor[] => list.map(({ tensor }) => tensor)
    const seat = createSeat(transformation, tensors(held), { adopt: true, memory })
    const twin = createSeat(transformation, tensors(twins))
    const fill = ({ gradients }: Seat): void =>
      gradients.forEach((gradient, i) => gradient.forEach((_, j) => (gradient[j] = i + j + 1)))
    for (const each of [seat, twin]) {
      fill(each)
      one(each)
    }
    const before = held.map(numbers)
    expect(before).toEqual(twins.map(numbers))

    fill(seat)
    memory.grow(1)
    // Every view of the memory has just lost its elements.
    expect(held[0]!.rows[1]!).toHaveLength(0)
    expect(seat.settle()).toBe('none')
    expect(held.map(numbers)).toEqual(before)
    fill(twin)
    for (const each of [seat, twin]) one(each)
    expect(held.map(numbers)).toEqual(twins.map(numbers))
    expect(held[0]!.rows[1]!).toHaveLength(3)
    expect(held.map(({ gradient }) => gradient)).toEqual(seat.gradients)
    expect(seat.settle()).toBe('none')
  })

  it('copies gradients that lie elsewhere', () => {
    const [held, twins] = [make(), make()]
    const seat = createSeat(
      transformation,
      held.map(({ tensor }) => tensor),
    )
    const twin = createSeat(
      transformation,
      twins.map(({ tensor }) => tensor),
    )
    const gradients = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(7, 8)]
    seat.step(gradients, 1)
    twin.gradients.forEach((gradient, i) => gradient.set(gradients[i]!))
    one(twin)
    expect(held.map(numbers)).toEqual(twins.map(numbers))
    expect(() => seat.step([Float32Array.of(1), gradients[1]!], 1)).toThrow(/ERR_SHAPE.*\ba\b/)
  })

  it('sees what the network has replaced', () => {
    const held = make()
    const seat = createSeat(
      transformation,
      held.map(({ tensor }) => tensor),
    )
    expect(seat.settle()).toBe('none')
    held[0]!.rows[1] = [7, 8, 9]
    expect(seat.settle()).toBe('some')
    expect(numbers(held[0]!)).toEqual([1, 2, 3, 7, 8, 9])
    expect(held[0]!.rows[1]).toBeInstanceOf(Float32Array)
    held[0]!.rows[0] = [1]
    expect(() => seat.settle()).toThrow(/ERR_SHAPE/)
    for (const each of held) each.rows = each.rows.map((row) => Float32Array.from(row))
    expect(seat.settle()).toBe('all')
  })

  it('gives the network arrays of its own again', () => {
    const held = make()
    const seat = createSeat(
      transformation,
      held.map(({ tensor }) => tensor),
    )
    seat.release()
    expect(held.map(numbers)).toEqual(make().map(numbers))
    expect((held[0]!.rows[0] as Float32Array).buffer.byteLength).toBe(12)
    expect(held[1]!.gradient).toHaveLength(2)
  })

  it.each([
    ['in double precision', new Float64Array(3), /ERR_NOT_SUPPORTED/],
    ['on a GPU', { texture: {} }, /ERR_NOT_SUPPORTED/],
    ['too short', new Float32Array(2), /ERR_SHAPE/],
  ])('refuses weights %s, and leaves the network as it is', (_, row, message) => {
    const held = make()
    held[0]!.rows[1] = row as never
    const before = held.map(({ rows }) => [...rows])
    expect(() =>
      createSeat(
        transformation,
        held.map(({ tensor }) => tensor),
      ),
    ).toThrow(message)
    held.forEach(({ rows }, i) => expect(rows.every((row, j) => row === before[i]![j])).toBe(true))
  })
})
