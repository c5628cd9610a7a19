import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  type Optimizer,
  type TypedArray,
} from '@induced-metric/core'
import { accumulatedSlot, checkpointError } from '@induced-metric/core/adapter'
import { dataType } from '../proto/dataType.js'
import type { CheckpointState, OptimizerGroup, Property } from './state.js'

// The optimiser's state in a checkpoint of ONNX Runtime training. The genuine runtime calls Adam's averages m and v
// momentum0 and momentum1, and they are stored where it looks for them. State that it has no place for (counts, the
// metric's average, the slots of other bases) goes into the property bag, as base64. A genuine runtime preserves the
// bag without reading it.

const prefix = 'induced-metric.'
const stateKey = `${prefix}state`
const momentums = { m: 'momentum0', v: 'momentum1' } as const

/** The optimiser group of the genuine runtime. */
export const groupName = 'group0'

function slotKey(slot: string, parameter: string): string {
  return `${prefix}slot.${slot}.${parameter}`
}

/** Whether a property is one that this package writes. */
export function isOwnProperty(key: string): boolean {
  return key.startsWith(prefix)
}

/** Whether these slots are Adam's, apart from a sum of gradients that wait for the rest of their update. */
function isAdamLike(slots: Readonly<Record<string, TypedArray>>): boolean {
  return ownSlots(slots).sort().join() === 'm,v'
}

/** The names of the slots that the base has. */
function ownSlots(slots: Readonly<Record<string, TypedArray>> = {}): string[] {
  return Object.keys(slots).filter((name) => name !== accumulatedSlot)
}

/** The parts of a checkpoint that store the optimiser's state. */
export function optimizerState(
  checkpoint: Checkpoint,
  learningRate: number,
): Pick<CheckpointState, 'optimizerGroups'> & { readonly properties: Map<string, Property> } {
  const properties = new Map<string, Property>()
  const parameters = checkpoint.parameters.map((parameter) => ({ ...parameter, slots: {} }))
  properties.set(stateKey, toBase64(encodeCheckpoint({ ...checkpoint, parameters })))
  const shared = checkpoint.parameters.every(({ slots, dtype }) => dtype === 'float32' && isAdamLike(slots))
  const optimizerGroups: OptimizerGroup[] = []
  if (shared) {
    optimizerGroups.push({
      name: groupName,
      step: BigInt(checkpoint.step),
      initialLearningRate: learningRate,
      parameters: checkpoint.parameters.map(({ name, shape, slots }) => ({
        name,
        momentums: Object.entries(momentums).map(([slot, momentum]) => ({
          name: momentum,
          dims: shape,
          dataType: dataType.float,
          data: slots[slot]!,
        })),
      })),
    })
  }
  for (const { name, slots } of checkpoint.parameters) {
    for (const [slot, data] of Object.entries(slots)) {
      if (shared && slot !== accumulatedSlot) continue
      const bytes = encodeCheckpoint(wrapped(checkpoint, name, slot, data))
      properties.set(slotKey(slot, name), toBase64(bytes))
    }
  }
  return { optimizerGroups, properties }
}

/** One slot as a checkpoint of its own, because that format has the byte order, the element type and a checksum. */
function wrapped(checkpoint: Checkpoint, name: string, slot: string, data: TypedArray): Checkpoint {
  const dtype = data.BYTES_PER_ELEMENT === 8 ? 'float64' : 'float32'
  const parameter = { name, shape: [data.length], dtype, steps: 0, slots: { [slot]: data } } as const
  return { ...checkpoint, units: [], parameters: [parameter] }
}

/**
 * Restores an optimiser from a training checkpoint.
 *
 * @returns whether the checkpoint has a state of the optimiser
 * @throws ERR_CHECKPOINT if it is the state of another optimiser; nothing has changed then
 */
export function restoreOptimizer(optimizer: Optimizer, state: CheckpointState): boolean {
  const restored = restoredState(() => optimizer.save(), state)
  if (restored) optimizer.load(restored)
  return restored !== undefined
}

/**
 * The state of an optimiser that a training checkpoint holds; `undefined` if it holds none.
 *
 * @param save gives the current state of the optimiser, whose form the restored one has
 * @throws ERR_CHECKPOINT if it is the state of another optimiser
 */
export function restoredState(save: () => Checkpoint, state: CheckpointState): Checkpoint | undefined {
  const group = state.optimizerGroups.find(({ name }) => name === groupName) ?? state.optimizerGroups[0]
  const encoded = state.properties.get(stateKey)
  if (encoded === undefined && group === undefined) return undefined

  const current = save()
  const saved = encoded === undefined ? undefined : decodeCheckpoint(fromBase64(encoded))
  if (saved && saved.hash === current.hash) {
    const parameters = saved.parameters.map((parameter) => {
      const own = current.parameters.find(({ name }) => name === parameter.name)
      const hasSum = saved.accumulated && state.properties.has(slotKey(accumulatedSlot, parameter.name))
      const slots = [...ownSlots(own?.slots), ...(hasSum ? [accumulatedSlot] : [])].map((slot) => {
        const property = state.properties.get(slotKey(slot, parameter.name))
        const data =
          property === undefined
            ? momentumOf(group, parameter.name, slot)
            : decodeCheckpoint(fromBase64(property)).parameters[0]?.slots[slot]
        return [
          slot,
          data ?? missing(`no slot ${slot} of parameter ${JSON.stringify(parameter.name)}`),
        ] as const
      })
      return { ...parameter, slots: Object.fromEntries(slots) }
    })
    return { ...saved, parameters }
  }

  // The state belongs to another transformation, or to a genuine runtime. Adam's slots are the same under every
  // metric.
  if (group === undefined || !current.parameters.every(({ slots }) => isAdamLike(slots))) {
    throw checkpointError(
      'the checkpoint holds the state of another optimiser than the one given; give that one, or start it afresh with ' +
        "optimizerState: 'fresh'",
    )
  }
  const step = Number(group.step)
  return {
    ...current,
    step,
    parameters: current.parameters.map((parameter) => {
      const slots = Object.keys(momentums).map((slot) => [
        slot,
        momentumOf(group, parameter.name, slot) ??
          missing(`no ${momentums[slot as 'm']} of parameter ${JSON.stringify(parameter.name)}`),
      ])
      return { ...parameter, steps: step, slots: Object.fromEntries(slots) as Record<string, TypedArray> }
    }),
  }
}

function momentumOf(
  group: OptimizerGroup | undefined,
  parameter: string,
  slot: string,
): TypedArray | undefined {
  const momentum = Object.hasOwn(momentums, slot) ? momentums[slot as 'm'] : undefined
  const found = group?.parameters
    .find(({ name }) => name === parameter)
    ?.momentums.find(({ name }) => name === momentum)?.data
  return found instanceof Float32Array || found instanceof Float64Array ? found : undefined
}

function missing(what: string): never {
  throw checkpointError(`the checkpoint holds an optimiser state that is incomplete: ${what}`)
}

const chunk = 0x8000

function toBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += chunk)
    parts.push(String.fromCharCode(...bytes.subarray(i, i + chunk)))
  return btoa(parts.join(''))
}

function fromBase64(property: Property): Uint8Array {
  try {
    const text = atob(String(property))
    return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
  } catch {
    throw checkpointError('the checkpoint holds an optimiser state that is not base64')
  }
}
