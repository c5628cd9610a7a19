/** A loss and the step that it was measured at. */
export interface Point {
  readonly step: number
  readonly loss: number
}

const size = { width: 600, height: 180, inset: 8 }

/** Draws losses as a line over the steps. The bottom is 0, and the top the largest loss. */
export function drawLosses(svg: SVGSVGElement, points: readonly Point[]): void {
  const { width, height, inset } = size
  const [first, last] = [points[0], points.at(-1)]
  const top = Math.max(...points.map(({ loss }) => loss), 1e-9)
  const most = last?.step ?? 1
  const places = points.map(({ step, loss }) => {
    const x = inset + ((width - 2 * inset) * step) / most
    const y = height - inset - ((height - 2 * inset) * loss) / top
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  svg.querySelector('polyline')!.setAttribute('points', places.join(' '))
  svg.setAttribute(
    'aria-label',
    first === undefined || last === undefined
      ? 'No training yet'
      : `Loss ${first.loss.toFixed(3)} at step ${first.step}, ${last.loss.toFixed(3)} at step ${last.step}`,
  )
}
