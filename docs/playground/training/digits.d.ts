/** A part of MNIST, as docs/site/digits.js provides it. */
declare module 'virtual:digits' {
  /** The pixels along a side of a picture. */
  export const side: number
  /** Pixels in base64, two of 16 shades to a byte, and labels as text. */
  export const sets: Readonly<Record<'train' | 'test', { readonly pixels: string; readonly labels: string }>>
}

/** Pictures of MNIST's training data, as docs/site/digits.js provides them. */
declare module 'virtual:whole-digits' {
  /** Pixels in base64, a byte to each, and labels as text. */
  export const digits: { readonly pixels: string; readonly labels: string }
}
