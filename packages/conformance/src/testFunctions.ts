/** A two-dimensional function: its value and gradient at (x, y). */
export type PlaneFunction = (
  x: number,
  y: number,
) => { readonly value: number; readonly gradient: [number, number] }

const { PI, cos, exp, sin, sqrt, E } = Math

/** The paper's two-dimensional test functions. */
export const planeFunctions: Readonly<Record<string, PlaneFunction>> = {
  beale(x, y) {
    const a = 1.5 - x + x * y
    const b = 2.25 - x + x * y ** 2
    const c = 2.625 - x + x * y ** 3
    return {
      value: a * a + b * b + c * c,
      gradient: [
        2 * a * (y - 1) + 2 * b * (y ** 2 - 1) + 2 * c * (y ** 3 - 1),
        2 * a * x + 4 * b * x * y + 6 * c * x * y ** 2,
      ],
    }
  },
  rosenbrock(x, y) {
    const a = 1 - x
    const b = y - x * x
    return { value: a * a + 100 * b * b, gradient: [-2 * a - 400 * x * b, 200 * b] }
  },
  himmelblau(x, y) {
    const a = x * x + y - 11
    const b = x + y * y - 7
    return { value: a * a + b * b, gradient: [4 * x * a + 2 * b, 2 * a + 4 * y * b] }
  },
  ackley(x, y) {
    const r = sqrt(0.5 * (x * x + y * y))
    const bowl = exp(-0.2 * r)
    const waves = exp(0.5 * (cos(2 * PI * x) + cos(2 * PI * y)))
    return {
      value: -20 * bowl - waves + 20 + E,
      gradient: [
        (2 * bowl * x) / r + PI * waves * sin(2 * PI * x),
        (2 * bowl * y) / r + PI * waves * sin(2 * PI * y),
      ],
    }
  },
  rastrigin(x, y) {
    return {
      value: 20 + (x * x - 10 * cos(2 * PI * x)) + (y * y - 10 * cos(2 * PI * y)),
      gradient: [2 * x + 20 * PI * sin(2 * PI * x), 2 * y + 20 * PI * sin(2 * PI * y)],
    }
  },
}
