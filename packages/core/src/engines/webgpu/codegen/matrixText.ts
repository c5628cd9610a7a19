import type { HostMatrixOp } from '../../../graph/algebra.js'
import { itemText, operandText } from './elementCode.js'
import { axesOf, extentText, workKeys, type Form } from './form.js'
import { matrixFunctions, matrixStatements } from './matrixFunctions.js'
import type { ScalarCode } from './scalarCode.js'
import type { MatrixKernel } from './schedule.js'
import { threads } from './words.js'

/** The parts of the kernel of an operation on a matrix as a whole. */
interface MatrixBody {
  readonly declared: string
  /** The statements of its one workgroup. `runs` says whether there is anything to do. */
  readonly body: string
}

/** The text of an operation on a square matrix that one workgroup computes. */
export function matrixBody(form: Form, { node, conditions }: MatrixKernel, scalars: ScalarCode): MatrixBody {
  const { nodes } = form.graph
  const { inputs } = nodes[node]!
  const op = nodes[node]!.op as HostMatrixOp
  const [operand, ...others] = inputs as [number, ...number[]]
  // Of a symmetric matrix only the lower triangle is read.
  const text = operandText(form, operand, op === 'qr' ? ['r', 'c'] : ['max(r, c)', 'min(r, c)'], scalars)
  const [first, second] = workKeys(nodes[operand]!.shape) as [string, string]
  const result = `node.${node}`
  const isResultSquare = op !== 'eigenvalues'
  const matrix = op === 'qr' ? first : isResultSquare ? result : second
  const access = (name: string, key: string): string => {
    const place = itemText(form, key, 'i')
    return `fn ${name}At(k: u32, i: u32) -> f32 { return ${place}; }
fn set${name[0]!.toUpperCase()}${name.slice(1)}(k: u32, i: u32, x: f32) { ${place} = x; }
`
  }
  const declared = [
    access('matrix', matrix),
    ...(op === 'qr' ? [] : [access('vector', first)]),
    access('result', result),
    matrixFunctions(op),
  ].join('')
  const operands = others.map((other) => scalars.value(other))
  const isRead = scalars.isAny(conditions)
  return {
    declared,
    body: `  let n = ${extentText(axesOf(nodes[operand]!.shape)[0])};
  if (agreedOn(u32(runs${isRead === undefined ? '' : ` && ${isRead}`} && n > 0u), lane) == 0u) { return; }
  var size = 0f;
  var unusable = 0f;
  for (var i = lane; i < n * n; i += ${threads}u) {
    let r = i / n;
    let c = i % n;
    let x = ${text};
    setMatrix(k, i, x);
    size = max(size, abs(x));
    unusable += select(1f, 0f, isFinite(x));
  }
  size = largestOf(size, lane);
  let isUsable = agreedOn(u32(totalOf(unusable, lane) == 0f), lane) != 0u;
  let scale = select(1f, size, size > 0f);
  sync();
  if (!isUsable) {
    for (var i = lane; i < n${isResultSquare ? ' * n' : ''}; i += ${threads}u) { setResult(k, i, nan()); }
    return;
  }
  for (var i = lane; i < n * n; i += ${threads}u) { setMatrix(k, i, matrixAt(k, i) / scale); }
  sync();
${matrixStatements(op, operands)}
`,
  }
}
