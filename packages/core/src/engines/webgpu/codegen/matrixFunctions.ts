import type { HostMatrixOp } from '../../../graph/algebra.js'
import { findEigen } from './eigenText.js'
import { reduction } from './moduleText.js'
import { threads } from './words.js'

/**
 * The most rows of a matrix whose eigenvectors or orthogonal factor a kernel computes: what it keeps of each row has to fit the
 * 16 KiB of memory that every device gives a workgroup.
 */
export const mostRows = 1024

/**
 * What the one workgroup of a kernel does for an operation. It finds the operand in the array `matrix`, of which the largest element
 * is 1 or −1 and both triangles are there, and leaves its work in it and in `vector`, and the result in `result`.
 *
 * @param operands expressions of the operation's scalars
 */
export function matrixStatements(op: HostMatrixOp, operands: readonly string[]): string {
  switch (op) {
    case 'eigenvalues':
      return `  let isFound = findEigen(k, n, lane);
  for (var i = lane; i < n; i += ${threads}u) { setResult(k, rankOf(i, n), select(nan(), diagonal[i] * scale, isFound)); }`
    case 'eigenvectors':
      return `  let isFound = findEigen(k, n, lane);
  for (var i = lane; i < n; i += ${threads}u) {
    let rank = rankOf(i, n);
    let sign = signOfLargest(k, i, n);
    for (var j = 0u; j < n; j += 1u) { setResult(k, j * n + rank, select(nan(), sign * vectorAt(k, i * n + j), isFound)); }
  }`
    case 'inverseRoot':
      return `  let isFound = findEigen(k, n, lane);
  raiseAll(n, lane, ${operands.join(', ')}, scale);
  composeAll(k, n, lane, isFound);`
    case 'qr':
      return '  orthogonalise(k, n, lane);'
  }
}

/** What threads do together. */
const cooperation = `${reduction('largestOf', 'max(own, other)')}
fn sync() {
  storageBarrier();
  workgroupBarrier();
}
`

/**
 * A vector v with vᵀv = 2, for which I − vvᵀ takes x to α·e: see `reflectorOf` in graph/householder.ts. The x is given by its
 * largest element, which is divided out, the sum of the squares of all others than that at the place of e, and that one.
 */
const reflector = `
struct Reflector {
  isFound: bool,
  alpha: f32,
  own: f32,
  factor: f32,
}
fn reflectorOf(largest: f32, others: f32, at: f32) -> Reflector {
  let x = at / largest;
  let size = sqrt(others + x * x);
  let alpha = select(size, -size, x > 0f);
  let own = x - alpha;
  let unit = sqrt(2f / (others + own * own));
  return Reflector(largest > 0f && others > 0f, alpha * largest, own * unit, unit / largest);
}
`

/** From eigenvalues and eigenvectors to a power of a matrix: see `inverseRoot` in graph/linearAlgebra.ts. */
const powers = `
fn raiseAll(n: u32, lane: u32, p: f32, epsilon: f32, scale: f32) {
  var largest = 0f;
  for (var i = lane; i < n; i += ${threads}u) { largest = max(largest, diagonal[i]); }
  largest = largestOf(largest, lane);
  for (var i = lane; i < n; i += ${threads}u) {
    let raised = (max(diagonal[i], 0f) + epsilon * largest) * scale;
    diagonal[i] = select(power(raised, -1f / p), 0f, raised == 0f);
  }
  workgroupBarrier();
}
/** V·diag(d)·Vᵀ, of which each thread computes columns, by four rows at a time. */
fn composeAll(k: u32, n: u32, lane: u32, isFound: bool) {
  for (var j = lane; j < n; j += ${threads}u) {
    for (var i = 0u; i < n; i += 4u) {
      let rows = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(n - 1u));
      var sums = vec4f();
      for (var q = 0u; q < n; q += 1u) {
        let at = q * n;
        let left = vec4f(vectorAt(k, at + rows.x), vectorAt(k, at + rows.y), vectorAt(k, at + rows.z), vectorAt(k, at + rows.w));
        sums += diagonal[q] * (left * vectorAt(k, at + j));
      }
      for (var r = 0u; r < 4u && i + r < n; r += 1u) { setResult(k, (i + r) * n + j, select(nan(), sums[r], isFound)); }
    }
  }
}
`

/** The orthogonal factor of a matrix: see `orthogonalFactor` in graph/linearAlgebra.ts. Threads have columns. */
const orthogonal = `
fn orthogonalise(k: u32, n: u32, lane: u32) {
  for (var m = 0u; m < n; m += 1u) {
    var largest = 0f;
    for (var i = m + lane; i < n; i += ${threads}u) { largest = max(largest, abs(matrixAt(k, i * n + m))); }
    largest = largestOf(largest, lane);
    var others = 0f;
    for (var i = m + 1u + lane; i < n; i += ${threads}u) {
      let x = matrixAt(k, i * n + m) / largest;
      others += select(0f, x * x, largest > 0f);
    }
    let at = matrixAt(k, m * n + m);
    let found = reflectorOf(largest, totalOf(others, lane), at);
    let isFound = agreedOn(u32(found.isFound), lane) != 0u;
    sync();
    if (lane == 0u) { diagonal[m] = select(1f, -1f, select(at, found.alpha, isFound) < 0f); }
    for (var i = m + lane; i < n; i += ${threads}u) {
      let v = select(matrixAt(k, i * n + m) * found.factor, found.own, i == m);
      setMatrix(k, i * n + m, select(0f, v, isFound));
    }
    sync();
    if (!isFound) { continue; }
    for (var j = lane; j < n; j += ${threads}u) {
      if (j <= m) { continue; }
      var along = 0f;
      for (var i = m; i < n; i += 1u) { along += matrixAt(k, i * n + j) * matrixAt(k, i * n + m); }
      for (var i = m; i < n; i += 1u) { setMatrix(k, i * n + j, matrixAt(k, i * n + j) - along * matrixAt(k, i * n + m)); }
    }
    sync();
  }
  for (var j = lane; j < n; j += ${threads}u) {
    for (var i = 0u; i < n; i += 1u) { setResult(k, i * n + j, select(0f, 1f, i == j)); }
    for (var m = j + 1u; m > 0u; m -= 1u) {
      let top = m - 1u;
      if (matrixAt(k, top * n + top) == 0f) { continue; }
      var along = 0f;
      for (var i = top; i < n; i += 1u) { along += resultAt(k, i * n + j) * matrixAt(k, i * n + top); }
      for (var i = top; i < n; i += 1u) { setResult(k, i * n + j, resultAt(k, i * n + j) - along * matrixAt(k, i * n + top)); }
    }
    for (var i = 0u; i < n; i += 1u) { setResult(k, i * n + j, diagonal[j] * resultAt(k, i * n + j)); }
  }
}
`

/** Two numbers for each row. */
const rows = `
var<workgroup> diagonal: array<f32, ${mostRows}>;
var<workgroup> beside: array<f32, ${mostRows}>;
`

/** The functions that `matrixStatements` uses. */
export function matrixFunctions(op: HostMatrixOp): string {
  const own = op === 'qr' ? [orthogonal] : [findEigen, ...(op === 'inverseRoot' ? [powers] : [])]
  return [rows, cooperation, reflector, ...own].join('')
}
