import type { Framework } from '../training/framework.js'
import { brain } from './brain.js'
import { convnetjs } from './convnetjs.js'
import { onnxruntime } from './onnxruntime.js'
import { tfjs } from './tfjs.js'

/** The frameworks of the demonstration; every available one trains. */
export const frameworks: readonly Framework[] = [tfjs, onnxruntime, brain, convnetjs]
