import type { CheckpointState } from '../../src/checkpoint/state.js'

/** A checkpoint with every kind of content. */
export function sampleState(): CheckpointState {
  const float = (name: string, dims: number[], seed: number) => {
    const size = dims.reduce((product, dim) => product * dim, 1)
    return {
      name,
      dims,
      dataType: 1,
      data: Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i)),
    }
  }
  const momentums = (dims: number[]) => [float('momentum0', dims, 1), float('momentum1', dims, 2)]
  return {
    trainable: [
      float('fc1.weight', [3, 5], 0),
      float('fc1.bias', [3], 7),
      { name: 'scale', dims: [], dataType: 11, data: new Float64Array([Math.PI]) },
      { name: 'void', dims: [0, 4], dataType: 1, data: new Float32Array() },
    ],
    frozen: [
      { name: 'table', dims: [2, 2], dataType: 7, data: new BigInt64Array([1n, -2n, 2n ** 62n, 0n]) },
      { name: 'mask', dims: [3], dataType: 9, data: new Uint8Array([1, 0, 1]) },
      { name: 'half', dims: [1], dataType: 10, data: new Uint16Array([0x3c00]) },
    ],
    optimizerGroups: [
      {
        name: 'group0',
        step: 41n,
        initialLearningRate: Math.fround(1e-3),
        parameters: [
          { name: 'fc1.weight', momentums: momentums([3, 5]) },
          { name: 'fc1.bias', momentums: momentums([3]) },
        ],
      },
    ],
    properties: new Map<string, bigint | number | string>([
      ['epoch', 2n ** 40n],
      ['nothing', 0n],
      ['best', 0.25],
      ['note', 'Grüße, 𝛏'],
      ['empty', ''],
    ]),
  }
}
