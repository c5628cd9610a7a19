import { handsOverFunctions } from '../asked.js'
import { familyOf, type Case } from '../case.js'
import { cases, casesVersion } from '../cases/index.js'
import type { Core } from '../target.js'
import type { CodeCase, DataCall, DataCase, DataFile } from './format.js'
import { recordCase } from './record.js'

const functions = 'it hands over functions: bases, embeddings, schedules or masks of one’s own'
const memory = 'it concerns arguments or memory that JSON does not carry'

/** The reason why a case is no data, in words; `undefined` if it is data. */
function reasonOf(oneCase: Case): string | undefined {
  if (handsOverFunctions(oneCase)) return functions
  switch (oneCase.check) {
    case 'handover':
      return oneCase.from === 'target'
        ? 'the core’s reference engine continues what the target has saved'
        : undefined
    case 'badParameters': {
      const carried = ['two of one name', 'a shape below 0', 'a shape of fractions', 'data too long']
      return carried.includes(oneCase.mistake) ? undefined : memory
    }
    case 'badGradients':
      return oneCase.mistake === 'one too many' || oneCase.mistake === 'an element too few'
        ? undefined
        : memory
    case 'badStep':
    case 'memory':
    case 'noTransformation':
      return memory
    case 'rateSet':
      return 'it reads and sets the learning rate of a session'
    case 'lackingValues':
      return 'it changes what the target has saved'
    case 'living':
      return 'it counts what lives in the target'
    default:
      return undefined
  }
}

/** The transformation of a case that asks for its refusal, as data; `undefined` for other cases. */
function refusedData(oneCase: Case): object | null | undefined {
  const plain = { format: 'induced-metric', version: 1, base: { name: 'sgd' }, learningRate: 0.1 }
  switch (oneCase.check) {
    case 'badSchedule':
      return { ...plain, learningRate: oneCase.schedule }
    case 'badTransformation': {
      const { change } = oneCase
      if (change === null || Array.isArray(change)) return change
      const kept = Object.entries({ ...plain, ...(change as object) }).filter(
        ([, value]) => value !== 'left out',
      )
      return Object.fromEntries(kept)
    }
    case 'badOption': {
      const { option, value, base = 'sgd' } = oneCase
      const [owner, name = owner] = option.split('.') as [string, string?]
      if (owner === 'base') return { ...plain, base: { name: base, [name]: value } }
      if (owner === 'embedding') return { ...plain, embedding: { name: 'log', [name]: value } }
      return { ...plain, base: { name: base }, [option]: value }
    }
    default:
      return undefined
  }
}

/** Leaves out what does not matter: the types of parameters that are the case's own, and disposals after which nothing comes. */
function tidied(calls: readonly DataCall[], dtype: string): DataCall[] {
  const last = new Map<number, number>()
  calls.forEach((call, i) => {
    for (const number of numbersIn(call)) last.set(number, i)
  })
  return calls
    .filter((call, i) => !('dispose' in call) || last.get(call.dispose) !== i)
    .map((call) => {
      if (!('create' in call)) return call
      const parameters = call.parameters.map(({ dtype: own, ...p }) =>
        own === dtype ? p : { ...p, dtype: own! },
      )
      return { ...call, parameters }
    })
}

/** The numbers of the optimisers that a call concerns. */
function numbersIn(call: DataCall): readonly number[] {
  if ('same' in call) return call.same
  return Object.values(call).slice(0, 1) as number[]
}

/**
 * Whether ρ follows from a difference that nearly cancels: the averaged model takes long steps to where it is hardly above its
 * floor. The case itself asks for bounds of ρ alone, which no rounding touches.
 */
function cancels(oneCase: Case): boolean {
  if (oneCase.check !== 'promise' || oneCase.dtype !== 'float32') return false
  return oneCase.problem.transformation.averagedModel === true
}

/** The body of a case as data. */
async function dataOf(core: Core, oneCase: Case): Promise<Omit<DataCase, 'ids' | 'title' | 'requires'>> {
  const refused = refusedData(oneCase)
  if (refused !== undefined)
    return {
      terms: 1,
      calls: [{ create: 0, transformation: refused as object, parameters: [], error: 'ERR_OPTION' }],
    }
  const { calls, terms } = await recordCase(core, oneCase)
  const isDrawn = oneCase.check === 'random'
  return {
    terms,
    ...(cancels(oneCase) && { tolerance: 5e-3 }),
    ...(isDrawn && { relativeTo: 'largest' as const }),
    calls: tidied(calls, oneCase.dtype),
  }
}

/**
 * The whole suite as data, by family. A case that is the same in both element types is written once.
 *
 * @param core takes the steps whose errors and checkpoints are part of the data
 */
export async function suiteData(core: Core, chosen: readonly Case[] = cases): Promise<DataFile[]> {
  const families = new Map<string, { cases: DataCase[]; code: CodeCase[]; seen: Map<string, number> }>()
  for (const oneCase of chosen) {
    const { id, title, dtype, requires } = oneCase
    const family = families.get(familyOf(id)) ?? { cases: [], code: [], seen: new Map<string, number>() }
    families.set(familyOf(id), family)
    const reason = reasonOf(oneCase)
    if (reason !== undefined) {
      const listed = family.code.find((entry) => entry.reason === reason)
      if (listed === undefined) family.code.push({ ids: [id], reason })
      else family.code[family.code.indexOf(listed)] = { reason, ids: [...listed.ids, id] }
      continue
    }
    const body = await dataOf(core, oneCase)
    const key = JSON.stringify([title, requires, body])
    const twin = family.seen.get(key)
    // Two cases may differ in nothing but what a message must say, which is no data.
    if (twin === undefined || Object.hasOwn(family.cases[twin]!.ids, dtype)) {
      family.seen.set(key, family.cases.push({ ids: { [dtype]: id }, title, requires, ...body }) - 1)
    } else {
      const { ids, ...rest } = family.cases[twin]!
      family.cases[twin] = { ids: { ...ids, [dtype]: id }, ...rest }
    }
  }
  return [...families].map(([family, { cases, code }]) => ({
    format: 'induced-metric-suite',
    version: 1,
    suite: casesVersion,
    family,
    cases,
    code,
  }))
}
