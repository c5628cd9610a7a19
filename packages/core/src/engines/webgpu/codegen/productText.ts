import { operandText } from './elementCode.js'
import { axesOf, extentText, type Form } from './form.js'
import type { ScalarCode } from './scalarCode.js'
import type { ProductKernel } from './schedule.js'
import { mostGroups, threads, tileSize } from './words.js'

/** Rows of the left tile, and columns of the right one, times this many are in the workgroup's memory at once. */
const depth = 16

/** The parts of a product's kernel. */
interface ProductBody {
  readonly declared: string
  readonly before: string
  /** @param body what is done with each element, in row `r` and column `c` */
  loop(body: string): string
}

/** The text of a matrix product by tiles, which each workgroup computes one after the other. */
export function productBody(
  form: Form,
  { node, shape, conditions }: ProductKernel,
  scalars: ScalarCode,
): ProductBody {
  const { nodes } = form.graph
  const [left, right] = nodes[node]!.inputs as [number, number]
  const [rows, columns] = axesOf(shape).map((axis) => extentText(axis!)) as [string, string]
  const length = extentText(axesOf(nodes[left]!.shape)[1]!)
  // Where nobody reads the product, nothing is multiplied.
  const isRead = scalars.isAny(conditions)
  const inner = isRead === undefined ? length : `select(0u, ${length}, agreedOn(u32(${isRead}), lane) != 0u)`
  const [a, b] = [left, right].map((operand) => operandText(form, operand, ['x', 'y'], scalars)) as [
    string,
    string,
  ]
  const elements = tileSize * depth
  const perThread = elements / threads
  const load = (
    to: string,
    tile: string,
    width: number,
    x: string,
    y: string,
    limits: string,
    text: string,
  ) => `
      for (var h = 0u; h < ${perThread}u; h += 1u) {
        let at = lane + h * ${threads}u;
        let x = ${x} + at / ${width}u;
        let y = ${y} + at % ${width}u;
        ${to}[at] = 0f;
        if (${limits}) { ${to}[at] = ${text}; }
      }`
  return {
    declared: `var<workgroup> leftTile: array<f32, ${elements}>;
var<workgroup> rightTile: array<f32, ${elements}>;`,
    before: `  let rows = ${rows};
  let columns = ${columns};
  let inner = ${inner};
  let across = (columns + ${tileSize - 1}u) / ${tileSize}u;
  let tiles = across * ((rows + ${tileSize - 1}u) / ${tileSize}u);
  let groups = clamp(tiles, 1u, ${mostGroups.product}u);`,
    loop: (body) => `  for (var tile = group.x; tile < tiles; tile += groups) {
    let top = (tile / across) * ${tileSize}u;
    let side = (tile % across) * ${tileSize}u;
    var accumulated = vec4f();
    for (var base = 0u; base < inner; base += ${depth}u) {${load('leftTile', 'left', depth, 'top', 'base', 'x < rows && y < inner', a)}${load('rightTile', 'right', tileSize, 'base', 'side', 'x < inner && y < columns', b)}
      workgroupBarrier();
      for (var j = 0u; j < ${depth}u; j += 1u) {
        let p = leftTile[(2u * (lane / 16u)) * ${depth}u + j];
        let q = leftTile[(2u * (lane / 16u) + 1u) * ${depth}u + j];
        let u = rightTile[j * ${tileSize}u + 2u * (lane % 16u)];
        let v = rightTile[j * ${tileSize}u + 2u * (lane % 16u) + 1u];
        accumulated += vec4f(p * u, p * v, q * u, q * v);
      }
      workgroupBarrier();
    }
    // Apart from the sums, which the loop above can keep in registers.
    let finished = accumulated;
    for (var a = 0u; a < 2u; a += 1u) {
      for (var b = 0u; b < 2u; b += 1u) {
        let r = top + 2u * (lane / 16u) + a;
        let c = side + 2u * (lane % 16u) + b;
        if (runs && r < rows && c < columns) {
          let i = r * columns + c;
${body}        }
      }
    }
  }`,
  }
}
