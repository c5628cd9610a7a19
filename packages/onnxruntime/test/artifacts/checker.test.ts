import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { generateArtifacts, writeArtifacts } from '../../src/artifacts.js'
import { gpt, lenet, mlp, recurrent } from '@induced-metric/onnx/models'

// The checker of Python's onnx package (Debian: python3-onnx), if it is installed.
const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import onnx.checker']).status === 0,
)

const folder = mkdtempSync(join(tmpdir(), 'induced-metric-checker-'))
afterAll(() => rmSync(folder, { recursive: true }))

function check(files: readonly string[]): string {
  const code = 'import sys, onnx.checker\nfor path in sys.argv[1:]: onnx.checker.check_model(path)'
  const { status, stderr } = spawnSync(python!, ['-c', code, ...files], { encoding: 'utf8' })
  return status === 0 ? 'valid' : stderr
}

describe.skipIf(python === undefined)('onnx’s own checker accepts the artifacts of', () => {
  it.each([
    [
      'recurrent layers',
      recurrent({ kind: 'gru', layers: 2, bidirectional: true, hidden: 4 }),
      'cross-entropy',
    ],
    ['a dense network', mlp({ sizes: [4, 8, 3] }), 'cross-entropy'],
    [
      'a transformer',
      gpt({ layers: 1, width: 8, heads: 2, vocabulary: 11, context: 6, approximate: 'tanh' }),
      'mse',
    ],
  ] as const)('%s', async (name, model, loss) => {
    const files = await writeArtifacts(
      join(folder, name),
      await generateArtifacts(model, { loss, optimizer: 'adamw' }),
    )
    expect(check(files.filter((file) => file.endsWith('.onnx')))).toBe('valid')
  })

  it('a convolutional network, but for MaxPoolGrad, which the training build put among ONNX’s own operators', async () => {
    const files = await writeArtifacts(
      join(folder, 'lenet'),
      await generateArtifacts(lenet({}), { loss: 'cross-entropy' }),
    )
    const [train, evaluation] = ['training', 'eval'].map((part) => files.find((file) => file.includes(part))!)
    expect(check([evaluation!])).toBe('valid')
    expect(check([train!])).toMatch(/No Op registered for MaxPoolGrad/)
  })
})
