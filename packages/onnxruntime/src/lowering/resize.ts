import type { Lowering } from './context.js'
export const resize = {} satisfies Record<string, Lowering>
