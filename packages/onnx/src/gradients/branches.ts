import { attributeOf } from '../proto/attribute.js'
import type { GraphProto } from '../proto/onnx_pb.js'
import { backwardBody, finish, zerosLike, type NestedScope } from './nested.js'

/** The gradient of an `If`: one with the gradients of the branches. */
export function throughBranches(scope: NestedScope): void {
  const { context, bodies, isOrigin } = scope
  const { node, gradient, emitAll, fresh, required } = context
  const branches = ['then_branch', 'else_branch'].map((name) => ({
    name,
    graph: attributeOf(node, name)!.g!,
  }))
  const captured = (graph: GraphProto): string[] => [...bodies.get(graph)!.captured].filter(isOrigin)
  const wanted = [...new Set(branches.flatMap(({ graph }) => captured(graph)))]
  const made = branches.map(({ name, graph }) => {
    const body = bodies.get(graph)!
    const seeds = body.outputs.flatMap((output, i) => {
      const given = gradient(i)
      return given === undefined ? [] : [[output, given] as const]
    })
    const inner = backwardBody(scope, body, seeds, captured(graph))
    const outputs = wanted.map((value) => {
      const found = inner.gradients.get(value)
      return found === undefined
        ? zerosLike(inner, value, context.realTypeOf(value))
        : inner.add('Identity', [found])
    })
    finish(inner, scope, body, outputs)
    return [name, inner.graph] as const
  })
  const results = wanted.map((value) => fresh(`${value}_grad`))
  emitAll('If', [required(0)], Object.fromEntries(made), results)
  wanted.forEach((value, i) => scope.contribute(value, results[i]!))
}
