// Runs in the audio thread: gathers steps of 80 ms and sends them to the page, at the scale of int16.

declare class AudioWorkletProcessor {
  readonly port: MessagePort
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & { process(inputs: Float32Array[][]): boolean },
): void

const step = 1280

class Capture extends AudioWorkletProcessor {
  #samples = new Float32Array(step)
  #filled = 0

  process([input]: Float32Array[][]): boolean {
    for (const x of input?.[0] ?? []) {
      this.#samples[this.#filled++] = x * 32768
      if (this.#filled < step) continue
      this.port.postMessage(this.#samples, [this.#samples.buffer])
      this.#samples = new Float32Array(step)
      this.#filled = 0
    }
    return true
  }
}

registerProcessor('capture', Capture)
