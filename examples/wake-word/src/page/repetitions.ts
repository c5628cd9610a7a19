import { svgElement } from './elements.js'

/** The repetitions on the page. */
export interface RepetitionList {
  /** How many there should be. */
  wanted: number
  readonly count: () => number
  readonly add: (id: number, samples: Float32Array) => void
}

/**
 * Shows repetitions as little waveforms with a button to remove them, and empty places for those to come.
 *
 * @param onRemove is told of the repetition that was removed
 */
export function createRepetitionList(
  list: HTMLOListElement,
  wanted: number,
  onRemove: (id: number) => void,
): RepetitionList {
  const items: HTMLLIElement[] = []
  let room = wanted
  const show = (): void => {
    const places = Array.from({ length: Math.max(0, room - items.length) }, () => {
      const place = document.createElement('li')
      place.ariaHidden = 'true'
      return place
    })
    list.replaceChildren(...items, ...places)
    for (const [i, item] of items.entries())
      item.querySelector('button')!.ariaLabel = `Remove repetition ${i + 1}`
  }
  show()
  return {
    get wanted() {
      return room
    },
    set wanted(count) {
      room = count
      show()
    },
    count: () => items.length,
    add: (id, samples) => {
      const item = document.createElement('li')
      item.className = 'said'
      const remove = document.createElement('button')
      remove.type = 'button'
      remove.textContent = '×'
      remove.addEventListener('click', () => {
        const at = items.indexOf(item)
        items.splice(at, 1)
        show()
        const next = items[Math.min(at, items.length - 1)]?.querySelector('button')
        next?.focus()
        onRemove(id)
      })
      item.append(waveform(samples), remove)
      items.push(item)
      show()
    },
  }
}

const bars = 24

function waveform(samples: Float32Array): SVGElement {
  const svg = svgElement('svg', { viewBox: '0 0 120 48', preserveAspectRatio: 'none', 'aria-hidden': 'true' })
  const width = Math.floor(samples.length / bars)
  const peaks = Array.from({ length: bars }, (_, i) =>
    samples.subarray(i * width, (i + 1) * width).reduce((most, x) => Math.max(most, Math.abs(x)), 0),
  )
  const loudest = Math.max(...peaks, 1)
  for (const [i, peak] of peaks.entries()) {
    const half = 1 + (peak / loudest) * 21
    const x = 2.5 + i * 5
    svg.append(
      svgElement('line', {
        x1: x,
        x2: x,
        y1: 24 - half,
        y2: 24 + half,
        'vector-effect': 'non-scaling-stroke',
      }),
    )
  }
  return svg
}
