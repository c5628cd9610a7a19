import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const { document } = parseHTML('<!doctype html><html><body></body></html>')

/** A description of a chart, for readers who cannot see it. */
export interface Caption {
  readonly title: string
  readonly description: string
}

let count = 0

/** Draws a plot as the text of an inline `<svg>` with a title and a description. */
export function drawSvg({ title, description }: Caption, options: Plot.PlotOptions): string {
  const plotted = Plot.plot({ ...options, document, className: 'chart', figure: false })
  const id = `chart-${++count}`
  // The page styles all charts alike; a namespace is of no use inside HTML.
  plotted.querySelector('style')?.remove()
  for (const name of ['xmlns', 'xmlns:xlink', 'width', 'height', 'font-family', 'font-size'])
    plotted.removeAttribute(name)
  plotted.setAttribute('role', 'img')
  plotted.setAttribute('aria-labelledby', `${id}-title ${id}-description`)
  for (const [name, text] of [
    ['desc', description],
    ['title', title],
  ] as const) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name)
    element.setAttribute('id', `${id}-${name === 'desc' ? 'description' : 'title'}`)
    element.textContent = text
    plotted.prepend(element)
  }
  for (const name of ['d', 'cx', 'cy', 'x1', 'x2', 'y1', 'y2', 'transform'])
    for (const element of plotted.querySelectorAll(`[${name}]`))
      element.setAttribute(name, shorten(element.getAttribute(name) ?? ''))
  // Plot numbers its clip paths anew in every process, but not in every chart: they stay unique in the page.
  return plotted.outerHTML.replace(/ xmlns="[^"]*"/g, '')
}

// Nobody sees a tenth of a pixel; more digits would double the size of the page.
function shorten(coordinates: string): string {
  return coordinates.replace(/\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))))
}
