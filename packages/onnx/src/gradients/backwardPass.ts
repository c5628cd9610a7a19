import { create } from '@bufbuild/protobuf'
import { dataType } from '../proto/dataType.js'
import { createNode } from '../proto/node.js'
import { ValueInfoProtoSchema, type ValueInfoProto } from '../proto/onnx_pb.js'
import { createValue } from '../proto/value.js'
import type { BackwardBody, NestedScope } from './nested.js'

/** What each round of a backward pass takes a part of. */
export interface Sequence {
  readonly value: string
  /** The part, in the body. */
  readonly part: string
  readonly axis: number
  /** 1 if the forward pass went through it, or stacked it, from the end. */
  readonly direction: number
}

/** The backward pass of a `Loop` or a `Scan`. */
export interface BackwardPass {
  readonly inner: BackwardBody
  /** What the body is given of the round before, and its values before the first. */
  readonly carried: readonly string[]
  readonly initial: readonly string[]
  readonly sequences: readonly Sequence[]
  /** How the last results are stacked: one for each slice whose gradient is wanted. */
  readonly slices: readonly Pick<Sequence, 'axis' | 'direction'>[]
}

/** Adds a backward pass as a `Loop`, which may have no rounds and whose values may be of any rank. */
export function emitLoop(
  { context }: NestedScope,
  { inner, carried, initial, sequences }: BackwardPass,
): string[] {
  const { emit, emitAll, int, fresh } = context
  const { graph } = inner
  const rounds = emit('Gather', [emit('Shape', [sequences[0]!.value]), int(0)], { axis: 0 })
  const last = emit('Sub', [rounds, int(1)])
  const [round, goesOn, at, stays] = ['round', 'goes_on', 'at', 'stays'].map((name) =>
    fresh(`${graph.name}/${name}`),
  ) as [string, string, string, string]
  graph.node = [
    createNode('Sub', [last, round], [at]),
    ...sequences.map(({ value, part }) => createNode('Gather', [value, at], [part], { axis: 0 })),
    ...graph.node,
    createNode('Identity', [goesOn], [stays]),
  ]
  graph.input = [
    createValue(round, dataType.int64, []),
    createValue(goesOn, dataType.bool, []),
    ...carried.map(untyped),
  ]
  graph.output = [createValue(stays, dataType.bool, []), ...graph.output]
  const results = initial.map(() => fresh(`${graph.name}/Loop`))
  emitAll('Loop', [rounds, undefined, ...initial], { body: graph }, results)
  return results
}

/** Adds a backward pass as a `Scan`, which takes slices and stacks them without copying the whole. */
export function emitScan(
  { context }: NestedScope,
  { inner, carried, initial, sequences, slices }: BackwardPass,
): string[] {
  const { emitAll, fresh } = context
  const { graph } = inner
  graph.input = [...carried, ...sequences.map(({ part }) => part)].map(untyped)
  const results = [...initial, ...slices].map(() => fresh(`${graph.name}/Scan`))
  emitAll(
    'Scan',
    [...initial, ...sequences.map(({ value }) => value)],
    {
      body: graph,
      num_scan_inputs: sequences.length,
      scan_input_axes: sequences.map(({ axis }) => axis),
      scan_input_directions: sequences.map(({ direction }) => 1 - direction),
      scan_output_axes: slices.map(({ axis }) => axis),
      scan_output_directions: slices.map(({ direction }) => 1 - direction),
    },
    results,
  )
  return results
}

function untyped(name: string): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name })
}
