import type { StudyResults, Trial } from '../results/read.js'
import { isBetter, toLoss } from '../runs/outcome.js'
import type { Json, Parameter, PlainParameter } from '../space/space.js'
import { plain } from '../space/space.js'

/** Which hyperparameters play a part of their own in a report. */
export interface ReportRoles {
  /** The learning rate. Default: the first one called learningRate, lr, eta, rate or stepSize. */
  readonly rate?: string
  /** The weight of the metric. Default: the first one called xi, kappa or perRate. */
  readonly xi?: string
  /** Whose values are compared and have colours of their own. Default: `optimizer` or `base`, or the first choice. */
  readonly series?: string
}

/** A hyperparameter of a report. */
export interface Dimension {
  readonly name: string
  readonly parameter: PlainParameter
  readonly isLog: boolean
}

/** The results of a study, as charts need them. */
export interface ReportData {
  readonly results: StudyResults
  readonly dimensions: readonly Dimension[]
  readonly rate: Dimension | undefined
  readonly xi: Dimension | undefined
  readonly series: Dimension | undefined
  /** The values of the series in the order of the space, as texts; a single empty one without a series. */
  readonly seriesNames: readonly string[]
  readonly seriesOf: (trial: Trial) => number
  /** All values of the metric that finished, ascending. */
  readonly sorted: readonly number[]
  /** A better value comes first. */
  readonly compare: (a: number, b: number) => number
  /** Of a run that has no value: the worst there is. */
  readonly worst: number
}

const known = {
  rate: ['learningRate', 'lr', 'eta', 'rate', 'stepSize'],
  xi: ['xi', 'kappa', 'perRate'],
  series: ['optimizer', 'base'],
} as const

/** The most values that are told apart by colour. */
const mostSeries = 8

/** Puts the results of a study in order for its charts. */
export function reportData(results: StudyResults, roles: ReportRoles): ReportData {
  const { space, metric } = results.definition
  const dimensions = Object.entries(space as Readonly<Record<string, Parameter>>).map(([name, given]) => {
    const parameter = plain(given)
    const isLog = parameter.kind === 'logUniform' || (parameter.kind === 'integer' && parameter.log)
    return { name, parameter, isLog: isLog || isGeometric(parameter) }
  })
  const role = (name: keyof typeof known): Dimension | undefined =>
    dimensions.find((one) =>
      roles[name] === undefined ? known[name].some((word) => word === one.name) : one.name === roles[name],
    )
  const isNamed = ({ parameter }: Dimension): boolean =>
    parameter.kind === 'choice' && parameter.values.length <= mostSeries && parameter.values.length > 1
  const named = role('series') ?? dimensions.find((one) => isNamed(one) && !isNumeric(one))
  const series = named !== undefined && isNamed(named) ? named : undefined
  const texts = (series?.parameter as { values?: readonly Json[] } | undefined)?.values?.map(textOf) ?? ['']
  return {
    results,
    dimensions,
    rate: numeric(role('rate')),
    xi: numeric(role('xi')),
    series,
    seriesNames: texts,
    seriesOf: ({ hyperparameters }) =>
      series === undefined ? 0 : texts.indexOf(textOf(hyperparameters[series.name] ?? '')),
    sorted: results.trials
      .map(({ mean }) => mean)
      .filter((mean) => !Number.isNaN(mean))
      .sort((a, b) => a - b),
    compare: (a, b) => (isBetter(metric, a, b) ? -1 : isBetter(metric, b, a) ? 1 : 0),
    worst: toLoss(metric, Infinity),
  }
}

/** A value of a choice as it is shown. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Whether a hyperparameter has numbers for values, also where it is a choice of them. */
export function isNumeric({ parameter }: Dimension): boolean {
  return parameter.kind !== 'choice' || parameter.values.every((value) => typeof value === 'number')
}

const numeric = (one: Dimension | undefined): Dimension | undefined =>
  one !== undefined && isNumeric(one) ? one : undefined

/** Whether a choice of numbers is meant by orders of magnitude. */
function isGeometric(parameter: PlainParameter): boolean {
  if (parameter.kind !== 'choice') return false
  const values = parameter.values.filter((value): value is number => typeof value === 'number' && value > 0)
  return (
    values.length === parameter.values.length &&
    values.length > 2 &&
    Math.max(...values) / Math.min(...values) >= 50
  )
}
