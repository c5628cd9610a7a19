import { InferenceSession } from 'onnxruntime-node'

// A set-up file of vitest: sessions of the runtime compute in one thread, unless a test says otherwise. By default they have one
// for each core, which spin while they wait for each other. That is twice the work for a small model, and files run side by side.

type Create = (model: unknown, ...others: readonly unknown[]) => Promise<InferenceSession>

const runtime = InferenceSession as unknown as { create: Create & { readonly isOfOneThread?: true } }

// Files that share a worker share the runtime.
if (runtime.create.isOfOneThread === undefined) {
  const create = runtime.create.bind(InferenceSession)
  const ofOneThread: Create = (model, ...others) => {
    // A buffer may be followed by an offset and a length, and all by options.
    const place = others.filter((other) => typeof other === 'number')
    const options = others.find((other) => typeof other === 'object')
    return create(model, ...place, { intraOpNumThreads: 1, ...options })
  }
  runtime.create = Object.assign(ofOneThread, { isOfOneThread: true as const })
}
