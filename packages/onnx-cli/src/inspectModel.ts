import { defaultOrt } from '@induced-metric/onnxruntime'
import {
  explainStops,
  type ForwardSurvey,
  type SurveyedOperator,
  surveyForward,
} from '@induced-metric/onnx/adapter'
import { elementTypeOf } from '@induced-metric/onnx/proto'
import { describeValue } from './describe.js'
import { nameFlags } from './flags.js'
import { counted, formatTable } from './text.js'

/** The findings of `inspect` in a forward model. */
export interface ModelInspection extends Omit<ForwardSurvey, 'inputs' | 'outputs' | 'parameters'> {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly parameters: readonly {
    readonly name: string
    readonly type: string
    readonly dims: readonly number[]
    readonly scalars: number
    readonly trainable: boolean
  }[]
}

/** Inspects a forward model. The obstacles to training it are among the findings. */
export async function inspectModel(path: string): Promise<ModelInspection> {
  const found = await surveyForward(path, defaultOrt)
  return {
    ...found,
    inputs: found.inputs.map(describeValue),
    outputs: found.outputs.map(describeValue),
    parameters: found.parameters.map(({ name, dataType, dims, scalars, trainable }) => ({
      name,
      type: elementTypeOf(dataType).name,
      dims,
      scalars,
      trainable,
    })),
    problems: found.problems.map(nameFlags),
  }
}

const answers: Readonly<Record<SurveyedOperator['gradient'], string>> = {
  rule: 'yes',
  ends: 'ends here',
  missing: 'no rule',
}

/** Formats the findings for people. */
export function formatModelInspection(found: ModelInspection): string {
  const { parameters, constants, unreached, inNodes, problems } = found
  const trained = parameters.filter(({ trainable }) => trainable)
  const inlined = Object.entries(found.inlined).map(([name, count]) => `${name} (${count})`)
  return [
    `operator sets  ${Object.entries(found.opset)
      .map(([domain, version]) => `${domain} ${version}`)
      .join(', ')}`,
    `inputs         ${found.inputs.join(', ') || 'none'}`,
    `outputs        ${found.outputs.join(', ')}`,
    ...batchLine(found.batch),
    ...widenedLine(found.widened),
    ...(inlined.length === 0 ? [] : [`functions      ${inlined.join(', ')}`]),
    ...constantLines(constants),
    ...(inNodes.length === 0
      ? []
      : [`in nodes       ${inNodes.join(', ')}: parameters with --promote-constants`]),
    ...unreachedLines(unreached),
    '',
    ...(parameters.length === 0 ? [] : [parameterTable(parameters), '']),
    formatTable(
      ['operator', 'nodes', 'gradient'],
      found.operators.map(({ operator, count, gradient }) => [operator, String(count), answers[gradient]]),
    ),
    '',
    problems.length === 0
      ? `generate would compute the loss from ${found.lossInputs[0]} and train ${total(trained)} scalars of ` +
        `${trained.length} parameters; name the loss with --loss`
      : `generate cannot make artifacts of it as it is:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    '',
  ].join('\n')
}

function parameterTable(parameters: ModelInspection['parameters']): string {
  return formatTable(
    ['parameter', 'type', 'shape', 'scalars', ''],
    parameters.map(({ name, type, dims, scalars, trainable }) => [
      name,
      type,
      `[${dims.join(', ')}]`,
      String(scalars),
      trainable ? 'trainable' : 'not trained',
    ]),
  )
}

/** Explains a fixed batch. */
export function batchLine(batch: number | undefined): string[] {
  if (batch === undefined) return []
  return [
    `batch          fixed: each step takes ${batch} examples, no more and no fewer; generate --inputs NAME=batch,... frees it`,
  ]
}

/** Explains why a model of half precision is shown in single precision. */
export function widenedLine(widened: number): string[] {
  return widened === 0
    ? []
    : [
        `widened        ${counted(widened, 'constant')} of float16 to float32, and inputs and outputs with them`,
      ]
}

/** Lists the constants that were left out of the parameters. */
export function constantLines(constants: ForwardSurvey['constants']): string[] {
  if (constants.length === 0) return []
  const list = constants.map(({ name, operator }) => `${name} (${operator})`).join(', ')
  return [`constants      ${list}: not trained unless --trainable names them`]
}

/** Lists the parameters that no gradient reaches, with the reasons. */
export function unreachedLines(unreached: ForwardSurvey['unreached']): string[] {
  return unreached.map((parameter) => `not reached    ${explainStops(parameter)}`)
}

function total(parameters: ModelInspection['parameters']): number {
  return parameters.reduce((sum, { scalars }) => sum + scalars, 0)
}
