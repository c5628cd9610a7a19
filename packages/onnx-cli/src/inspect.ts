import { join } from 'node:path'
import {
  type CheckpointState,
  lowerings,
  lowerTrainingModel,
  readCheckpointFile,
  unsupportedNodes,
} from '@induced-metric/onnx'
import { describeNode, loadModel, own, typeOf } from '@induced-metric/onnx/adapter'
import { createModelSession, defaultOrt } from '@induced-metric/onnxruntime'
import {
  attributeOf,
  canonicalDomain,
  elementTypeOf,
  type Model,
  readModel,
} from '@induced-metric/onnx/proto'
import { describeValue } from './describe.js'
import { findArtifacts } from './folder.js'
import { exists, readGiven } from './io.js'
import { formatTable } from './text.js'
import { stepsKey, trainingFile } from './trainingFile.js'

/** An operator of a model, and how it is run here. */
export interface OperatorUse {
  readonly domain: string
  readonly opType: string
  readonly count: number
  /**
   * `runtime`: the runtime has it; `lowering`: a row of the lowering table replaces it; `session`: this package does
   * it itself; `nobody`: it is not supported.
   */
  readonly by: 'runtime' | 'lowering' | 'session' | 'nobody'
}

/** The findings of `inspect`. */
export interface Inspection {
  readonly files: Readonly<Record<string, string | undefined>>
  readonly opset: Readonly<Record<string, number>>
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly parameters: readonly {
    readonly name: string
    readonly type: string
    readonly dims: readonly (number | string)[]
    readonly trainable: boolean
    /** Whether the checkpoint has values for it. */
    readonly saved: boolean
  }[]
  readonly operators: readonly OperatorUse[]
  readonly optimizer: string | undefined
  readonly checkpoint: string | undefined
  /** The progress of the training that `train` keeps beside the artifacts, if there is one. */
  readonly training: string | undefined
  /** The obstacles to training, in words. */
  readonly problems: readonly string[]
}

/** Inspects a folder of artifacts. Damage is one of its findings; only a folder without a model is an error. */
export async function inspect(folder: string): Promise<Inspection> {
  const files = await findArtifacts(folder)
  const problems: string[] = []
  const attempt = async <T>(what: string, act: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await act()
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }
  const model = await loadModel(files.trainModel, files.trainModel)
  const state =
    files.checkpoint === undefined
      ? undefined
      : await attempt('checkpoint', () => readCheckpointFile(files.checkpoint!))
  if (files.checkpoint === undefined) problems.push(`checkpoint: there is none in ${folder}`)

  const operators = operatorsOf(model)
  for (const node of unsupportedNodes(model)) problems.push(`${describeNode(node)}: not supported`)
  const lowered = operators.some(({ by }) => by === 'nobody')
    ? undefined
    : await attempt('training model', () => lowerTrainingModel(model))
  if (lowered) {
    await attempt('training model', async () => {
      const session = await createModelSession(await defaultOrt(), lowered.model, 'the lowered model')
      await session.release()
    })
  }
  const optimizer =
    files.optimizerModel === undefined
      ? undefined
      : await attempt('optimizer model', async () =>
          describeOptimizer(await readGiven(files.optimizerModel!)),
        )

  return {
    files: { ...files },
    opset: Object.fromEntries(
      model.opsetImport.map(({ domain, version }) => [label(domain, ''), Number(version)]),
    ),
    ...valuesOf(model, state),
    operators,
    optimizer,
    checkpoint: state && describeCheckpoint(state),
    training: await attempt('training', () => describeTraining(join(folder, trainingFile))),
    problems: [...problems, ...missingValues(model, state)],
  }
}

function label(domain: string, opType: string): string {
  const canonical = canonicalDomain(domain)
  const name = canonical === '' ? 'ai.onnx' : canonical
  return opType === '' ? name : `${name}::${opType}`
}

function operatorsOf(model: Model): OperatorUse[] {
  const counts = new Map<string, { domain: string; opType: string; count: number }>()
  for (const { domain, opType } of model.graph.node) {
    const key = label(domain, opType)
    const entry = counts.get(key) ?? { domain: canonicalDomain(domain), opType, count: 0 }
    entry.count++
    counts.set(key, entry)
  }
  const refused = new Set(unsupportedNodes(model).map(({ domain, opType }) => label(domain, opType)))
  return [...counts.values()]
    .map(({ domain, opType, count }): OperatorUse => {
      const rows = own(lowerings, domain)
      const lowered = rows !== undefined && Object.hasOwn(rows, opType)
      const by = refused.has(label(domain, opType))
        ? 'nobody'
        : opType === 'InPlaceAccumulatorV2'
          ? 'session'
          : lowered
            ? 'lowering'
            : 'runtime'
      return { domain, opType, count, by }
    })
    .sort((a, b) => (label(a.domain, a.opType) < label(b.domain, b.opType) ? -1 : 1))
}

function buffersOf(model: Model): { parameters: Set<string>; others: Set<string> } {
  const parameters = new Set<string>()
  const others = new Set<string>()
  for (const { opType, input } of model.graph.node) {
    if (opType !== 'InPlaceAccumulatorV2') continue
    const [buffer = '', gradient = '', reset = ''] = input
    others.add(buffer).add(reset)
    for (const name of [buffer.replace(/_grad\.accumulation\.buffer$/, ''), gradient.replace(/_grad$/, '')]) {
      if (name !== buffer && name !== gradient) parameters.add(name)
    }
  }
  return { parameters, others }
}

function valuesOf(
  model: Model,
  state: CheckpointState | undefined,
): Pick<Inspection, 'inputs' | 'outputs' | 'parameters'> {
  const { graph } = model
  const { parameters: trained, others } = buffersOf(model)
  const saved = new Set([...(state?.trainable ?? []), ...(state?.frozen ?? [])].map(({ name }) => name))
  const isParameter = (name: string): boolean => trained.has(name) || saved.has(name)
  const accumulated = new Set(
    graph.node.filter(({ opType }) => opType === 'InPlaceAccumulatorV2').flatMap(({ output }) => output),
  )
  return {
    inputs: graph.input.filter(({ name }) => !isParameter(name) && !others.has(name)).map(describeValue),
    outputs: graph.output.filter(({ name }) => !accumulated.has(name)).map(describeValue),
    parameters: graph.input
      .filter(({ name }) => isParameter(name))
      .map((input) => {
        const { dataType, shape } = typeOf(input)
        return {
          name: input.name,
          type: dataType === undefined ? '?' : elementTypeOf(dataType).name,
          dims: shape?.map((extent) => extent ?? '?') ?? [],
          trainable: trained.has(input.name),
          saved: saved.has(input.name),
        }
      }),
  }
}

function missingValues(model: Model, state: CheckpointState | undefined): string[] {
  if (!state) return []
  return valuesOf(model, state)
    .parameters.filter(({ saved }) => !saved)
    .map(({ name }) => `checkpoint: it has no values for the parameter ${name}`)
}

function describeOptimizer(bytes: Uint8Array): string {
  const model = readModel(bytes, 'the optimizer model')
  const node = model.graph.node.find(({ domain }) => domain === 'com.microsoft') ?? model.graph.node[0]!
  if (node.domain !== 'com.microsoft') return `a model of ${model.graph.node.length} nodes`
  const numbers = ['alpha', 'beta', 'epsilon', 'weight_decay', 'adam_mode', 'correct_bias'].flatMap(
    (name) => {
      const attribute = attributeOf(node, name)
      if (!attribute) return []
      return [`${name} ${attribute.type === 1 ? Number(attribute.f.toPrecision(6)) : attribute.i}`]
    },
  )
  return [node.opType, ...numbers].join(', ')
}

function describeCheckpoint(state: CheckpointState): string {
  const groups = state.optimizerGroups.map(({ name, step }) => `${name} at step ${step}`)
  const keys = [...state.properties.keys()].filter((key) => !key.startsWith('induced-metric.'))
  return [
    `${state.trainable.length} trainable, ${state.frozen.length} frozen`,
    groups.length > 0 ? `optimiser state: ${groups.join(', ')}` : 'no optimiser state',
    ...(keys.length > 0 ? [`properties: ${keys.join(', ')}`] : []),
  ].join('; ')
}

async function describeTraining(path: string): Promise<string | undefined> {
  if (!(await exists(path))) return undefined
  const steps = (await readCheckpointFile(path)).properties.get(stepsKey)
  return steps === undefined ? undefined : `${steps} steps in ${path}`
}

const answers: Readonly<Record<OperatorUse['by'], string>> = {
  runtime: 'runtime',
  lowering: 'lowered',
  session: 'session',
  nobody: 'NOT SUPPORTED',
}

/** Formats the findings for people. */
export function formatInspection(found: Inspection): string {
  const { parameters } = found
  const count = (list: Inspection['parameters']): number =>
    list.reduce(
      (total, { dims }) =>
        total + dims.reduce<number>((size, dim) => size * (typeof dim === 'number' ? dim : NaN), 1),
      0,
    )
  const trainable = parameters.filter((parameter) => parameter.trainable)
  const frozen = parameters.filter((parameter) => !parameter.trainable)
  const operators = found.operators.map(({ domain, opType, count: times, by }) => [
    label(domain, opType),
    String(times),
    answers[by],
  ])
  return [
    `operator sets  ${Object.entries(found.opset)
      .map(([domain, version]) => `${domain} ${version}`)
      .join(', ')}`,
    `inputs         ${found.inputs.join(', ')}`,
    `outputs        ${found.outputs.join(', ')}`,
    `optimiser      ${found.optimizer ?? 'no optimizer model'}`,
    `checkpoint     ${found.checkpoint ?? 'none that can be read'}`,
    ...(found.training === undefined ? [] : [`training       ${found.training}`]),
    '',
    formatTable(
      ['parameter', 'type', 'shape', 'scalars', ''],
      parameters.map((parameter) => [
        parameter.name,
        parameter.type,
        `[${parameter.dims.join(', ')}]`,
        String(count([parameter])),
        parameter.trainable ? 'trainable' : 'frozen',
      ]),
    ),
    `${count(trainable)} scalars to train, ${count(frozen)} frozen`,
    '',
    formatTable(['operator', 'nodes', 'run by'], operators),
    '',
    found.problems.length === 0
      ? 'It can be trained here.'
      : `It cannot be trained here:\n${found.problems.map((problem) => `  ${problem}`).join('\n')}`,
    '',
  ].join('\n')
}
