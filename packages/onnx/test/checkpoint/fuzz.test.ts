import { InducedMetricError } from '@induced-metric/core'
import fc from 'fast-check'
import { Builder } from 'flatbuffers'
import { describe, expect, it } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/index.js'
import type { CheckpointState } from '../../src/checkpoint/state.js'
import { sequenceOf } from './sequences.js'
import { sampleState } from './state.js'

// For any bytes: a state no larger than the bytes allow, or ERR_CHECKPOINT.

const samples: readonly (readonly [string, Uint8Array])[] = [
  ['flatbuffer', writeCheckpoint(sampleState())],
  ['sequence', sequenceOf(sampleState().trainable)],
]

function attempt(bytes: Uint8Array): CheckpointState | InducedMetricError {
  try {
    return readCheckpoint(bytes)
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_CHECKPOINT') return error
    throw error
  }
}

function sizeOf({ trainable, frozen, optimizerGroups }: CheckpointState): number {
  const momentums = optimizerGroups.flatMap(({ parameters }) =>
    parameters.flatMap(({ momentums }) => momentums),
  )
  return [...trainable, ...frozen, ...momentums].reduce((sum, { data }) => sum + data.byteLength, 0)
}

/** Fails if reading takes more than the bytes justify. */
function expectModest(bytes: Uint8Array): void {
  const result = attempt(bytes)
  if (!(result instanceof InducedMetricError)) expect(sizeOf(result)).toBeLessThanOrEqual(8 * bytes.length)
}

describe.each(samples)('%s', (_, sample) => {
  it('is refused at every truncation', () => {
    for (let length = 0; length < sample.length; length++) {
      expect(attempt(sample.slice(0, length)), `first ${length} bytes`).toBeInstanceOf(InducedMetricError)
    }
  })

  it('survives every byte set to 0, 0xff, 0x7f and 0x80, and every bit flipped', () => {
    for (let at = 0; at < sample.length; at++) {
      const bytes = sample.slice()
      const flips = Array.from({ length: 8 }, (_, bit) => sample[at]! ^ (1 << bit))
      for (const value of [0, 0xff, 0x7f, 0x80, ...flips]) {
        bytes[at] = value
        expectModest(bytes)
      }
    }
  })

  it('survives thousands of mutations', () => {
    const place = fc.nat(sample.length - 1)
    const mutation = fc.oneof(
      fc.record({ kind: fc.constant('byte' as const), at: place, value: fc.nat(255) }),
      fc.record({ kind: fc.constant('word' as const), at: place, value: fc.integer() }),
      fc.record({ kind: fc.constant('copy' as const), at: place, value: place }),
      fc.record({ kind: fc.constant('cut' as const), at: place, value: fc.nat(40) }),
    )
    const mutate = (bytes: Uint8Array, { kind, at, value }: { kind: string; at: number; value: number }) => {
      if (kind === 'cut') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + value)])
      const altered = new Uint8Array(bytes)
      if (kind === 'byte') altered[at] = value
      else if (kind === 'copy') altered.copyWithin(at, value, value + 24)
      else {
        const word = new Uint8Array(new Int32Array([value]).buffer)
        word.forEach((part, i) => void (altered[at + i] = part))
      }
      return altered
    }
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (mutations) => {
        let bytes = new Uint8Array(sample)
        for (const one of mutations) bytes = new Uint8Array(mutate(bytes, one))
        expectModest(bytes)
      }),
      { numRuns: 20_000, seed: 1 },
    )
  })
})

describe('bytes at random', () => {
  it.each(['ODTC', 'ORTM', ''])('after "%s" are refused or read, and nothing else', (tag) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        bytes.set(Buffer.from(tag).subarray(0, Math.max(0, bytes.length - 4)), Math.min(4, bytes.length))
        expectModest(bytes)
      }),
      { numRuns: 5000, seed: 2 },
    )
  })
})

describe('parts that overlap', () => {
  it('cannot make a small file into a large state', () => {
    // One tensor of 64 KB, and a list that names it 100,000 times: 6.5 GB for a reader that believes it.
    const builder = new Builder(2 ** 20)
    const raw = builder.createByteVector(new Uint8Array(65536))
    builder.startVector(8, 1, 8)
    builder.addInt64(16384n)
    const dims = builder.endVector()
    const name = builder.createString('w')
    builder.startObject(7)
    builder.addFieldOffset(0, name, 0)
    builder.addFieldOffset(2, dims, 0)
    builder.addFieldInt32(3, 1, 0)
    builder.addFieldOffset(4, raw, 0)
    const tensor = builder.endObject()
    builder.startVector(4, 100_000, 4)
    for (let i = 0; i < 100_000; i++) builder.addOffset(tensor)
    const trainable = builder.endVector()
    builder.startObject(4)
    builder.addFieldOffset(0, trainable, 0)
    const module = builder.endObject()
    builder.startObject(4)
    builder.addFieldInt32(0, 2, 0)
    builder.addFieldOffset(1, module, 0)
    builder.finish(builder.endObject(), 'ODTC')
    const result = attempt(builder.asUint8Array())
    expect(result).toMatchObject({ message: 'ERR_CHECKPOINT: the checkpoint is altered: its parts overlap' })
  })
})
