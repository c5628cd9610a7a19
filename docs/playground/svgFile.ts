import { mapSize } from './mapSize.js'

/** The text of a drawing, as the page has it, as a file of its own. */
export function svgFile(drawing: string): string {
  const size = `width="${mapSize.width}" height="${mapSize.height}"`
  return `${drawing.replaceAll(/<!--.*?-->/g, '').replace(/^<svg[^>]*>/, (start) =>
    start
      .replaceAll(/ (?:tabindex|class|role|style)="[^"]*"/g, '')
      // Nothing moves in a file.
      .replace(/; the arrow keys move it(?=\.")/, '')
      .replace('<svg', `<svg ${size} role="img"`),
  )}\n`
}
