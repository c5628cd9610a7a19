import { threads } from './words.js'

/** The rotations that are computed one after the other before all threads apply them. */
const rotationsAtOnce = 256

/** Takes a symmetric matrix to tridiagonal form: see `tridiagonalise` in graph/eigen.ts. The reflectors stay in its rows. */
const tridiagonal = `
fn tridiagonalise(k: u32, n: u32, lane: u32) {
  for (var m = n - 1u; m > 0u; m -= 1u) {
    let row = m * n;
    let own = m - 1u;
    var largest = 0f;
    for (var j = lane; j < m; j += ${threads}u) { largest = max(largest, abs(matrixAt(k, row + j))); }
    largest = largestOf(largest, lane);
    var others = 0f;
    for (var j = lane; j < own; j += ${threads}u) {
      let x = matrixAt(k, row + j) / largest;
      others += select(0f, x * x, largest > 0f);
    }
    let at = matrixAt(k, row + own);
    let found = reflectorOf(largest, totalOf(others, lane), at);
    let isFound = agreedOn(u32(found.isFound), lane) != 0u;
    sync();
    if (lane == 0u) { beside[own] = select(at, found.alpha, isFound); }
    for (var j = lane; j < m; j += ${threads}u) {
      let v = select(matrixAt(k, row + j) * found.factor, found.own, j == own);
      setMatrix(k, row + j, select(0f, v, isFound));
    }
    sync();
    if (!isFound) { continue; }
    var half = 0f;
    for (var j = lane; j < m; j += ${threads}u) {
      var w = 0f;
      for (var i = 0u; i < m; i += 1u) { w += matrixAt(k, i * n + j) * matrixAt(k, row + i); }
      diagonal[j] = w;
      half += 0.5f * w * matrixAt(k, row + j);
    }
    half = totalOf(half, lane);
    for (var j = lane; j < m; j += ${threads}u) { diagonal[j] -= half * matrixAt(k, row + j); }
    workgroupBarrier();
    for (var j = lane; j < m; j += ${threads}u) {
      let v = matrixAt(k, row + j);
      let w = diagonal[j];
      for (var i = 0u; i < m; i += 1u) {
        setMatrix(k, i * n + j, matrixAt(k, i * n + j) - (matrixAt(k, row + i) * w + diagonal[i] * v));
      }
    }
    sync();
  }
  for (var j = lane; j < n; j += ${threads}u) { diagonal[j] = matrixAt(k, j * n + j); }
  for (var i = lane; i < n * n; i += ${threads}u) { setVector(k, i, select(0f, 1f, i / n == i % n)); }
  sync();
  for (var m = 1u; m < n; m += 1u) {
    if (matrixAt(k, m * n + m - 1u) == 0f) { continue; }
    for (var j = lane; j < m; j += ${threads}u) {
      var along = 0f;
      for (var i = 0u; i < m; i += 1u) { along += vectorAt(k, j * n + i) * matrixAt(k, m * n + i); }
      for (var i = 0u; i < m; i += 1u) { setVector(k, j * n + i, vectorAt(k, j * n + i) - along * matrixAt(k, m * n + i)); }
    }
  }
  sync();
}
`

/**
 * Takes a tridiagonal matrix to diagonal form by QL with implicit shifts: see `diagonalise` in graph/eigen.ts. The first
 * thread computes the rotations, and all apply them.
 */
const diagonalForm = `
var<workgroup> rotations: array<vec2f, ${rotationsAtOnce}>;
/** A block of rows, and how far a sweep over it is. */
struct Sweep {
  first: u32,
  last: u32,
  count: u32,
  sine: f32,
  cosine: f32,
  shift: f32,
  g: f32,
}
fn hypotenuse(x: f32, y: f32) -> f32 {
  let larger = max(abs(x), abs(y));
  let ratio = min(abs(x), abs(y)) / larger;
  return select(larger * sqrt(1f + ratio * ratio), 0f, larger == 0f);
}
/** Brings a vector of about the length 1 nearer to it: quotients and roots may be off by a few units of rounding. */
fn normal(x: vec2f) -> vec2f {
  let larger = max(abs(x.x), abs(x.y));
  let smaller = min(abs(x.x), abs(x.y));
  return x * (1f - 0.5f * (smaller * smaller - (1f - larger) * (1f + larger)));
}
fn beginSweep(first: u32, last: u32) -> Sweep {
  let slope = (diagonal[first + 1u] - diagonal[first]) / (2f * beside[first]);
  let size = hypotenuse(slope, 1f);
  let g = diagonal[last] - diagonal[first] + beside[first] / (slope + select(size, -size, slope < 0f));
  return Sweep(first, last, 0u, 1f, 1f, 0f, g);
}
/** Computes rotations from that of rows \`top\` − 1 and \`top\` on; fewer than \`most\` where the block falls apart. */
fn rotate(given: Sweep, top: u32, most: u32) -> Sweep {
  var sweep = given;
  sweep.count = 0u;
  while (sweep.count < most) {
    let i = top - 1u - sweep.count;
    let f = sweep.sine * beside[i];
    let b = sweep.cosine * beside[i];
    let r = hypotenuse(f, sweep.g);
    beside[i + 1u] = r;
    if (r == 0f) {
      diagonal[i + 1u] -= sweep.shift;
      beside[sweep.last] = 0f;
      return sweep;
    }
    let turn = normal(vec2f(sweep.g / r, f / r));
    sweep.cosine = turn.x;
    sweep.sine = turn.y;
    let h = diagonal[i + 1u] - sweep.shift;
    let t = (diagonal[i] - h) * sweep.sine + 2f * sweep.cosine * b;
    sweep.shift = sweep.sine * t;
    diagonal[i + 1u] = h + sweep.shift;
    sweep.g = sweep.cosine * t - b;
    rotations[sweep.count] = turn;
    sweep.count += 1u;
  }
  if (top - most == sweep.first) {
    diagonal[sweep.first] -= sweep.shift;
    beside[sweep.first] = sweep.g;
    beside[sweep.last] = 0f;
  }
  return sweep;
}
fn rotateVectors(k: u32, n: u32, lane: u32, top: u32, count: u32) {
  for (var j = lane; j < n; j += ${threads}u) {
    var upper = vectorAt(k, top * n + j);
    for (var q = 0u; q < count; q += 1u) {
      let at = (top - 1u - q) * n + j;
      let lower = vectorAt(k, at);
      let turn = rotations[q];
      setVector(k, at + n, turn.y * lower + turn.x * upper);
      upper = turn.x * lower - turn.y * upper;
    }
    setVector(k, (top - count) * n + j, upper);
  }
}
fn diagonalise(k: u32, n: u32, lane: u32) -> bool {
  var first = 0u;
  var sweeps = 0u;
  loop {
    var last = first;
    if (lane == 0u) {
      while (first < n) {
        last = first;
        while (last + 1u < n && abs(beside[last]) > 1.1920929e-7f * (abs(diagonal[last]) + abs(diagonal[last + 1u]))) { last += 1u; }
        if (last > first) { break; }
        first += 1u;
        sweeps = 0u;
      }
      sweeps += 1u;
    }
    let start = agreedOn(first, lane);
    let end = agreedOn(last, lane);
    let isGivenUp = agreedOn(u32(sweeps > 60u), lane) != 0u;
    if (start >= n) { return true; }
    if (isGivenUp) { return false; }
    var sweep: Sweep;
    if (lane == 0u) { sweep = beginSweep(start, end); }
    for (var top = end; top > start; ) {
      let most = min(top - start, ${rotationsAtOnce}u);
      if (lane == 0u) { sweep = rotate(sweep, top, most); }
      let count = agreedOn(sweep.count, lane);
      rotateVectors(k, n, lane, top, count);
      workgroupBarrier();
      if (count < most) { break; }
      top -= most;
    }
  }
}
fn findEigen(k: u32, n: u32, lane: u32) -> bool {
  tridiagonalise(k, n, lane);
  let isFound = diagonalise(k, n, lane);
  sync();
  return isFound;
}
/** The place of an eigenvalue among all in ascending order. */
fn rankOf(i: u32, n: u32) -> u32 {
  var rank = 0u;
  for (var j = 0u; j < n; j += 1u) {
    if (diagonal[j] < diagonal[i] || (diagonal[j] == diagonal[i] && j < i)) { rank += 1u; }
  }
  return rank;
}
fn signOfLargest(k: u32, i: u32, n: u32) -> f32 {
  var largest = 0f;
  for (var j = 0u; j < n; j += 1u) {
    let x = vectorAt(k, i * n + j);
    if (abs(x) > abs(largest)) { largest = x; }
  }
  return select(1f, -1f, largest < 0f);
}
`

/** The function `findEigen` in WGSL: it leaves eigenvalues in `diagonal`, and eigenvectors in the rows of `vector`. */
export const findEigen = tridiagonal + diagonalForm
