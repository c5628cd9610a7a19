import type { Damage } from '../case.js'
import { assemble, readFile, sign, writeFile, type FileContents, type FileHeader } from '../checkpointFile.js'
import { lossOption, type Context } from '../context.js'
import { problemParameters, problemStep, type Problem } from '../problem.js'
import { saveOf } from './bytes.js'
import { referenceSession } from './referenceSession.js'

/** A checkpoint of the core's reference engine after one step of a problem. */
async function saved(context: Context, problem: Problem, dtype = context.dtype): Promise<Uint8Array> {
  // Made by the reference engine, since the target may lack the features that the damage needs.
  const session = referenceSession(context, problem, problemParameters(problem, dtype))
  const { gradients, loss } = problemStep(problem, 1, dtype)
  await session.step(gradients, lossOption(loss))
  return saveOf(session)
}

/** Changes a parameter or a unit of a header. */
function changed(
  { version, header, slots }: FileContents,
  list: 'parameters' | 'units' | 'profiles',
  change: object,
): Uint8Array {
  const [first, ...others] = header[list] ?? []
  return writeFile({
    version,
    slots,
    header: { ...header, [list]: [{ ...first, ...change }, ...others] },
  })
}

/** Damages of the whole file. */
const ofBytes: Partial<Record<Damage, (bytes: Uint8Array) => Uint8Array>> = {
  empty: () => new Uint8Array(),
  'truncated by a byte': (bytes) => bytes.slice(0, -1),
  'cut in half': (bytes) => bytes.slice(0, bytes.length >> 1),
  'first byte changed': (bytes) => withByte(bytes, 0, bytes[0]! ^ 0xff),
  'a byte of a slot changed': (bytes) => withByte(bytes, bytes.length - 9, bytes.at(-9)! ^ 1),
  'a bit of the checksum changed': (bytes) => withByte(bytes, 12, bytes[12]! ^ 1),
  'another version': (bytes) => withByte(bytes, 4, 2),
  'a byte too many': (bytes) => signed(Uint8Array.of(...bytes, ...new Uint8Array(8))),
  'a slot too short': (bytes) => signed(bytes.slice(0, -8)),
  'a header longer than the file': (bytes) => withByte(bytes, 10, 0xff),
  'a header that ends with the file': (bytes) => {
    const copy = bytes.slice()
    new DataView(copy.buffer).setUint32(8, copy.length - 15, true)
    return signed(copy)
  },
  'nothing but the prefix': (bytes) => bytes.slice(0, 15),
}

/** Damages of the header, under a checksum that is right. */
const ofHeader: Partial<Record<Damage, (contents: FileContents) => Uint8Array>> = {
  'a header that is no JSON': ({ version }) => assemble(version, '{"format":', []),
  'a header that is a list': ({ version }) => assemble(version, '[]', []),
  'another format': (contents) => withEntry(contents, 'format', 'checkpoint'),
  'another version in the header': (contents) => withEntry(contents, 'version', 2),
  'no hash': (contents) => withEntry(contents, 'hash', undefined),
  'another hash': (contents) => withEntry(contents, 'hash', '0123456789abcdef'),
  'a count of steps below 0': (contents) => withEntry(contents, 'step', -1),
  'a count of steps with a fraction': (contents) => withEntry(contents, 'step', 1.5),
  'a count of skipped steps below 0': (contents) => withEntry(contents, 'skippedSteps', -1),
  'a learning rate below 0': (contents) => withEntry(contents, 'learningRate', -0.5),
  'a learning rate that is no number': (contents) => withEntry(contents, 'learningRate', 'fast'),
  'no units': (contents) => withEntry(contents, 'units', undefined),
  'no parameters': ({ version, header }) =>
    assemble(version, JSON.stringify({ ...header, parameters: undefined }), []),
  'an average of NaN': (contents) => changed(contents, 'units', { average: NaN }),
  'an average below 0': (contents) => changed(contents, 'units', { average: -1 }),
  'a unit whose count is below 0': (contents) => changed(contents, 'units', { steps: -1 }),
  'a unit without a key': (contents) => changed(contents, 'units', { key: undefined }),
  'a unit whose values are no numbers': (contents) =>
    changed(contents, 'units', { values: { loss: 'high' } }),
  'a unit whose values are one number': (contents) => changed(contents, 'units', { values: 1 }),
  'a unit too many': ({ version, header, slots }) =>
    writeFile({
      version,
      slots,
      header: { ...header, units: [...header.units, { ...header.units[0]!, key: 'nowhere' }] },
    }),
  'a unit too few': (contents) => withEntry(contents, 'units', []),
  'another unit': (contents) => changed(contents, 'units', { key: 'nowhere' }),
  'two units of one key': ({ version, header, slots }) =>
    writeFile({ version, slots, header: { ...header, units: [...header.units, ...header.units] } }),
  'two parameters of one name': ({ version, header, slots }) =>
    writeFile({
      version,
      slots: [...slots, ...slots],
      header: { ...header, parameters: [...header.parameters, ...header.parameters] },
    }),
  'a parameter that is null': ({ version, header }) =>
    assemble(version, JSON.stringify({ ...header, parameters: [null] }), []),
  'a parameter without a name': (contents) => changed(contents, 'parameters', { name: undefined }),
  'a parameter whose count is below 0': (contents) => changed(contents, 'parameters', { steps: -1 }),
  'a parameter whose count has a fraction': (contents) => changed(contents, 'parameters', { steps: 0.5 }),
  'a parameter of another type': ({ version, header }) =>
    assemble(
      version,
      JSON.stringify({ ...header, parameters: header.parameters.map((p) => ({ ...p, dtype: 'float16' })) }),
      [],
    ),
  'a shape below 0': ({ version, header }) => assemble(version, withShape(header, [-2, -3]), []),
  'a shape with a fraction': ({ version, header }) => assemble(version, withShape(header, [0.5, 12]), []),
  'a shape of more elements than there are numbers': ({ version, header }) =>
    assemble(version, withShape(header, [2 ** 30, 2 ** 30]), []),
  'a slot named twice': ({ version, header, slots }) => {
    const [first, ...others] = header.parameters
    const [name] = first!.slots
    const doubled = { ...first!, slots: first!.slots.map(() => name!) }
    return writeFile({ version, slots, header: { ...header, parameters: [doubled, ...others] } })
  },
  'no calls whose gradients wait': (contents) => withEntry(contents, 'accumulated', { calls: 0 }),
  'calls that wait, with a loss that is no number': (contents) =>
    withEntry(contents, 'accumulated', { calls: 1, loss: 'high' }),
  'shared scalars without a key': (contents) => changed(contents, 'profiles', { key: undefined }),
  'shared scalars whose count is below 0': (contents) => changed(contents, 'profiles', { steps: -1 }),
  'shared scalars that are no numbers': (contents) =>
    changed(contents, 'profiles', { values: { distance: 'far' } }),
  'two shared scalars of one key': ({ version, header, slots }) =>
    writeFile({
      version,
      slots,
      header: { ...header, profiles: [...(header.profiles ?? []), ...(header.profiles ?? [])] },
    }),
  'a slot of another name': (contents) => {
    const [first] = contents.header.parameters
    return changed(contents, 'parameters', { slots: first!.slots.map((name) => `${name}x`) })
  },
  'a slot that is missing': ({ version, header, slots }) => {
    const [first, ...others] = header.parameters
    return writeFile({
      version,
      slots: slots.slice(1),
      header: { ...header, parameters: [{ ...first!, slots: first!.slots.slice(1) }, ...others] },
    })
  },
}

/** Damages that are states of another optimiser. */
function ofOther(problem: Problem, damage: Damage): Problem | undefined {
  const { transformation } = problem
  const [first, ...others] = problem.parameters
  const withBase = (base: Problem['transformation']['base']): Problem => ({
    ...problem,
    transformation: { ...transformation, base },
  })
  switch (damage) {
    case 'other transformation':
      return withBase(transformation.base.name === 'adam' ? { name: 'sgd', momentum: 0.5 } : { name: 'adam' })
    case 'other shape':
      return { ...problem, parameters: [{ ...first!, shape: [...first!.shape, 2] }, ...others] }
    case 'other name':
      return { ...problem, parameters: [{ ...first!, name: `not-${first!.name}` }, ...others] }
    case 'the same slots of another base':
      return withBase({ ...transformation.base, nesterov: transformation.base['nesterov'] !== true })
    case 'another scope of the metric':
      return { ...problem, parameters: [first!], transformation: { ...transformation, metricScope: 'group' } }
    case 'as many elements in another shape':
      return { ...problem, parameters: [{ ...first!, shape: [...first!.shape].reverse() }, ...others] }
    case 'a parameter too many':
      return { ...problem, parameters: [...problem.parameters, { name: 'further', shape: [2] }] }
    case 'a parameter too few':
      return { ...problem, parameters: others }
    case 'gradients that wait for the rest of an update':
      return { ...problem, transformation: { ...transformation, accumulate: 2 } }
    default:
      return undefined
  }
}

/** The bytes of a checkpoint with a damage. */
export async function damagedBytes(context: Context, problem: Problem, damage: Damage): Promise<Uint8Array> {
  if (damage === 'other dtype')
    return saved(context, problem, context.dtype === 'float32' ? 'float64' : 'float32')
  const other = ofOther(problem, damage)
  if (other !== undefined) return saved(context, other)
  const bytes = await saved(context, problem)
  return ofBytes[damage]?.(bytes) ?? ofHeader[damage]!(readFile(bytes))
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = value
  return copy
}

function signed(bytes: Uint8Array): Uint8Array {
  sign(bytes)
  return bytes
}

function withEntry({ version, header, slots }: FileContents, key: string, value: unknown): Uint8Array {
  return writeFile({ version, slots, header: { ...header, [key]: value } })
}

function withShape(header: FileHeader, shape: readonly number[]): string {
  return JSON.stringify({
    ...header,
    parameters: header.parameters.map((p) => ({ ...p, shape, slots: ['m'] })),
  })
}
