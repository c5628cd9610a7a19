import { svgElement } from './elements.js'

const [width, height, left, bottom] = [600, 180, 52, 26]
/** The axis of the loss is logarithmic. */
const [most, least] = [1, 0.001]

/** A curve that grows. */
export interface LossChart {
  readonly clear: (steps: number) => void
  readonly add: (step: number, loss: number) => void
}

/** Draws the loss by step, live. */
export function createLossChart(svg: SVGElement): LossChart {
  let points: string[] = []
  let total = 1
  const line = svgElement('polyline', {})
  const y = (loss: number): number => {
    const share = Math.log(most / Math.min(most, Math.max(least, loss))) / Math.log(most / least)
    return 8 + share * (height - bottom - 8)
  }
  const label = (text: string, x: number, at: number, anchor: string): SVGElement => {
    const element = svgElement('text', { x, y: at, 'text-anchor': anchor })
    element.textContent = text
    return element
  }
  const grid = [1, 0.1, 0.01, 0.001].flatMap((value) => [
    svgElement('line', { x1: left, x2: width, y1: y(value), y2: y(value) }),
    label(String(value), left - 8, y(value) + 5, 'end'),
  ])
  const [first, last] = [label('0', left, height - 4, 'start'), label('', width, height - 4, 'end')]
  svg.replaceChildren(...grid, first, last, line)
  return {
    clear: (steps) => {
      points = []
      total = steps
      last.textContent = `${steps} steps`
      line.setAttribute('points', '')
    },
    add: (step, loss) => {
      points.push(`${(left + (step / total) * (width - left)).toFixed(1)},${y(loss).toFixed(1)}`)
      line.setAttribute('points', points.join(' '))
      svg.setAttribute('aria-label', `The loss is ${loss.toPrecision(2)} after ${step} of ${total} steps`)
    },
  }
}
