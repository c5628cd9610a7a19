import { isVector } from '../../../graph/algebra.js'
import { ElementCode, itemText } from './elementCode.js'
import { axesOf, extentText, sumWord, type Form, type Ticks } from './form.js'
import { matrixBody } from './matrixText.js'
import { productBody } from './productText.js'
import { parameterReads, ScalarCode } from './scalarCode.js'
import type { ElementKernel, Kernel, LineKernel, MatrixKernel, ProductKernel } from './schedule.js'
import { elementsPerGroup, linesPerGroup, metaWords, mostGroups, stateWords, threads } from './words.js'

/**
 * The entry point of a kernel of a form. In it `k` is a tensor of the dispatch, and `group.x` one of its workgroups. It uses the
 * functions and bindings that `kernelModule` adds.
 */
export function kernelText(form: Form, kernel: Kernel, ticks: Ticks): string {
  const scalars = new ScalarCode(form.graph, form.early.columns, parameterReads(form, 'sumAt'))
  switch (kernel.kind) {
    case 'elements':
      return elementText(form, kernel, ticks, scalars)
    case 'product':
      return productText(form, kernel, ticks, scalars)
    case 'lines':
      return lineText(form, kernel, ticks, scalars)
    case 'matrix':
      return matrixText(form, kernel, ticks, scalars)
  }
}

/** The first statements: the tensor, its row of early scalars, and whether there is anything to do. */
function head(form: Form, { tick }: Kernel, ticks: Ticks, scalars: ScalarCode): string {
  const isLate = tick >= ticks.scale
  // After the verdict, the counts are those of the next step.
  const row = isLate
    ? `state[word(k, ${metaWords.row}u)]`
    : `rowOf(word(k, ${metaWords.class}u), state[word(k, ${metaWords.offset}u)], state[word(k, ${metaWords.profileOffset}u)])`
  const needsRow = scalars.lines.some((line) => line.includes('row +'))
  const active = `state[word(k, ${metaWords.active}u)] != 0u`
  return `  let k = group.y;
  ownLane = lane;
${needsRow ? `  let row = ${row};\n` : ''}${indent(scalars.lines, 1)}  let runs = ${active}${isLate ? ` && state[${stateWords.taken}u] != 0u` : ''};
`
}

/** The values that a kernel puts into memory, after all of them are computed. */
function storesOf(form: Form, kernel: ElementKernel | ProductKernel, code: ElementCode): string[] {
  const temporaries = [...kernel.stores].map((node) => [`node.${node}`, code.value(node)] as const)
  const outputs = [...kernel.writes].map(([key, node]) => [key, code.value(node)] as const)
  return [...temporaries, ...outputs].map(([key, value]) =>
    key === 'parameter' ? `storeParameter(k, i, ${value});` : `${itemText(form, key, 'i')} = ${value};`,
  )
}

/** The sums of a kernel: where they are declared, added to, and written. */
function sumsOf({ sums }: ElementKernel | ProductKernel, form: Form, code: ElementCode) {
  const all = [...sums]
  return {
    declared: all.map((_, t) => `var t${t} = 0f;`),
    added: all.map((sum, t) => `t${t} = t${t} + ${code.value(form.graph.nodes[sum]!.inputs[0]!)};`),
    written: all.flatMap((sum, t) => [
      `let total${t} = totalOf(t${t}, lane);`,
      `if (lane == 0u && group.x < groups) { state[word(k, ${sumWord(form, sum)}u) + group.x] = bitcast<u32>(total${t}); }`,
    ]),
  }
}

function elementText(form: Form, kernel: ElementKernel, ticks: Ticks, scalars: ScalarCode): string {
  const { shape, tick } = kernel
  const code = new ElementCode(form, { shape, tick }, scalars)
  const sums = sumsOf(kernel, form, code)
  const stores = storesOf(form, kernel, code)
  const body = [...code.lines, ...sums.added, ...stores]
  const isPlaced = shape !== 'tensor' && !isVector(shape) && body.some((line) => /\b[rc]\b/.test(line))
  const width = isPlaced ? extentText(axesOf(shape)[1]!) : ''
  const place = isPlaced ? [`let r = i / ${width};`, `let c = i % ${width};`] : []
  return `${entry()}
${head(form, kernel, ticks, scalars)}  let count = ${countText(kernel)};
  let groups = clamp((count + ${elementsPerGroup - 1}u) / ${elementsPerGroup}u, 1u, ${mostGroups.elements}u);
  let end = select(0u, count, runs && group.x < groups);
${indent(sums.declared, 1)}  for (var i = group.x * ${threads}u + lane; i < end; i += groups * ${threads}u) {
${indent([...place, ...body], 2)}  }
${indent(sums.written, 1)}}
`
}

function countText({ shape }: ElementKernel): string {
  if (shape === 'tensor') return `word(k, ${metaWords.size}u)`
  const [p, q] = axesOf(shape)
  return q === undefined ? extentText(p) : `${extentText(p)} * ${extentText(q)}`
}

function productText(form: Form, kernel: ProductKernel, ticks: Ticks, scalars: ScalarCode): string {
  const { node, shape, tick } = kernel
  const code = new ElementCode(form, { shape, tick, head: { node, text: 'finished[2u * a + b]' } }, scalars)
  const sums = sumsOf(kernel, form, code)
  const stores = storesOf(form, kernel, code)
  const product = productBody(form, kernel, scalars)
  const body = [...code.lines, ...sums.added, ...stores]
  return `${product.declared}
${entry()}
${head(form, kernel, ticks, scalars)}${product.before}
${indent(sums.declared, 1)}${product.loop(indent(body, 5))}
${indent(sums.written, 1)}}
`
}

function matrixText(form: Form, kernel: MatrixKernel, ticks: Ticks, scalars: ScalarCode): string {
  const { declared, body } = matrixBody(form, kernel, scalars)
  return `${declared}
${entry()}
${head(form, kernel, ticks, scalars)}${body}}
`
}

function lineText(form: Form, kernel: LineKernel, ticks: Ticks, scalars: ScalarCode): string {
  const { shape, tick, ofRows } = kernel
  const { nodes } = form.graph
  const code = new ElementCode(form, { shape, tick }, scalars)
  const all = [...kernel.nodes]
  const isMax = (node: number): boolean => nodes[node]!.op.endsWith('Max')
  const join = (node: number, a: string, b: string): string =>
    isMax(node) ? `larger(${a}, ${b})` : `${a} + ${b}`
  const start = (node: number): string => (isMax(node) ? '-infinity()' : '0f')
  const added = all.map((node, t) => `t${t} = ${join(node, `t${t}`, code.value(nodes[node]!.inputs[0]!))};`)
  const [rows, columns] = axesOf(shape).map((axis) => extentText(axis!)) as [string, string]
  const [lines, length] = ofRows ? [rows, columns] : [columns, rows]
  const size = linesPerGroup
  // Neighbouring threads read neighbouring elements.
  const [line, along] = ofRows
    ? [`lane / ${size}u`, `lane % ${size}u`]
    : [`lane % ${size}u`, `lane / ${size}u`]
  const finished = all.map((node, t) => {
    const item = itemText(form, `node.${node}`, 'line')
    return `var f${t} = ${start(node)};
    for (var j = 0u; j < ${size}u; j += 1u) { f${t} = ${join(node, `f${t}`, `parts${t}[own * ${size}u + j]`)}; }
    ${item} = f${t};`
  })
  return `${all.map((_, t) => `var<workgroup> parts${t}: array<f32, ${threads}>;`).join('\n')}
${entry()}
${head(form, kernel, ticks, scalars)}  let own = ${line};
  let along = ${along};
  let line = group.x * ${size}u + own;
  let end = select(0u, ${length}, runs && line < ${lines});
${indent(
  all.map((node, t) => `var t${t} = ${start(node)};`),
  1,
)}  for (var j = along; j < end; j += ${size}u) {
    let r = ${ofRows ? 'line' : 'j'};
    let c = ${ofRows ? 'j' : 'line'};
    let i = r * ${columns} + c;
${indent([...code.lines, ...added], 2)}  }
${indent(
  all.map((_, t) => `parts${t}[own * ${size}u + along] = t${t};`),
  1,
)}  workgroupBarrier();
  if (along == 0u && runs && line < ${lines}) {
    ${finished.join('\n    ')}
  }
}
`
}

function entry(): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {`
}

function indent(lines: readonly string[], depth: number): string {
  return lines.map((line) => `${'  '.repeat(depth)}${line}\n`).join('')
}
