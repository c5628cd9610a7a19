/** Finds an element by its id; `type` is that of its interface. */
export function byId(id: string): HTMLElement
export function byId<T extends Element>(id: string, type: new () => T): T
export function byId(id: string, type: new () => Element = HTMLElement): Element {
  const element = document.querySelector(`#${id}`)
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`)
  return element
}

/** Creates an SVG element. */
export function svgElement(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  return element
}

/** Says something to everyone, those who cannot see the page included. */
export function say(text: string, kind: 'info' | 'error' = 'info'): void {
  const status = byId('status')
  status.textContent = text
  status.dataset['kind'] = kind
}

/** Marks a part of the page as the one to use now, as done, or as one for later. */
export function mark(section: 'say' | 'teach' | 'try', state: 'active' | 'done' | 'waiting'): void {
  byId(section).dataset['state'] = state
}
