import type { StepPlan } from '../../../step/plan.js'
import { createForm, type Form, type Ticks } from './form.js'
import { firstWriting, levelOfOutputs } from './schedule.js'
import { turnSums } from './turnedSums.js'

/** The forms of a plan's parameters. */
export interface Forms {
  readonly forms: readonly Form[]
  /** By parameter, the index of its form. */
  readonly formOf: readonly number[]
  readonly ticks: Ticks
}

/** Finds the forms of a plan, and the ticks at which all parameters together make a scalar known. */
export function planForms(plan: StepPlan): Forms {
  const { parameters, profiles } = plan
  const given = [...new Set(parameters.map(({ graph }) => graph))]
  const graphs = given.map(turnSums)
  const known = { clip: 0, totals: 0, scale: 0 }
  const latest = (outputs: (graph: (typeof graphs)[number]) => readonly string[]): number =>
    Math.max(0, ...graphs.map((graph) => levelOfOutputs(graph, known, outputs(graph))))
  known.clip = latest(() => ['norm'])
  known.totals = Math.max(
    known.clip,
    latest(({ totals }) => totals),
  )
  known.scale = Math.max(
    known.totals,
    latest(({ reductions }) => reductions),
  )
  const write = Math.max(known.scale, ...graphs.map((graph) => firstWriting(graph, known)))
  const ticks = { ...known, write }
  const keys: string[] = []
  const forms: Form[] = []
  const formOf = parameters.map(({ graph, profile }) => {
    const index = given.indexOf(graph)
    const key = `${index} ${profile}`
    if (!keys.includes(key)) {
      keys.push(key)
      forms.push(createForm(forms.length, graphs[index]!, profiles[profile]!, ticks))
    }
    return keys.indexOf(key)
  })
  return { forms, formOf, ticks }
}
