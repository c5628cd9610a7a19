const size = { width: 600, height: 160, inset: 8 }

/** Draws the losses of steps as a line from left to right: the left edge is the first step, the right edge the last. */
export function drawLosses(svg: SVGSVGElement, losses: readonly number[], steps: number): void {
  const { width, height, inset } = size
  const finite = losses.filter(Number.isFinite)
  const top = Math.max(...finite, 1e-9)
  const points = losses.map((loss, i) => {
    const x = inset + ((width - 2 * inset) * i) / Math.max(steps - 1, 1)
    const y = height - inset - ((height - 2 * inset) * Math.min(loss, top)) / top
    return `${x.toFixed(1)},${(Number.isFinite(y) ? y : inset).toFixed(1)}`
  })
  svg.querySelector('polyline')!.setAttribute('points', points.join(' '))
  const latest = losses.at(-1)
  svg.setAttribute(
    'aria-label',
    latest === undefined
      ? 'No training yet'
      : `Loss ${losses[0]!.toFixed(3)} at first, ${latest.toFixed(3)} now`,
  )
}
