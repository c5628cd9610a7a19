import { describe, expect, it } from 'vitest'
import { runConformance } from '../src/index.js'
import { coreTarget } from './conformance/targets.js'
import { breaks, brokenTarget, type BreakName } from './targets/broken.js'

/** The cases that must fail, and a text that one of their messages must contain. */
const caught: Readonly<Record<BreakName, readonly [filter: RegExp, says: RegExp]>> = {
  'ξ from the rate at the step': [/^option\/tied\/f64\/0001/, /tied to the peak of a linear rate, not to/],
  'κ ignored': [/^step\/tied-adam\/f32\/0002/, /under log with ξ = 2η/],
  'four fifths of κ': [/^property\/approach\/f64\/0029/, /squared distance to the minimum goes from/],
  'ξ of a group from the rate of all': [/^option\/tied\/f64\/0019/, /report\.units\[1\]\.|parameter bias/],
  'ξ = 1/N where it is tied': [/^property\/cappedStep\/f64\/0001/, /report\.xi/],
  'f = √ℓ in root': [/^step\/tied-sgd\/f64\/0001/, /ρ = ℓ\/\(ℓ\+ηs\)/],
  'decay not scaled': [/^option\/decayScaling\/f64\/0001/, /decay is scaled as the step where ξ is tied/],
  'decay always scaled': [/^option\/decayScaling\/f64\/0004/, /decay is not scaled under root/],
  'bad losses throw': [/^edge\/tied\/f64\/0001/, /ρ = 0 without being told[^]*unexpected ERR_BAD_LOSS/],
  'floor not followed': [/^option\/floor\/f64\/0001/, /a floor that follows the losses, under root/],
  'bound of a floor ignored': [/^option\/floor\/f64\/0002/, /down to a bound below 0/],
  'a skipped step enters the averages of the losses': [
    /^option\/floor\/f64\/0026/,
    /\(skipped\): the saved state changed/,
  ],
  'state of the losses not saved': [
    /^checkpoint\/resume\/f64\/0022/,
    /a checkpoint holds the averages of the losses/,
  ],
  'reset keeps the slots': [/^checkpoint\/reset\/f64\/0001/, /continued after reset\(\), parameter kernel/],
  'reset keeps the averages of s': [/^checkpoint\/reset\/f64\/0001/, /continued after reset\(\)/],
  'reset keeps the count of steps': [/^checkpoint\/reset\/f64\/0011/, /takes schedules back to step 1/],
  'reset keeps the count of skipped steps': [
    /^checkpoint\/reset\/f64\/0012/,
    /report\.skippedSteps after reset/,
  ],
  'reset keeps the counts of the parameters': [
    /^checkpoint\/reset\/f64\/0005/,
    /continued after reset\(\), parameter/,
  ],
  'old checkpoints refused': [/^checkpoint\/old/, /a checkpoint of 0\.1\.0 continues/],
  'x̂ not corrected for bias': [/^step\/averaged-adam\/f64\/0001/, /adam: its averaged model under root/],
  'the gradient for x̂': [/^step\/averaged-heavyBall\/f64/, /heavyBall: its averaged model under root/],
  's of lion as ⟨g, d⟩': [/^option\/dual\/f64\/0001/, /s of lion is .*, not ⟨g,d⟩[^]*report\.dualNorm/],
  's of muon as ⟨x̂, d⟩': [/^option\/dual\/f64\/0003/, /s of muon is[^]*report\.dualNorm/],
  'rows of muon taken for columns': [/^option\/rows\/f64\/0004/, /whose rows are the inputs, at ξ = 0/],
  'averaged model ignored': [/^golden\/tied\/f64\/adam-averaged-model/, /adam, averaged model/],
  'averaged model over any base': [/^error\/averagedModel\/f64\/0001/, /expected ERR_NOT_SUPPORTED/],
  'start axis ignored': [/^option\/startAxis\/f64\/0001/, /a start axis: 1\/ρ grows/],
  'power of the start axis ignored': [/^option\/startAxis\/f64\/0003/, /whose power is given/],
  'end of the start axis ignored': [/^option\/startAxis\/f64\/0006/, /nothing moves, and the state goes on/],
  'rising cap ignored': [/^option\/risingCap\/f64\/0001/, /a cap that rises by a half/],
  'averages of the weights missing': [
    /^option\/averageWeights\/f64\/0001/,
    /its checkpoint must hold averagedParameter of kernel/,
  ],
  'averages of the weights forget slower': [
    /^option\/averageWeights\/f64\/0001/,
    /averagedParameter of kernel in its checkpoint/,
  ],
  'averages of the weights begin anew': [
    /^checkpoint\/resume\/f64\/0025/,
    /a checkpoint holds the averages of the weights[^]*the state at the end/,
  ],
  'one report for all units': [/^option\/tied\/f64\/0019/, /report\.units\[1\]\./],
  'rateFree with another cap': [/^option\/rateFree\/f64\/0101/, /is its recipe/],
  'growth rate ignored': [/^option\/growthRate\/f64\/0001/, /ρ is at most the growth rate/],
  'rateFree without a growth rate': [/^option\/rateFree\/f64\/0124/, /is its recipe/],
  'saved bytes are overwritten by the next save': [
    /^checkpoint\/bytes\/f64\/0005/,
    /the bytes that save\(\) returned/,
  ],
  'loaded bytes are read at the next step': [
    /^checkpoint\/bytes\/f64\/0005/,
    /loaded bytes may be overwritten/,
  ],
  'a loaded state is added to the steps taken': [
    /^checkpoint\/used\/f64\/0005/,
    /report\.step after loading/,
  ],
  'a used optimiser keeps its averages': [/^checkpoint\/used\/f64\/0005/, /loaded into a used optimiser/],
  'a used optimiser keeps its count of skipped steps': [
    /^checkpoint\/used\/f64\/0005/,
    /report\.skippedSteps after loading/,
  ],
  'a state is restored by position': [/^checkpoint\/order\/f64\/0005/, /in another order/],
  'a parameter too many is ignored': [/^checkpoint\/bad\/f64/, /\(a parameter too many\)/],
  'a unit too many is ignored': [/^checkpoint\/bad\/f64/, /\(a unit too many\)/],
  'the hash of a checkpoint is ignored': [/^checkpoint\/bad\/f64/, /\(another hash\)/],
  'as many elements in another shape are accepted': [
    /^checkpoint\/bad\/f64/,
    /\(as many elements in another shape\)/,
  ],
  'the learning rate of a checkpoint is forgotten': [/^checkpoint\/rate\/f64/, /report\.learningRate/],
  'the checksum is not looked at': [/^checkpoint\/bad\/f64/, /\(a byte of a slot changed\)/],
  'writer and reader have changed together': [/^checkpoint\/golden\/f64/, /the header of the saved file/],
  'a gradient too many is cut off': [/^error\/gradients\/f64\/0001/, /one too many: expected ERR_SHAPE/],
  'unknown options of a step are dropped': [
    /^error\/step\/f64\/0001/,
    /an unknown option of a step is ERR_OPTION/,
  ],
  'no gradient at all is taken for a missing one': [
    /^error\/gradients\/f64\/0005/,
    /nothing at all: expected ERR_SHAPE/,
  ],
  'gradients of another type are converted': [
    /^error\/gradients\/f64\/0003/,
    /another type: expected ERR_SHAPE/,
  ],
  'all reports are one object': [/^option\/report\/f64\/0001/, /was changed by a later one/],
  'a skipped step reports the last factor': [/^option\/report\/f64\/0006/, /nothing moved, report\.scale/],
  'units are named by their place': [/^option\/report\/f64\/0013/, /report\.units\[0\]\.key is "0"/],
  'the loss of a report is that of the step before': [/^option\/report\/f64\/0001/, /report\.loss is null/],
  'a view is read from the start of its memory': [
    /^edge\/memory\/f64\/0001/,
    /where parameters at an offset are given/,
  ],
  'two parameters of one name are numbered': [
    /^error\/parameters\/f64\/0001/,
    /expected ERR_OPTION, but nothing was thrown/,
  ],
  'arrays that overlap are copied': [
    /^error\/parameters\/f64/,
    /arrays that overlap in part: expected ERR_SHAPE/,
  ],
  'a group’s own norm is that of all': [
    /^option\/groupOptions\/f64\/0006/,
    /a group’s own norm, clipped by itself/,
  ],
  'a group’s own schedule is that of all': [/^option\/groupOptions\/f64\/0002/, /a group’s own schedule/],
  'a group’s own decayMask is that of all': [/^option\/groupOptions\/f64\/0010/, /a group’s own decayMask/],
  'a state can be loaded after dispose()': [
    /^error\/disposed\/f64\/0002/,
    /load\(\) after dispose\(\): expected ERR_DISPOSED/,
  ],
  'dispose() frees every optimiser': [/^error\/disposed\/f64\/0002/, /unexpected ERR_DISPOSED/],
  'a skipped step leaves an array behind': [/^property\/living\/f64\/0001/, /what lives after dispose\(\)/],
  'averageWeights left out of the JSON': [/^option\/json\/f64\/0005/, /averageWeights/],
}

describe('a rate’s own metric', () => {
  it.each(Object.keys(breaks) as BreakName[])('is caught: %s', async (name) => {
    const [filter, says] = caught[name]
    const { cases } = await runConformance(brokenTarget(name), { filter })
    const messages = cases.filter(({ status }) => status === 'failed').map(({ message }) => message)
    expect(messages).toContainEqual(expect.stringMatching(says))
    // The same cases pass without the defect.
    const control = await runConformance(coreTarget('reference'), { filter })
    expect(control.totals.failed).toBe(0)
  })
})
