import { create } from '@bufbuild/protobuf'
import { createNode } from '../proto/node.js'
import { GraphProtoSchema, ValueInfoProtoSchema, type NodeProto } from '../proto/onnx_pb.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'
import type { Emitter } from './activations.js'

/** A loop over the first axis of some values. */
export interface Loop {
  /** The values before the first step. */
  readonly states: readonly string[]
  /** The values that each step takes a slice of. */
  readonly sequences: readonly string[]
  /** Whether it starts at the last slice. Results are stacked in the order of the slices nevertheless. */
  readonly isReverse: boolean
  /**
   * Adds the nodes of a step, which may read values of the graph around it.
   *
   * @returns the states after the step, and the slices of the results
   */
  readonly step: (
    emitter: Emitter,
    states: readonly string[],
    slices: readonly string[],
  ) => { readonly states: readonly string[]; readonly results: readonly string[] }
}

/** Adds a Scan, and returns the states after its last step and the stacked results. */
export function emitScan(
  context: LoweringContext,
  real: Emitter['real'],
  { states, sequences, isReverse, step }: Loop,
): { readonly states: readonly string[]; readonly results: readonly string[] } {
  const { node, fresh, emitAll } = context
  const hint = `${node.output.find((name) => name !== '') ?? node.opType}/step`
  const nodes: NodeProto[] = []
  const emit: Emitter['emit'] = (opType, inputs, attributes = {}) => {
    const output = fresh(`${hint}/${opType}`)
    nodes.push(createNode(opType, inputs, [output], attributes, output))
    return output
  }
  const [before, slices] = [states, sequences].map((values) => values.map(() => fresh(`${hint}/input`)))
  const made = step({ emit, real }, before!, slices!)
  // An output of a body must be of its own, and made in it.
  const own = new Set<string>()
  const outputs = [...made.states, ...made.results].map((name) => {
    const isOwn = nodes.some(({ output }) => output[0] === name) && !own.has(name)
    const output = isOwn ? name : emit('Identity', [name])
    own.add(output)
    return output
  })
  const value = (name: string) => create(ValueInfoProtoSchema, { name })
  const body = create(GraphProtoSchema, {
    name: fresh(hint),
    node: nodes,
    input: [...before!, ...slices!].map(value),
    output: outputs.map(value),
  })
  const results = outputs.map(() => fresh(`${hint}/Scan`))
  const direction = Number(isReverse)
  emitAll(
    'Scan',
    [...states, ...sequences],
    {
      body,
      num_scan_inputs: sequences.length,
      scan_input_directions: sequences.map(() => direction),
      scan_output_directions: made.results.map(() => direction),
    },
    results,
  )
  return { states: results.slice(0, states.length), results: results.slice(states.length) }
}
