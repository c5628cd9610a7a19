import type { WebGpuOrt } from '@induced-metric/onnxruntime'
import { gptNetwork, type GptSize } from '../../src/networks/gpt.js'
import { train } from '../../src/training/loop.js'
import { openSession } from '../../src/training/session.js'

// The functions of the page that the browser test calls.

const runtime = '/ort/ort.webgpu.min.mjs'
const ort = (await import(/* @vite-ignore */ runtime)) as WebGpuOrt & {
  env: { wasm: { numThreads: number } }
}
ort.env.wasm.numThreads = 1

const page = {
  /** Trains the GPT of the example on WebGPU. Returns the losses, and the checkpoint in base64. */
  async trainGpt(
    text: string,
    size: GptSize,
    steps: number,
  ): Promise<{ losses: number[]; checkpoint: string }> {
    const whole = gptNetwork(text, size)
    // The form for samples would take as many kernels again.
    const network = { ...whole, extents: [whole.extents].flat().slice(0, 1) }
    const session = await openSession(network, { device: 'webgpu', ort })
    const losses: number[] = []
    for await (const { loss } of train(session, network, { ort, steps, interval: 0 })) losses.push(loss)
    const bytes = await session.saveCheckpoint()
    await session.release()
    const checkpoint = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    return { losses, checkpoint }
  },
}

/** The functions of the page. */
export type Page = typeof page
Object.assign(globalThis, { page })
