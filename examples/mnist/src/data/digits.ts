/** Pictures of digits, row after row, and the digit each one shows. */
export interface DigitSet {
  readonly count: number
  /** Grey values as in the file; `count` rows of 784. */
  readonly images: Uint8Array
  /** Values from 0 to 9. */
  readonly labels: Uint8Array
}

/** Width times height of a picture. */
export const PIXELS = 784
