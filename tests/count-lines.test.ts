import { describe, expect, it } from 'vitest'
import { columnOf, countLines, countPackages } from '../scripts/count-lines.js'

describe('the lines of code of a file', () => {
  it.each([
    ['blank lines', 'a\n\n  \nb\n', 2],
    ['comments to the end of the line', '// one\na // two\n  // three\n', 1],
    ['comments of several lines', '/**\n * one\n *\n */\na\n/* two */\n', 1],
    ['the code around a comment', 'a /* one\n two */ b\n', 2],
    ['strings that look like comments', `a = '// one'\nb = "/* two"\nc = 1 // */\n`, 3],
    ['templates that look like comments', 'a = `\n// one\n/* two */\n${b /* three\n*/}\n`\n', 6],
    ['templates in templates', 'a = `${`// ${b}`}\n/*`\nc\n', 3],
    ['regular expressions that look like comments', 'a = /[/*]/\nb = /\\/*/ // one\nc\n', 3],
    ['types', 'type A = {\n  // one\n  b: string /* two */\n}\n', 3],
  ])('are counted without comments and blank lines: %s', (_, text, expected) => {
    expect(countLines(text, 'a.ts')).toBe(expected)
  })

  it('are not counted in a file that is none', () => {
    expect(() => countLines('a = `', 'broken.ts')).toThrow('broken.ts')
  })
})

describe('the lines of code of a package', () => {
  it('go by package, and apart where they are counted apart', () => {
    const files = [
      'packages/brain.js/src/index.ts',
      'packages/brain.js/src/gradients/tape.ts',
      'packages/brain.js/src/usePerExample.ts',
      'packages/brain.js/test/tape.test.ts',
      'packages/core/src/schema_pb.ts',
      'packages/core/src/graph/graph.ts',
      'packages/core/src/gpu/optimizer.ts',
      'packages/core/src/engines/webgpu/step.ts',
      'examples/mnist/src/main.ts',
    ]
    const packages = countPackages(files, (file) => `a\n// ${file}\nb\n`)
    expect([...packages]).toEqual([
      ['brain.js', { code: 2, derivatives: 2, GPU: 0, 'per example': 2, generated: 0 }],
      ['core', { code: 2, derivatives: 0, GPU: 4, 'per example': 0, generated: 2 }],
    ])
  })

  it('call no gradients of ONNX derivatives', () => {
    expect(columnOf('packages/onnx/src/gradients/softmax.ts')).toBe('code')
  })
})
