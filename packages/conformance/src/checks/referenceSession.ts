import { toCore, type Context } from '../context.js'
import type { Problem } from '../problem.js'
import type { Session, TargetParameter } from '../target.js'

/** The core's reference engine as a session. */
export function referenceSession(
  context: Context,
  problem: Problem,
  parameters: readonly TargetParameter[],
): Session {
  const { core } = context.target
  const optimizer = core.createOptimizer(
    toCore(context.target, problem.transformation),
    parameters.map((p) => ({ ...p, data: p.data.slice() })),
    { engine: 'reference' },
  )
  return {
    step: (gradients, options) => optimizer.step(gradients, options),
    read: () => optimizer.parameters.map((p) => p.data),
    save: () => core.encodeCheckpoint(optimizer.save()),
    load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
  }
}
