import { describe, expect, it } from 'vitest'
import { matrixRows } from '../src/rewrite/matrixRows.js'
import { createNode } from '../src/proto/node.js'

const node = (type: string, inputs: string[], output: string, attributes: Record<string, number> = {}) =>
  createNode(type, inputs, [output], attributes, output)

describe('the rows of a matrix of weights are', () => {
  it.each([
    ['its inputs: x·W', [node('MatMul', ['x', 'w'], 'y')], 'inputs'],
    ['its outputs: W·x', [node('MatMul', ['w', 'x'], 'y')], 'outputs'],
    ['its inputs: Gemm', [node('Gemm', ['x', 'w', 'b'], 'y')], 'inputs'],
    [
      'its outputs: Gemm as PyTorch writes it',
      [node('Gemm', ['x', 'w', 'b'], 'y', { transB: 1 })],
      'outputs',
    ],
    ['its inputs: Wᵀ·x', [node('Gemm', ['w', 'x'], 'y', { transA: 1 })], 'inputs'],
    ['its outputs: x·Wᵀ', [node('Transpose', ['w'], 't'), node('MatMul', ['x', 't'], 'y')], 'outputs'],
    ['its inputs, cast', [node('Cast', ['w'], 't', { to: 1 }), node('MatMul', ['x', 't'], 'y')], 'inputs'],
    ['what is looked up', [node('Gather', ['w', 'tokens'], 'y')], 'inputs'],
    ['not known of a bias', [node('Gemm', ['x', 'v', 'w'], 'y')], undefined],
    ['not known where nothing multiplies', [node('Add', ['x', 'w'], 'y')], undefined],
  ] as const)('%s', (_, nodes, rows) => {
    expect(matrixRows([...nodes], 'w')).toBe(rows)
  })
})
