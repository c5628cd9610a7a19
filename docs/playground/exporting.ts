import { mapSize } from './mapSize.js'
import { svgFile } from './svgFile.js'

/** Offers a file to the visitor. */
function offer(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

const svgText = (drawing: SVGSVGElement): string => svgFile(new XMLSerializer().serializeToString(drawing))

/** Saves a drawing as SVG. */
export function saveSvg(drawing: SVGSVGElement, name: string): void {
  offer(new Blob([svgText(drawing)], { type: 'image/svg+xml' }), `${name}.svg`)
}

/** Saves a drawing, or a canvas as it is shown, as PNG. */
export async function savePng(picture: SVGSVGElement | HTMLCanvasElement, name: string): Promise<void> {
  const canvas = picture instanceof HTMLCanvasElement ? picture : await rasterize(picture)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve))
  if (!blob) throw new Error('the picture is too large for a PNG here')
  offer(blob, `${name}.png`)
}

async function rasterize(drawing: SVGSVGElement): Promise<HTMLCanvasElement> {
  const image = new Image()
  // A data URL, which the site's policy allows for pictures.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(drawing))}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = 2 * mapSize.width
  canvas.height = 2 * mapSize.height
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas
}
