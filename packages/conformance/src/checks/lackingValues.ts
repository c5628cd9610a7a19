import type { CaseBody } from '../case.js'
import { readFile, writeFile } from '../checkpointFile.js'
import { expectTrue } from '../compare.js'
import { lossOption, runProblem, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import { loadInto, saveOf } from './bytes.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** Values of a unit belong together: where a checkpoint lacks one of them, all start afresh. */
export async function lackingValues(
  context: Context,
  { problem, after }: Body<'lackingValues'>,
): Promise<void> {
  const { session } = await runProblem(context, problem, { to: after })
  const { version, header, slots } = readFile(await saveOf(session))
  const units = header.units.map(({ values = {}, ...unit }) => {
    const names = Object.keys(values)
    expectTrue(names.length > 1, `a unit must keep several values, keeps ${names.join(', ')}`)
    return { ...unit, values: Object.fromEntries(names.slice(1).map((name) => [name, values[name]!])) }
  })
  const other = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  await loadInto(other, writeFile({ version, slots, header: { ...header, units } }))
  const saved = readFile(await saveOf(other)).header.units
  for (const { key, values = {} } of saved) {
    expectTrue(
      Object.values(values).every((value) => value === 0),
      `the values of unit ${JSON.stringify(key)} must start afresh, are ${JSON.stringify(values)}`,
    )
  }
  const { gradients, loss } = problemStep(problem, after + 1, context.dtype)
  const report = await other.step(gradients, lossOption(loss))
  expectTrue(!report.skipped && Number.isFinite(report.scale), 'the next step must be taken, with a finite ρ')
}
