import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { adam, inducedMetric, sgd } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readCheckpointFile, writeCheckpointFile } from '@induced-metric/onnx'
import { main } from '../src/main.js'
import { trainingFile } from '../src/trainingFile.js'
import { mlp } from '@induced-metric/onnx/models'
import {
  createNode,
  createValue,
  dataType,
  int64Tensor,
  readModel,
  realTensor,
  writeModel,
} from '@induced-metric/onnx/proto'
import { writeArrays, writeArtifacts, writeExamples } from './artifacts.js'

let root: string
let folder: string
let data: string
let count = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'induced-metric-cli-'))
  data = await writeExamples(join(root, 'data.csv'), 96)
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(async () => {
  folder = await writeArtifacts(join(root, String(++count)))
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(argv: readonly string[], { tty = false, stopAfter = Infinity } = {}): Promise<Ended> {
  let [out, err] = ['', '']
  const controller = new AbortController()
  const stdout = Object.assign(
    new Writable({
      write(chunk: Buffer, _, done) {
        out += chunk.toString()
        if ((out.match(/step \d/g)?.length ?? 0) >= stopAfter) controller.abort()
        done()
      },
    }),
    tty && { isTTY: true, columns: 100, cursorTo: () => true, clearLine: () => true, moveCursor: () => true },
  )
  const stderr = new PassThrough().on('data', (chunk: Buffer) => (err += chunk.toString()))
  const code = await main(argv, { stdout, stderr, signal: controller.signal })
  return { code, out, err }
}

const losses = (out: string): number[] =>
  [...out.matchAll(/step \d+\/\d+ {2}loss ([\d.e+-]+)/g)].map(([, loss]) => Number(loss))

describe('generate', () => {
  let path: string
  beforeAll(async () => {
    path = join(root, 'network.onnx')
    await writeFile(path, writeModel(mlp({ sizes: [6, 8, 3] })))
  })

  it('makes artifacts, which train reads, and says what they are', async () => {
    const output = join(folder, 'generated')
    const command = [
      'generate',
      path,
      '--loss',
      'cross-entropy',
      '--trainable',
      '*.weight',
      '--trainable',
      'layers.1.*',
    ]
    const { code, out, err } = await run([...command, '--optimizer', 'adam log', '-o', output])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^inputs +input float32 \[batch, 6\], labels int64 \[batch\]$/m)
    expect(out).toMatch(/^to train +75 scalars of 3 parameters$/m)
    expect(out).toMatch(/^frozen +8 scalars of 1 parameters$/m)
    expect(out).toMatch(/^inlined +no functions; 0 nodes computed beforehand$/m)
    expect(out).toMatch(
      /^memory +parameters 0\.3 KB, gradients 0\.3 KB, two slots of the optimiser 0\.6 KB; activations/m,
    )
    expect(out).toMatch(/^layers\.0\.bias +\[8\] +8 +frozen$/m)
    expect(out).toMatch(/^com\.microsoft::SoftmaxCrossEntropyLossGrad +1$/m)
    expect((await readdir(output)).sort()).toEqual([
      'checkpoint',
      'eval_model.onnx',
      'optimizer_model.onnx',
      'training_model.onnx',
    ])
    const trained = await run(['train', output, '--data', data, '--epochs', '3'])
    expect([trained.code, trained.err]).toEqual([0, ''])
    expect((await run(['inspect', output])).out).toMatch(/^It can be trained here\.$/m)
  })

  it('says it in JSON', async () => {
    const output = join(folder, 'json')
    const { code, out } = await run([
      'generate',
      path,
      '--loss',
      'mse',
      '--frozen',
      '*.bias',
      '--prefix',
      'my_',
      '--json',
      '-o',
      output,
    ])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      trainableScalars: 72,
      frozenScalars: 11,
      loss: 'loss',
      written: [
        join(output, 'my_checkpoint'),
        join(output, 'my_eval_model.onnx'),
        join(output, 'my_training_model.onnx'),
      ],
    })
  })

  it('writes nothing when it fails', async () => {
    const output = join(folder, 'failed')
    const { code, err } = await run([
      'generate',
      path,
      '--loss',
      'mse',
      '--trainable',
      'head.*',
      '-o',
      output,
    ])
    expect([code, err]).toEqual([1, expect.stringMatching(/ERR_OPTION.*"head\.\*".*layers/)])
    expect(await readdir(folder)).not.toContain('failed')
  })
})

describe('inspect', () => {
  it('says what there is', async () => {
    const { code, out, err } = await run(['inspect', folder])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^inputs +input float32 \[batch, 6\], labels int64 \[batch\]$/m)
    expect(out).toMatch(/^outputs +loss float32 \[\], output float32 \[batch, 3\]$/m)
    expect(out).toMatch(
      /^optimiser +AdamWOptimizer, alpha 0\.9, beta 0\.999, epsilon 0\.000001, .*adam_mode 1/m,
    )
    expect(out).toMatch(/^checkpoint +4 trainable, 0 frozen; no optimiser state$/m)
    expect(out).toMatch(/^layer1\/weight +float32 +\[6, 8\] +48 +trainable$/m)
    expect(out).toMatch(/^83 scalars to train, 0 frozen$/m)
    expect(out).toMatch(/^com\.microsoft::FastGeluGrad +1 +lowered$/m)
    expect(out).toMatch(/^ai\.onnx::Gemm +\d +runtime$/m)
    expect(out).toMatch(/^It can be trained here\.$/m)
  })

  it('says it in JSON', async () => {
    const { code, out } = await run(['inspect', '--json', folder])
    const found = JSON.parse(out) as Record<string, unknown>
    expect(code).toBe(0)
    expect(found).toMatchObject({ problems: [], opset: { 'ai.onnx': 17, 'com.microsoft': 1 } })
    expect(found['parameters']).toContainEqual({
      name: 'layer2/bias',
      type: 'float32',
      dims: [3],
      trainable: true,
      saved: true,
    })
  })

  it('says what is frozen and what the optimiser has done', async () => {
    const path = join(folder, 'training_model.onnx')
    const model = readModel(await readFile(path))
    model.graph.node = model.graph.node.filter(
      ({ input }) => !input.includes('layer1/bias_grad.accumulation.buffer'),
    )
    model.graph.input = model.graph.input.filter(
      ({ name }) => name !== 'layer1/bias_grad.accumulation.buffer',
    )
    model.graph.output = model.graph.output.filter(({ name }) => name !== 'layer1/bias_grad.accumulation.out')
    await writeFile(path, writeModel(model))
    expect((await run(['train', folder, '--data', data])).code).toBe(0)
    await copyFile(join(folder, 'checkpoint.induced'), join(folder, 'checkpoint'))
    const { code, out } = await run(['inspect', folder])
    expect(code).toBe(0)
    expect(out).toMatch(/^layer1\/bias +float32 +\[8\] +8 +frozen$/m)
    expect(out).toMatch(/^75 scalars to train, 8 frozen$/m)
    expect(out).toMatch(/^checkpoint .*optimiser state: group0 at step 3; properties: induced-onnx\.rows, /m)
  })

  it('names operators that cannot be run, and a checkpoint that cannot be read', async () => {
    const path = join(folder, 'training_model.onnx')
    const model = readModel(await readFile(path))
    const node = model.graph.node.find(({ opType }) => opType === 'FastGeluGrad')!
    node.opType = 'LSTMGrad'
    await writeFile(path, writeModel(model))
    await writeFile(join(folder, 'checkpoint'), 'nothing')
    const { code, out } = await run(['inspect', folder])
    expect(code).toBe(1)
    expect(out).toMatch(/^com\.microsoft::LSTMGrad +1 +NOT SUPPORTED$/m)
    expect(out).toMatch(/It cannot be trained here:\n/)
    expect(out).toMatch(/^ {2}operator LSTMGrad of domain com\.microsoft \(node ".*"\): not supported$/m)
    expect(out).toMatch(/^ {2}checkpoint: ERR_CHECKPOINT: /m)
  })

  it('names parameters that have no values', async () => {
    const other = await writeArtifacts(join(root, `${count}b`), [6, 8, 3])
    await writeFile(
      join(other, 'checkpoint'),
      await readFile(join(await writeArtifacts(join(root, `${count}c`), [6, 3]), 'checkpoint')),
    )
    const { code, out } = await run(['inspect', other])
    expect(code).toBe(1)
    expect(out).toMatch(/checkpoint: it has no values for the parameter layer2\/weight/)
  })
})

describe('a forward model', () => {
  const fixture = (name: string): string =>
    fileURLToPath(new URL(`../../onnxruntime/test/fixtures/models/${name}.onnx`, import.meta.url))

  /** A model with roundings and factors in place of quantisations, written to a file. */
  const rounded = async (name: string): Promise<string> => {
    const model = readModel(await readFile(fixture(name)))
    for (const node of model.graph.node) {
      const [x = '', scale = ''] = node.input
      if (node.opType === 'QuantizeLinear') Object.assign(node, { opType: 'Round', input: [x] })
      if (node.opType === 'DequantizeLinear') Object.assign(node, { opType: 'Mul', input: [x, scale] })
    }
    const path = join(root, `${name}_rounded.onnx`)
    await writeFile(path, writeModel(model))
    return path
  }

  it('is inspected: what it is, and what generate would make of it', async () => {
    const path = await rounded('qdq')
    const { code, out, err } = await run(['inspect', path])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^operator sets +ai\.onnx 13$/m)
    expect(out).toMatch(/^inputs +x float32 \[N, S, 8\]$/m)
    expect(out).toMatch(/^outputs +y float32 \[N, S, 3\]$/m)
    expect(out).toMatch(/^constants +s \(ai\.onnx::Mul\): not trained unless --trainable names them$/m)
    expect(out).toMatch(/^not reached +no gradient reaches "w2".*Round \("bq"\)$/m)
    expect(out).toMatch(/^w2 +float32 +\[8, 8\] +64 +not trained$/m)
    expect(out).toMatch(/^v +float32 +\[8, 3\] +24 +trainable$/m)
    expect(out).toMatch(/^ai\.onnx::Round +2 +ends here$/m)
    expect(out).toMatch(/loss from y and train 24 scalars of 1 parameters.*--loss$/m)
    const json = await run(['inspect', path, '--json'])
    expect(JSON.parse(json.out)).toMatchObject({
      opset: { 'ai.onnx': 13 },
      inputs: ['x float32 [N, S, 8]'],
      parameters: [
        { name: 'w' },
        { name: 'w2' },
        { name: 'v', type: 'float32', dims: [8, 3], trainable: true },
      ],
      unreached: [{ name: 'w' }, { name: 'w2', stoppedBy: [{ operator: 'ai.onnx::Round', node: 'bq' }] }],
      lossInputs: ['y'],
      problems: [],
    })
  })

  it('is said not to be trainable, in the terms of the command line', async () => {
    const promoted = await run(['inspect', fixture('constant_weights')])
    expect(promoted).toMatchObject({
      code: 0,
      out: expect.stringMatching(/train \d+ scalars of 2 parameters/),
    })
    const partly = mlp({ sizes: [6, 3] })
    const table = realTensor('', [1, 2, 3], 1, [3])
    partly.graph.node.push(createNode('Constant', [], ['table'], { value: table }))
    partly.graph.node.push(createNode('Mul', ['output', 'table'], ['scaled']))
    partly.graph.output[0]!.name = 'scaled'
    await writeFile(join(root, 'partly.onnx'), writeModel(partly))
    const { code, out } = await run(['inspect', join(root, 'partly.onnx')])
    expect(code).toBe(0)
    expect(out).toMatch(/^in nodes +table: parameters with --promote-constants$/m)
    const bound = ['generate', join(root, 'partly.onnx'), '--loss', 'mse', '-o', join(folder, 'bound')]
    expect(await run([...bound, '--bind', 'sr=16000'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ERR_OPTION: --bind: the model has no input "sr"; it has input/),
    })
    expect(await run([...bound, '--bind', 'input=x'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--bind takes the name of an input and its value, as sr=16000/),
    })
    expect(await run(['inspect', join(root, 'none.onnx')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there is no file .*none\.onnx/),
    })
    const blocked = mlp({ sizes: [6, 3] })
    blocked.graph.node.unshift(createNode('Det', ['layers.0.weight'], ['z']))
    blocked.graph.node.find(({ opType }) => opType === 'Gemm')!.input[1] = 'z'
    await writeFile(join(root, 'blocked.onnx'), writeModel(blocked))
    const stopped = await run(['inspect', join(root, 'blocked.onnx')])
    expect(stopped.out).toMatch(/^ai\.onnx::Det +1 +no rule$/m)
    expect((await run(['inspect', join(folder, 'training_model.onnx')])).out).toMatch(
      /a training model already/,
    )
    expect(await run(['inspect', data])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no ONNX model/),
    })
  })

  it('has its weights in nodes promoted, and its summary says what is not trained', async () => {
    const promoted = ['generate', fixture('constant_weights'), '--loss', 'mse', '--promote-constants']
    const { code, out } = await run([...promoted, '-o', join(folder, 'promoted')])
    expect(code).toBe(0)
    expect(out).toMatch(/^to train +\d+ scalars of 2 parameters$/m)
    const stopped = await run([
      'generate',
      await rounded('qdq'),
      '--loss',
      'mse',
      '-o',
      join(folder, 'stopped'),
    ])
    expect(stopped.out).toMatch(/^not reached +no gradient reaches "w".*Round/m)
    expect(stopped.out).toMatch(/^constants +s \(ai\.onnx::Mul\)/m)
    const fixed = mlp({ sizes: [6, 3] })
    const [input] = fixed.graph.input
    const { value } = input!.type!
    if (value.case === 'tensorType') value.value.shape!.dim[0]!.value = { case: 'dimValue', value: 16n }
    await writeFile(join(folder, 'fixed.onnx'), writeModel(fixed))
    for (const rest of [['inspect'], ['generate', '--loss', 'mse', '-o', join(folder, 'fixed')]]) {
      const said = await run([rest[0]!, join(folder, 'fixed.onnx'), ...rest.slice(1)])
      expect(said.out).toMatch(/^batch +fixed: each step takes 16 examples, no more and no fewer.*--inputs/m)
    }
    const freed = [
      'generate',
      join(folder, 'fixed.onnx'),
      '--loss',
      'mse',
      '-o',
      join(folder, 'freed'),
      '--json',
    ]
    const { inputs } = JSON.parse((await run([...freed, '--inputs', 'input=batch,6'])).out) as {
      inputs: string[]
    }
    expect(inputs[0]).toBe('input float32 [batch, 6]')
    const wrong = await run([...freed, '--inputs', 'x=batch,6'])
    expect(wrong.err).toMatch(/--inputs: the model has no input "x"/)
  })

  it('that cannot be made artifacts of gives errors that name flags', async () => {
    const path = join(root, 'flags.onnx')
    const model = mlp({ sizes: [6, 8, 3] })
    // A parameter with the name of an option.
    model.graph.initializer[0]!.name = 'requiresGrad'
    for (const node of model.graph.node) {
      node.input = node.input.map((name) => (name === 'layers.0.weight' ? 'requiresGrad' : name))
    }
    await writeFile(path, writeModel(model))
    const generate = async (...flags: string[]): Promise<string> =>
      (await run(['generate', path, '-o', join(root, 'flags'), ...flags])).err
    expect(await generate()).toMatch(/the loss must be one number.*give --loss,/)
    expect(await generate('--loss', 'mse', '--trainable', 'head')).toMatch(
      /: --trainable names "head".*requiresGrad/,
    )
    expect(await generate('--loss', 'mse', '--frozen', 'head')).toMatch(/: --frozen names "head"/)
    expect(await generate('--loss', 'mse', '--frozen', '*')).toMatch(/see --trainable and --frozen/)
    const both = await generate('--loss', 'mse', '--frozen', 'requiresGrad', '--trainable', 'requiresGrad')
    expect(both).toMatch(/"requiresGrad" is in --trainable and in --frozen/)
    expect(await generate('--loss', 'mse', '--loss-inputs', 'head')).toMatch(
      /--loss-inputs: the model computes no "head"/,
    )
    expect(await generate('--loss', 'mse', '--additional-outputs', 'head')).toMatch(
      /--additional-outputs: the model/,
    )
    expect(await generate('--loss', 'cross-entropy', '--ignore-index', '0.5')).toMatch(
      /: --ignore-index must be/,
    )
    model.graph.node.at(-1)!.opType = 'Softmax'
    await writeFile(path, writeModel(model))
    expect(await generate('--loss', 'cross-entropy')).toMatch(
      /name the value before it: --loss-inputs [^"[]+\n/,
    )
    expect((await run(['train', path, '--data', data])).err).toMatch(
      /is a file: give the folder of artifacts/,
    )
  })
})

describe('train', () => {
  it('learns, evaluates, and keeps the training', async () => {
    const { code, out, err } = await run([
      'train',
      folder,
      '--data',
      data,
      '--epochs',
      '20',
      '--optimizer',
      'adam identity',
      '--learning-rate',
      '0.02',
      '--log-every',
      '1',
      '--eval-data',
      data,
    ])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^96 examples, 83 scalars to train, 3 steps of 32 an epoch$/m)
    expect(losses(out)).toHaveLength(60)
    expect(losses(out)[59]).toBeLessThan(0.3 * losses(out)[0]!)
    expect(out).toMatch(/epoch 1\/20 {2}step 1\/60 {2}loss \d\.\d+ {2}ρ [01]\.\d{4}$/m)
    expect(out.match(/eval loss/g)).toHaveLength(20)
    // eslint-disable-next-line no-control-regex
    expect(out).not.toMatch(/\u001B/)
    const state = await readCheckpointFile(join(folder, 'checkpoint.induced'))
    expect(state.properties.get('induced-onnx.steps')).toBe(60n)
    expect(state.optimizerGroups[0]!.step).toBe(60n)
  })

  it('trains alike from a table and from an array for each input', async () => {
    const { input, labels } = await writeArrays(root, 96)
    const common = ['--log-every', '1', '--epochs', '2']
    const first = await run(['train', folder, '--data', data, ...common])
    const arrays = ['--data', `labels=${labels}`, '--data', `input=${input}`]
    const second = await run(['train', folder, ...arrays, ...common, '--restart'])
    expect(losses(first.out)).toHaveLength(6)
    expect(losses(second.out)).toEqual(losses(first.out))
  })

  it('runs what optimizer_model.onnx says, unless told otherwise', async () => {
    const path = join(folder, 'o.json')
    await writeFile(path, JSON.stringify(inducedMetric(sgd(), { learningRate: 0.05, xi: 0 })))
    const genuine = ['train', folder, '--data', data, '--restart', '--log-every', '1']
    const runs = [
      await run(genuine),
      await run([...genuine, '--learning-rate', '0.1']),
      await run([...genuine, '--optimizer', path]),
      await run([...genuine, '--optimizer', 'sgd', '--learning-rate', '0.05', '--xi', '0']),
      await run([...genuine, '--no-shuffle']),
    ]
    for (const { code } of runs) expect(code).toBe(0)
    const [model, faster, file, names, unshuffled] = runs.map(({ out }) => losses(out))
    expect(model![0]).toBe(faster![0])
    expect(model![2]).not.toBe(faster![2])
    expect(file).toEqual(names)
    expect(file![2]).not.toBe(model![2])
    expect(unshuffled![0]).not.toBe(model![0])
    await rm(join(folder, 'optimizer_model.onnx'))
    const [first, second] = [
      await run(genuine),
      await run([...genuine, '--optimizer', 'adam identity', '--learning-rate', '0.001']),
    ]
    expect(losses(first.out)).toEqual(losses(second.out))
  })

  it('stopped and started again, it comes to the same end to the bit', async () => {
    const options = [
      '--data',
      data,
      '--epochs',
      '4',
      '--log-every',
      '1',
      '--optimizer',
      'adam log',
      '--xi',
      '0.1',
    ]
    const whole = await run(['train', folder, ...options, '--checkpoint', join(folder, 'whole')])
    const stopped = await run(['train', folder, ...options, '--checkpoint', join(folder, 'parts')], {
      stopAfter: 5,
    })
    expect(stopped.code).toBe(130)
    expect(stopped.out).toMatch(/stopped after 5 of 12 steps; the same command goes on from .*parts$/m)
    const rest = await run(['train', folder, ...options, '--checkpoint', join(folder, 'parts')])
    expect(rest.out).toMatch(/going on from .*parts after 5 of 12 steps/)
    expect([...losses(stopped.out), ...losses(rest.out)]).toEqual(losses(whole.out))
    expect(await readFile(join(folder, 'parts'))).toEqual(await readFile(join(folder, 'whole')))
    const again = await run(['train', folder, ...options, '--checkpoint', join(folder, 'parts')])
    expect([again.code, losses(again.out)]).toEqual([0, []])
    expect(again.out).toMatch(/nothing to do: .*parts has 12 steps/)
  })

  it('shows the mean of the losses that there are', async () => {
    const wild = join(root, 'overflow.csv')
    const lines = (await readFile(data, 'utf8')).split('\n')
    await writeFile(
      wild,
      lines.map((line, i) => (i >= 32 && i < 64 ? line.replaceAll(/[^,]+(?=,)/g, '3e38') : line)).join('\n'),
    )
    const flags = ['--epochs', '2', '--optimizer', 'sgd', '--no-shuffle']
    const { out } = await run(['train', folder, '--data', wild, ...flags], { tty: true })
    expect(out).toMatch(/2 steps skipped/)
    expect(out).toMatch(/epoch 2\/2 █+ 6\/6 {2}loss \d\.\d{4}/)
  })

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('says before the first step that it could not save', async () => {
    const closed = join(root, 'closed')
    await mkdir(closed, { mode: 0o555 })
    const { code, out, err } = await run(['train', folder, '--data', data, '--checkpoint', join(closed, 'x')])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/--checkpoint: nothing can be written to .*closed; name another place/)
  })

  it('shows a bar on a terminal', async () => {
    const { code, out } = await run(['train', folder, '--data', data, '--epochs', '3', '--eval-data', data], {
      tty: true,
    })
    expect(code).toBe(0)
    expect(out).toMatch(/epoch 3\/3 █+ 9\/9 {2}loss \d\.\d{4}/)
    expect(out).toMatch(/^epoch 3\/3 {2}eval loss/m)
  })

  it('says how many steps were skipped', async () => {
    const wild = join(root, 'wild.csv')
    await writeFile(wild, (await readFile(data, 'utf8')).replaceAll(/^[^,]+/gm, '1e38'))
    const { code, out } = await run(['train', folder, '--data', wild, '--optimizer', 'sgd'])
    expect(code).toBe(0)
    expect(out).toMatch(/3 steps skipped: the loss or the gradients were not finite/)
  })

  it.each<[string, string[], RegExp]>([
    ['other data', ['--data', 'half.csv'], /was started with rows 96, now 48/],
    ['other batches', ['--data', 'data.csv', '--batch-size', '16'], /was started with batch-size 32, now 16/],
    ['another order', ['--data', 'data.csv', '--seed', '1'], /was started with seed 0, now 1/],
    ['no order', ['--data', 'data.csv', '--no-shuffle'], /was started with shuffle 1, now 0/],
  ])('does not go on with %s', async (_, options, message) => {
    await writeExamples(join(root, 'half.csv'), 48)
    await run(['train', folder, '--data', data])
    const argv = options.map((option) => (option.endsWith('.csv') ? join(root, option) : option))
    const { code, err } = await run(['train', folder, ...argv])
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })

  it('does not go on with another optimiser', async () => {
    await run(['train', folder, '--data', data, '--optimizer', 'sgd', '--momentum', '0.9'])
    const { code, err } = await run(['train', folder, '--data', data, '--optimizer', 'muon'])
    expect(code).toBe(1)
    expect(err).toMatch(/^induced-onnx: ERR_CHECKPOINT: .*another optimiser.* start again with --restart$/m)
  })

  it('names the values that an export may have, and the folder that it lacks', async () => {
    const [model, made] = [join(root, 'plain.onnx'), join(root, 'plain')]
    await writeFile(model, writeModel(mlp({ sizes: [6, 8, 3] })))
    await run(['generate', model, '--loss', 'cross-entropy', '-o', made])
    const unnamed = await run(['export', made, '-o', join(root, 'x.onnx')])
    expect(unnamed.err).toMatch(/no output but its loss, loss: .* --outputs NAME, such as .*\boutput\b/)
    const nowhere = await run(['export', made, '--outputs', 'output', '-o', join(root, 'none', 'x.onnx')])
    expect([nowhere.code, nowhere.err]).toEqual([
      2,
      expect.stringMatching(/--output: there is no folder .*none$/m),
    ])
  })

  it('tells how another label is ignored', async () => {
    const wrong = join(root, 'label.csv')
    await writeFile(wrong, (await readFile(data, 'utf8')).replaceAll(/,2$/gm, ',7'))
    const { code, err } = await run(['train', folder, '--data', wrong])
    expect(code).toBe(1)
    expect(err).toMatch(/holds the label 7 .*generate --ignore-index N$/m)
  })

  it('goes on with a training of an earlier version, which did not store what it started from', async () => {
    const made = join(root, 'earlier')
    await mkdir(made)
    for (const name of await readdir(folder)) await copyFile(join(folder, name), join(made, name))
    const command = ['train', made, '--data', data]
    expect((await run([...command, '--restart'])).code).toBe(0)
    const path = join(made, trainingFile)
    const state = await readCheckpointFile(path)
    const properties = new Map(
      [...state.properties].filter(([key]) => !/\.(?:training-model|checkpoint)$/.test(key)),
    )
    expect(properties.size).toBe(state.properties.size - 2)
    await writeCheckpointFile(path, { ...state, properties })
    expect(await run(command)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/nothing to do/) as string,
    })
  })

  it('does not go on from artifacts that were generated again, with other values of the same shapes', async () => {
    const model = join(root, 'again.onnx')
    const made = join(root, 'again')
    const generate = async (seed: number): Promise<void> => {
      await writeFile(model, writeModel(mlp({ sizes: [6, 8, 3], seed })))
      const flags = ['--loss', 'cross-entropy', '--additional-outputs', 'output', '-o', made]
      expect((await run(['generate', model, ...flags])).code).toBe(0)
    }
    await generate(1)
    const command = ['train', made, '--data', data]
    expect((await run(command)).code).toBe(0)
    await generate(1)
    expect((await run(command)).out).toMatch(/nothing to do/)
    await generate(2)
    const { code, err } = await run(command)
    expect(code).toBe(2)
    expect(err).toMatch(/was started from another checkpoint than .*again has now: .*--restart/)

    const output = join(made, 'trained.onnx')
    const mixed = await run(['export', made, '-o', output])
    expect(mixed.code).toBe(2)
    expect(mixed.err).toMatch(/was started from other parameters than those in .*checkpoint: .*--checkpoint/)
    const chosen = join(made, 'checkpoint.induced')
    expect((await run(['export', made, '-o', output, '--checkpoint', chosen])).code).toBe(0)
    expect((await run([...command, '--restart'])).code).toBe(0)
    expect((await run(['export', made, '-o', output])).code).toBe(0)
  })

  it('gives a model without a batch one example at a time', async () => {
    const made = join(root, 'single')
    const model = join(root, 'single.onnx')
    const single = mlp({ sizes: [6, 4, 1], seed: 1 })
    const flags = ['--loss', 'mse', '-o', made]
    // The exporter of PyTorch writes a dense layer of a vector like this.
    single.graph.node.splice(0, 0, createNode('Unsqueeze', ['vector', 'first'], ['input'], {}))
    const last = single.graph.node.at(-1)!
    const [name] = last.output
    last.output = ['rows']
    single.graph.node.push(createNode('Squeeze', ['rows', 'first'], [name!], {}))
    single.graph.initializer.push(int64Tensor('first', [0]))
    single.graph.input = [createValue('vector', dataType.float, [6])]
    single.graph.output = [createValue(name!, dataType.float, [1])]
    await writeFile(model, writeModel(single))
    expect(await run(['generate', model, ...flags])).toMatchObject({ code: 0, err: '' })
    const refused = await run(['train', made, '--data', data])
    expect(refused.err).toMatch(/no axis for a batch, and takes one example at a time: --batch-size 1/)
    const command = [
      'train',
      made,
      '--data',
      data,
      '--batch-size',
      '1',
      '--epochs',
      '20',
      '--learning-rate',
      '.01',
    ]
    const { code, out } = await run([...command, '--optimizer', 'adam', '--log-every', '1'])
    expect(code).toBe(0)
    const [all, mean] = [losses(out), (list: number[]) => list.reduce((sum, x) => sum + x, 0) / list.length]
    expect(all).toHaveLength(96 * 20)
    expect(mean(all.slice(-96))).toBeLessThan(0.3 * mean(all.slice(0, 96)))
  })

  it('does not take another file for a training', async () => {
    const { code, err } = await run([
      'train',
      folder,
      '--data',
      data,
      '--checkpoint',
      join(folder, 'checkpoint'),
    ])
    expect(code).toBe(2)
    expect(err).toMatch(/was not written by this command/)
  })

  it('clears away what a killed process left', async () => {
    await writeFile(join(folder, 'checkpoint.induced.123-abc.tmp'), 'half')
    await run(['train', folder, '--data', data])
    expect((await readdir(folder)).sort()).toEqual([
      'checkpoint',
      'checkpoint.induced',
      'eval_model.onnx',
      'optimizer_model.onnx',
      'training_model.onnx',
    ])
  })
})

describe('export', () => {
  it('writes a model that the runtime runs, with the trained parameters', async () => {
    const output = join(folder, 'model.onnx')
    const before = await run(['export', folder, '--output', output])
    expect([before.code, before.err]).toEqual([0, ''])
    expect(before.out).toMatch(/model\.onnx: output, with the parameters of .*checkpoint, \d+ bytes\n/)
    const input = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
      [2, 6],
    )
    const infer = async (path: string): Promise<number[]> => {
      const session = await ort.InferenceSession.create(path)
      expect([session.inputNames, session.outputNames]).toEqual([['input'], ['output']])
      const { output } = await session.run({ input })
      await session.release()
      return [...(output!.data as Float32Array)]
    }
    const fresh = await infer(output)
    await run(['train', folder, '--data', data, '--learning-rate', '0.1'])
    expect((await run(['export', folder, '-o', output, '--external-data'])).out).toContain(
      'checkpoint.induced',
    )
    expect(await readdir(folder)).toContain('model.onnx.data')
    const trained = await infer(output)
    expect(trained).not.toEqual(fresh)
    await run(['export', folder, '-o', output, '--checkpoint', join(folder, 'checkpoint')])
    expect(await infer(output)).toEqual(fresh)
    expect((await run(['export', folder, '-o', output, '--outputs', 'output, loss'])).code).toBe(0)
  })

  it('names the outputs there are', async () => {
    const { code, err } = await run(['export', folder, '-o', join(folder, 'm.onnx'), '--outputs', 'logits'])
    expect(code).toBe(1)
    expect(err).toMatch(
      /^induced-onnx: ERR_OPTION: the eval model has no output "logits"; it computes .*output/,
    )
  })
})

describe('a command that makes no sense', () => {
  it.each<[string[], RegExp]>([
    [[], /give a command: generate, inspect, train, export or finetune\n\ninduced-onnx <command>/],
    [['tune'], /there is no command "tune"/],
    [['inspect'], /inspect: name the folder/],
    [['generate'], /generate: name the model/],
    [['generate', 'MODEL'], /generate: say where to, --output DIR/],
    [['generate', '/no/model.onnx', '-o', 'DIR'], /there is no file \/no\/model\.onnx/],
    [['generate', 'MODEL', '-o', 'DIR', '--loss', 'hinge'], /--loss takes one of cross-entropy, .*"hinge"/],
    [['generate', 'MODEL', '-o', 'DIR', '--reduction', 'mean'], /--reduction goes with --loss/],
    [['generate', 'MODEL', '-o', 'DIR', '--inputs', 'batch,6'], /--inputs takes the name .*"batch,6"/],
    [
      ['generate', 'MODEL', '-o', 'DIR', '--loss', 'mse', '--labels', 'int32'],
      /--labels goes with --loss cross/,
    ],
    [
      ['generate', 'MODEL', '-o', 'DIR', '--loss', 'mse', '--class-weights', 'a'],
      /--class-weights takes numbers/,
    ],
    [
      ['generate', 'MODEL', '-o', 'DIR', '--loss', 'mse', '--learning-rate', '1'],
      /--learning-rate goes with/,
    ],
    [
      ['generate', 'MODEL', '-o', 'DIR', '--optimizer', 'adamw', '--xi', '1'],
      /adamw takes --weight-decay only/,
    ],
    [['generate', 'MODEL', '-o', 'DIR', '--batch-norm', 'off'], /--batch-norm takes training or inference/],
    [['inspect', 'a', 'b'], /inspect: the folder of the artifacts, or a model, one at a time, given also b/],
    [['inspect', 'DIR', '--all'], /inspect: Unknown option '--all'/],
    [['inspect', '/no/such/folder'], /there is no folder \/no\/such\/folder/],
    [['inspect', 'ROOT'], /no training_model\.onnx/],
    [['train', 'DIR'], /train: say what to train on, --data FILE/],
    [['train', 'DIR', '--data', 'none.csv'], /cannot read none\.csv/],
    [['train', 'DIR', '--data', ''], /--data takes FILE or NAME=FILE/],
    [['train', 'DIR', '--data', 'DIR/checkpoint'], /data come in \.npy and \.csv files/],
    [['train', 'DIR', '--data', 'DATA', '--epochs', '0'], /--epochs takes a whole number from 1, given 0/],
    [['train', 'DIR', '--data', 'DATA', '--epochs', '1.5'], /--epochs takes a whole number/],
    [['train', 'DIR', '--data', 'DATA', '--batch-size', 'many'], /--batch-size takes a number, given "many"/],
    [['train', 'DIR', '--data', 'DATA', '--batch-size', '97'], /96 rows, too few for --batch-size 97/],
    [['train', 'DIR', '--data', 'DATA', '--learning-rate', ''], /--learning-rate takes a number/],
    [['train', 'DIR', '--data', 'DATA', '--xi', '1'], /--xi goes with an optimiser by name/],
    [['train', 'DIR', '--data', 'DATA', '--weight-decay', '1'], /--weight-decay goes with/],
    [['train', 'DIR', '--data', 'DATA', '--optimizer', 'adm'], /--optimizer "adm": give a base/],
    [['train', 'DIR', '--data', 'DATA', '--optimizer', 'none.json'], /cannot read none\.json/],
    [['train', 'DIR', '--data', 'DATA', '--optimizer', 'sgd', '--xi=-1'], /--optimizer sgd: .*xi/],
    [
      ['train', 'DIR', '--data', 'DATA', '--data', 'DATA'],
      /one file with the columns of all inputs, or one for each/,
    ],
    [['train', 'DIR', '--data', 'image=DATA'], /the model has no input image; it has input, labels/],
    [['train', 'DIR', '--data', 'input=DATA'], /--data labels=FILE/],
    [['train', 'BARE', '--data', 'DATA'], /BARE has no checkpoint, so/],
    [['train', 'BLIND', '--data', 'DATA', '--eval-data', 'DATA'], /--eval-data needs an eval_model\.onnx/],
    [
      ['train', 'DIR', '--data', 'DATA', '--checkpoint', 'DIR/no/where'],
      /--checkpoint: there is no folder .*no$/m,
    ],
    [['export', 'DIR'], /export: say where to write it/],
    [['export', 'BLIND', '-o', 'm.onnx'], /has no eval_model\.onnx/],
  ])('%j is refused', async (argv, message) => {
    await writeArtifacts(join(root, 'BARE'), [6, 3], ['checkpoint'])
    await writeArtifacts(join(root, 'BLIND'), [6, 8, 3], ['eval_model.onnx'])
    const places: Record<string, string> = {
      ROOT: root,
      BARE: join(root, 'BARE'),
      BLIND: join(root, 'BLIND'),
      MODEL: join(folder, 'eval_model.onnx'),
    }
    const given = argv.map((word) => (places[word] ?? word).replace(/^DIR/, folder).replace(/DATA$/, data))
    const { code, out, err } = await run(given)
    expect([code, out.replace(/^96 examples.*\n/, '')]).toEqual([2, ''])
    expect(err).toMatch(/^induced-onnx: /)
    expect(err).toMatch(message)
  })

  it('may ask for the version', async () => {
    const { code, out, err } = await run(['--version'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('may ask for help', async () => {
    for (const argv of [['--help'], ['help'], ['train', '-h']]) {
      const { code, out, err } = await run(argv)
      expect([code, err]).toEqual([0, ''])
      expect(out).toMatch(/^induced-onnx <command> \[options\]/)
    }
  })
})

it('what fails in the runtime is told in a line', async () => {
  await writeFile(join(folder, 'training_model.onnx'), 'not a model')
  const { code, err } = await run(['train', folder, '--data', data, '--optimizer', 'adam'])
  expect(code).toBe(1)
  expect(err).toMatch(/^induced-onnx: ERR_OPTION: .*no ONNX model.*\n$/)
  expect(adam().name).toBe('adam')
})
