import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { addLora, generateArtifacts, mergeLora } from '../../src/artifacts.js'
import { inlineFunctions } from '../../../onnx/src/rewrite/inline.js'
import { lowerModel, unsupportedNodes } from '@induced-metric/onnx'
import {
  createModel,
  createNode as node,
  createValue as value,
  FunctionProtoSchema,
  int64Tensor,
  readModel,
  writeModel,
  type Model,
  type NodeProto,
} from '@induced-metric/onnx/proto'
import { drawn } from '../../../onnx/test/gradients/harness.js'
import { forward } from './training.js'

const w = drawn([3, 3], 2)
/** y = f(x), with a square weight. */
const small = (nodes: readonly NodeProto[], more: Record<string, typeof w> = {}): Model =>
  forward(nodes, { x: ['batch', 3] }, { w, ...more }, { y: ['batch', 3] })

/** Properties that every object inherits. */
const inherited = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', 'name', 'length']

describe.each(inherited)('a name such as %j', (name) => {
  const noTypeError = async (act: () => unknown): Promise<void> => {
    const error: unknown = await Promise.resolve()
      .then(act)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      )
    if (error !== undefined) expect(error).toMatchObject({ name: 'InducedMetricError' })
  }

  it('is no operator, nor a domain', async () => {
    for (const domain of ['', 'com.microsoft', name]) {
      for (const opset of [11, 17]) {
        const model = small([
          node('MatMul', ['x', 'w'], ['h']),
          node(domain === '' ? name : `${domain}:${name}`, ['h'], ['y']),
        ])
        model.opsetImport[0]!.version = BigInt(opset)
        await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toMatchObject({
          name: 'InducedMetricError',
        })
        await noTypeError(() => lowerModel(model))
        await noTypeError(() => unsupportedNodes(model))
        await noTypeError(() => addLora(model, { rank: 1, targets: 'w' }))
      }
    }
  })

  it('may be that of a value', async () => {
    const renamed = (given: string): Model =>
      forward([node('MatMul', ['x', given], ['y'])], { x: ['batch', 3] }, { [given]: w }, { y: ['batch', 3] })
    const model = name === '__proto__' ? renamed('w') : renamed(name)
    if (name === '__proto__') {
      model.graph.initializer[0]!.name = name
      model.graph.node[0]!.input[1] = name
      await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(/ERR_NOT_SUPPORTED.*rename/)
      return
    }
    const { summary } = await generateArtifacts(model, { loss: 'mse' })
    expect(summary.parameters).toEqual([{ name, dims: [3, 3], trainable: true }])
    expect(addLora(model, { rank: 1, targets: name }).trainable).toHaveLength(2)
  })
})

describe('low-rank adapters', () => {
  it('refuse a model that is not valid: a cycle, a value that nothing computes', () => {
    const cycle = small([
      node('Transpose', ['w'], ['a']),
      node('Transpose', ['b'], ['c']),
      node('Transpose', ['c'], ['b']),
      node('MatMul', ['x', 'a'], ['y']),
    ])
    expect(() => addLora(cycle, { rank: 1, targets: 'w' })).toThrow(/ERR_OPTION.*depends on its own output/)
    const itself = small([node('Transpose', ['w'], ['w']), node('MatMul', ['x', 'w'], ['y'])])
    expect(() => addLora(itself, { rank: 1, targets: 'w' })).toThrow(/ERR_OPTION.*"w" is defined twice/)
    const lacking = small([node('MatMul', ['x', 'v'], ['y'])])
    expect(() => addLora(lacking, { rank: 1, targets: 'w' })).toThrow(/ERR_OPTION.*nothing computes/)
  })

  it('take a time in proportion to the model: of doubled transposes, and of a long chain of them', () => {
    const chain = (length: number, inputs: (name: string) => string[]): Model =>
      small([
        ...Array.from({ length }, (_, i) =>
          node('Transpose', inputs(i === 0 ? 'w' : `t${i}`), [`t${i + 1}`]),
        ),
        node('MatMul', ['x', `t${length}`], ['y']),
      ])
    const doubled = addLora(
      chain(60, (name) => [name, name]),
      { rank: 1, targets: 'w' },
    )
    expect(doubled.trainable).toHaveLength(2)
    expect(
      addLora(
        chain(20_000, (name) => [name]),
        { rank: 1, targets: 'w' },
      ).trainable,
    ).toHaveLength(2)
  })

  it.each<[string, () => unknown]>([
    ['a path', () => addLora('model.onnx' as never, { rank: 1, targets: 'w' })],
    ['nothing', () => addLora(undefined as never, { rank: 1, targets: 'w' })],
    ['no options', () => addLora(small([node('MatMul', ['x', 'w'], ['y'])]), undefined as never)],
    ['no targets', () => addLora(small([node('MatMul', ['x', 'w'], ['y'])]), { rank: 1 } as never)],
    [
      'a number for targets',
      () => addLora(small([node('MatMul', ['x', 'w'], ['y'])]), { rank: 1, targets: [1] } as never),
    ],
    ['nothing to merge', () => mergeLora({} as never)],
  ])('say what is wrong with %s', (_, act) => {
    expect(act).toThrow(/^ERR_OPTION/)
  })
})

/** Seconds that this process has computed for. Unlike the time of day, they leave out what else the machine does. */
function computingSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

describe('model-local functions', () => {
  const opsetImport = [{ domain: '', version: 17n }]
  /** Functions that call the next one several times; the last has a node, or none. */
  const calling = (
    depth: number,
    times: number,
    last: readonly NodeProto[] = [node('Relu', ['a'], ['b'])],
  ): Model => {
    const model = small([node('MatMul', ['x', 'w'], ['h']), node('test:F0', ['h'], ['y'])])
    model.functions = Array.from({ length: depth + 1 }, (_, i) =>
      create(FunctionProtoSchema, {
        name: `F${i}`,
        domain: 'test',
        input: ['a'],
        output: ['b'],
        opsetImport,
        node:
          i === depth
            ? [...last]
            : Array.from({ length: times }, (_, k) =>
                node(`test:F${i + 1}`, [k === 0 ? 'a' : `v${k}`], [k === times - 1 ? 'b' : `v${k + 1}`]),
              ),
      }),
    )
    return model
  }

  it.each([
    ['30 that call two each', 30, 2],
    ['1,000 that call two each', 1000, 2],
    ['three that call 100 each', 3, 100],
    ['1,000 that call one each', 1000, 1],
  ])('of %s are refused before anything is made of them', async (_, depth, times) => {
    const start = computingSeconds()
    const model = calling(depth, times)
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*(nodes once|deep)/,
    )
    // Without the limit it took 22 and more.
    expect(computingSeconds() - start).toBeLessThan(5)
  })

  it('that call and compute nothing are refused alike', async () => {
    const pass = [node('Identity', ['a'], ['b'])]
    await expect(generateArtifacts(calling(25, 2, pass), { loss: 'mse' })).rejects.toThrow(
      /ERR_NOT_SUPPORTED/,
    )
    const none = calling(25, 2)
    for (const called of none.functions) called.output = ['a']
    await expect(generateArtifacts(none, { loss: 'mse' })).rejects.toMatchObject({
      name: 'InducedMetricError',
    })
  })

  it('may be many, as long as there is an end to them', () => {
    const model = calling(14, 2)
    const start = computingSeconds()
    expect(inlineFunctions(model).get('F14')).toBe(2 ** 14)
    expect(model.graph.node).toHaveLength(2 ** 14 + 1)
    expect(computingSeconds() - start).toBeLessThan(5)
  })

  it('must have names of their own', async () => {
    const model = calling(1, 1)
    model.functions[1]!.name = 'F0'
    model.functions[1]!.node = [node('Relu', ['a'], ['b'])]
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*two of its functions are called "F0"/,
    )
    // An overload is a function of its own.
    model.functions[1]!.overload = 'second'
    model.functions[0]!.node = [node('test:F0', ['a'], ['b'])]
    model.functions[0]!.node[0]!.overload = 'second'
    expect((await generateArtifacts(model, { loss: 'mse' })).summary.inlined).toEqual({ F0: 2 })
  })

  it('must compute what they give back', async () => {
    const model = calling(1, 1)
    model.functions[1]!.output = ['c']
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*"c" of its function "F1"/,
    )
    model.functions[1]!.output = ['b']
    model.functions[1]!.input = ['a', 'a']
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(/ERR_OPTION.*two inputs/)
  })
})

describe('what is no model', () => {
  it.each([undefined, null, 7, {}, { graph: undefined }, { graph: {} }])(
    'is said to be none: %j',
    async (given) => {
      await expect(generateArtifacts(given as never, { loss: 'mse' })).rejects.toMatchObject({
        code: 'ERR_OPTION',
      })
    },
  )

  it('is nested without end', async () => {
    const model = small([node('MatMul', ['x', 'w'], ['y'])])
    let { graph } = createModel({ nodes: [], inputs: [], outputs: [value('y', 1, [])] })
    for (let i = 0; i < 5000; i++) {
      const inner = node('If', ['c'], ['y'])
      inner.attribute.push({ ...node('A', [], [], { g: 1 }).attribute[0]!, type: 5, g: graph })
      graph = createModel({ nodes: [inner], inputs: [], outputs: [value('y', 1, [])] }).graph
    }
    model.graph.node.push(...graph.node)
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(/ERR_OPTION.*deep/)
    expect(() => addLora(model, { rank: 1, targets: 'w' })).toThrow(/ERR_OPTION.*deep/)
  })

  it('has numbers in its fields that they cannot hold', () => {
    const model = small([node('MatMul', ['x', 'w'], ['y'])])
    model.graph.initializer.push(int64Tensor('n', [1]))
    model.opsetImport[0]!.version = 2n ** 70n
    expect(() => writeModel(model)).toThrow(/ERR_OPTION.*cannot be written/)
    expect(() => readModel('path' as never)).toThrow(/ERR_OPTION/)
  })
})
