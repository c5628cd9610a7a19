import { describe, expect, it } from 'vitest'
import { runConformance } from '../src/index.js'
import { defects, sloppyTarget, type Defect } from './targets/sloppy.js'

/** The cases that must fail because of a defect, and a text that one of their messages must contain. */
const caught: Readonly<Record<Defect, readonly [filter: RegExp, says: RegExp]>> = {
  'decay scaled by ρ': [/^option\/decay\/f64\/0001/, /decoupled decay is not multiplied by ρ/],
  'decay on the new θ': [/^option\/decay\/f64\/0002/, /decay acts on θ from before the step/],
  'decay mask ignored': [/^option\/decay\/f32\/0006/, /masked to matrices leaves vectors and scalars alone/],
  'no bias correction of m': [/^step\/sgd\/f64/, /bias-corrected momentum/],
  'no bias correction of r': [
    /^option\/metric\/f64\/0006/,
    /s of adam .* with its root and its bias correction/,
  ],
  'no bias correction of the average': [
    /^option\/metric\/f64\/0002/,
    /bias correction of the metric’s average/,
  ],
  'the norm in place of its square': [
    /^option\/metric\/f64\/0004/,
    /squared norm of the gradient, not the norm/,
  ],
  'a sum per tensor': [/^option\/metric\/f64\/0005/, /sums over all parameters, not over each tensor/],
  's of adam with r̂ in place of its root': [/^option\/metric\/f64\/0006/, /s of adam is Σg²\/\(√r̂\+ε\)/],
  's of adam without preconditioner': [/^option\/metric\/f64\/0006/, /s of adam .*: with the preconditioner/],
  's from the momentum': [/^option\/metric\/f64\/0007/, /s uses the raw gradient, not the momentum/],
  'epsilon inside the root': [/^step\/adam\/f32\/0005/, /adam with its epsilon outside the root/],
  'nesterov ignored': [/^step\/(adam|heavyBall)\/f32/, /Nesterov momentum/],
  'log as 1/(L² + v̂)': [/^option\/metric\/f64\/0011/, /the factor is ℓ\/\(ℓ²\+v̂\)/],
  'floor ignored': [/^option\/metric\/f64\/0012/, /log with a floor measures the loss from it/],
  'average of ξs': [/^option\/schedule\/f64\/0007/, /the average is of s, not of ξs/],
  'average restarts every step': [/^option\/metric\/f64\/0008/, /the metric’s average under log/],
  'ξ = 1 where it is auto': [/^option\/metric\/f64\/0001/, /ξ left out is 1\/N over all parameters/],
  'state written on a skipped step': [/^edge\/skip\/f64\/0001/, /slot momentum of kernel changed/],
  'parameters written on a skipped step': [/^edge\/skip\/f64\/0001/, /\(skipped\): parameter 0 changed/],
  'a skipped step counts': [/^option\/schedule\/f64\/0012/, /a skipped step does not count/],
  'skipped steps are not counted': [/^edge\/skip\/f64\/0001/, /report\.skippedSteps: 0, expected exactly 1/],
  'sessions share their slots': [/^property\/manners\/f64/, /side by side do not disturb each other/],
  'NaN poisons the average': [/^edge\/skip\/f64\/0001/, /leaves no trace, in the average either/],
  'onNonFinite: throw ignored': [/^edge\/throw/, /expected ERR_NON_FINITE, but nothing was thrown/],
  'loss rounded to float32': [/^option\/loss\/f64/, /the loss keeps its double precision/],
  'identity reads the loss': [/^option\/loss/, /identity does not read the loss, not even NaN/],
  'log ascends at L < 0': [/^edge\/loss/, /throws ERR_BAD_LOSS and never ascends/],
  'log takes a step without a loss': [/^edge\/loss/, /expected ERR_LOSS_REQUIRED, but nothing was thrown/],
  'missing gradient enters s': [/^option\/missing\/f64\/0001/, /a missing gradient does not enter s/],
  'missing gradient still decays': [/^option\/missing\/f64/, /a parameter without a gradient is not decayed/],
  'missing gradient advances the step': [/^option\/missing\/f64/, /counts the parameter’s own steps/],
  'bias correction by the optimiser’s step': [/^option\/missing\/f64/, /counts? the parameter’s own steps/],
  'group options ignored': [/^option\/groups\/f64/, /a group’s own learning rate/],
  'clip by value': [/^option\/clip\/f64/, /clipped by its norm over all tensors, not element by element/],
  'clip each tensor': [/^option\/clip\/f64/, /clipped by its norm over all tensors/],
  'gradient written': [/^property\/manners/, /clipping does not write to the caller’s gradient/],
  'gradient kept by reference': [
    /^property\/manners/,
    /neither writes to the caller’s gradient nor keeps hold of it/,
  ],
  'learning rate counted from 0': [
    /^option\/schedule\/f64/,
    /a linear learning rate, whose first step is step 1/,
  ],
  'dampening at the first step': [/^step\/heavyBall\/f64/, /dampening starts at the second step/],
  'shape checked while writing': [/^error\/shape/, /after ERR_SHAPE\): parameter 0 changed/],
  'shape error without the name': [/^error\/shape/, /must name parameter bias/],
  'errors of another class': [/^error\/shape/, /is no InducedMetricError of the target's core/],
  'disposal ignored': [
    /^error\/disposed/,
    /step\(\) after dispose\(\): expected ERR_DISPOSED, but nothing was thrown/,
  ],
  'checkpoint without the step count': [/^checkpoint\/resume\/f64/, /a checkpoint holds the step count/],
  'checkpoint without the average': [
    /^checkpoint\/resume\/f64/,
    /a checkpoint holds the average of every group/,
  ],
  'checkpoint of any shape accepted': [/^checkpoint\/bad/, /expected ERR_CHECKPOINT/],
  'a bad checkpoint half loaded': [
    /^checkpoint\/bad/,
    /after the refused checkpoint .*: the saved state changed/,
  ],
  'saving rounds the slots': [/^checkpoint\/resume\/f64/, /continued from the checkpoint, parameter kernel/],
  'undeclared capability ignored': [
    /^support\/metricScope/,
    /does not declare metricScope: expected ERR_NOT_SUPPORTED/,
  ],
  'undeclared base taken for sgd': [
    /^support\/base/,
    /does not declare base\/lion: expected ERR_NOT_SUPPORTED/,
  ],
  'last bits differ from run to run': [/^property\/manners\/f64/, /are equal, bit for bit/],
  'ρ from the metric before this step': [/^option\/metric\/f64\/0003/, /β = 0: no average at all/],
}

describe('a sloppy optimiser', () => {
  it('passes all it declares, and properly refuses the rest, when nothing is wrong with it', async () => {
    const { cases, totals } = await runConformance(sloppyTarget())
    expect(cases.filter(({ status }) => status === 'failed')).toEqual([])
    expect(totals.passed).toBeGreaterThan(500)
    expect(totals['not-supported-as-declared']).toBeGreaterThan(200)
  })

  it.each(defects)('is caught: %s', async (defect) => {
    const [filter, says] = caught[defect]
    const { cases } = await runConformance(sloppyTarget(defect), { filter })
    const messages = cases.filter(({ status }) => status === 'failed').map(({ message }) => message)
    expect(messages).toContainEqual(expect.stringMatching(says))
    // The same cases pass without the defect.
    const control = await runConformance(sloppyTarget(), { filter })
    expect(control.totals.failed).toBe(0)
  })
})

it('the property cases alone catch a defect, shrink it and say how to replay it', async () => {
  const filter = /^random\/oracle\/f64/
  const target = sloppyTarget('the norm in place of its square')
  const first = await runConformance(target, { filter, seed: 7 })
  const message = first.cases[0]!.message!
  const [, seed, path] = /replay it with seed (\d+) and path (\S+)/.exec(message)!
  expect(seed).toBe('7')
  expect(message).toMatch(/smallest example found: \{"problem"/)
  const replayed = await runConformance(target, { filter, seed: Number(seed), path: path! })
  const example = (text: string): string => /smallest example found: .*/.exec(text)![0]
  expect(example(replayed.cases[0]!.message!)).toBe(example(message))
})
