import { isVector, matrixExtents, type Extent, type Shape } from '../../../graph/algebra.js'
import type { PlannedParameter, Profile } from '../../../step/plan.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { earlyScalarsOf, type EarlyScalars } from './earlyScalars.js'
import { schedule, stepOutputs, type Kernel, type Schedule } from './schedule.js'
import type { KnownAt } from './places.js'
import { shareItems } from './sharedItems.js'
import { elementGroups, fixedMeta, linesPerGroup, metaWords, productGroups } from './words.js'

/** An array of a parameter in an arena: a slot, or values that kernels leave for later ones, one after the other. */
export interface Item {
  /** `slot.NAME`, or each `node.INDEX`. */
  readonly keys: readonly string[]
  readonly shape: Shape
}

/** What parameters of equal graphs have in common. */
export interface Form {
  readonly index: number
  readonly graph: StepGraph
  readonly profile: Profile
  readonly early: EarlyScalars
  readonly schedule: Schedule
  readonly items: readonly Item[]
  /** The slots that are scalars. */
  readonly scalarSlots: readonly string[]
  /** The number of words that describe one of its parameters. */
  readonly metaLength: number
}

/** The ticks of a plan. */
export interface Ticks extends KnownAt {
  /** When parameters and slots are written. */
  readonly write: number
}

/** Plans the work on parameters of one graph and profile. */
export function createForm(index: number, graph: StepGraph, profile: Profile, ticks: Ticks): Form {
  const { scalars, tensors } = stepOutputs(graph)
  const planned = schedule(graph, ticks, ticks.write)
  const scalarSlots = graph.slots.filter((name) => graph.slotShapes[name] === 'scalar')
  const items = [
    ...graph.slots.flatMap((name) =>
      graph.slotShapes[name] === 'scalar' ? [] : [{ keys: [`slot.${name}`], shape: graph.slotShapes[name]! }],
    ),
    ...shareItems(graph.nodes, planned).map(({ nodes, shape }) => ({
      keys: nodes.map((node) => `node.${node}`),
      shape,
    })),
    ...workItems(graph, planned),
  ]
  return {
    index,
    graph,
    profile,
    early: earlyScalarsOf(graph, [...scalars, ...tensors], isEarlyInput),
    schedule: planned,
    items,
    scalarSlots,
    metaLength: fixedMeta + 2 * planned.sums.length + items.length,
  }
}

/** The keys of the arrays that kernels of operations on matrices of a shape work in. */
export function workKeys(shape: Shape): readonly string[] {
  return [`work.${shape}`, `work.${shape}.second`]
}

/** The arrays that kernels of operations on matrices work in, beside those of their operands and results. */
function workItems({ nodes }: StepGraph, { kernels }: Schedule): Item[] {
  const found = new Map<string, Shape>()
  for (const kernel of kernels) {
    if (kernel.kind !== 'matrix') continue
    const { op, inputs } = nodes[kernel.node]!
    const { shape } = nodes[inputs[0]!]!
    // Only eigenvalues leave no room for a matrix in their result.
    workKeys(shape).forEach((key, place) => (place === 0 || op === 'eigenvalues') && found.set(key, shape))
  }
  return [...found].map(([key, shape]) => ({ keys: [key], shape }))
}

/** Whether the host knows a scalar input of a parameter's graph, but for what is refused. */
export function isEarlyInput(name: string): boolean {
  return !/^(?:clip|scale|loss|total\..*|shared\..*|slot\..*)$/.test(name)
}

type Extents = Pick<PlannedParameter, 'size' | 'rows' | 'columns'>

/** The number of elements of a shape. */
export function countOf(shape: Shape, extents: Extents): number {
  if (shape === 'scalar') return 1
  if (shape === 'tensor') return extents.size
  const [p, q] = axesOf(shape)
  return extents[p] * (q === undefined ? 1 : extents[q])
}

/** The axes of a vector or matrix. */
export function axesOf(shape: Shape): readonly [Extent, Extent | undefined] {
  return isVector(shape) ? [shape, undefined] : matrixExtents(shape)!
}

/** An axis's extent, as WGSL. */
export function extentText(extent: Extent): string {
  return `word(k, ${metaWords[extent]}u)`
}

/** The kernel that adds up a sum. */
export function kernelOfSum({ schedule: { kernels } }: Form, sum: number): Kernel {
  return kernels.find((kernel) => 'sums' in kernel && kernel.sums.has(sum))!
}

/** The workgroups that a kernel takes for a parameter. */
export function groupsOf(kernel: Kernel, extents: Extents): number {
  if (kernel.kind === 'matrix') return 1
  if (kernel.kind === 'elements') return elementGroups(countOf(kernel.shape, extents))
  const [p, q] = axesOf(kernel.shape)
  if (kernel.kind === 'product') return productGroups(extents[p], extents[q!])
  return Math.max(1, Math.ceil(extents[kernel.ofRows ? p : q!] / linesPerGroup))
}

/** The place among a parameter's words of a sum's address, which the number of its parts follows. */
export function sumWord({ schedule: { sums } }: Form, sum: number): number {
  return fixedMeta + 2 * sums.indexOf(sum)
}

/** The place among a parameter's words of an item's offset. */
export function itemWord({ schedule: { sums }, items }: Form, key: string): number {
  return fixedMeta + 2 * sums.length + items.findIndex(({ keys }) => keys.includes(key))
}
