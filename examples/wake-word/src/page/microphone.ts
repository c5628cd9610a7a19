import { sampleRate } from '../features/features.js'
import workletUrl from './capture.worklet.ts?worker&url'

/** An open microphone. */
export interface Microphone {
  readonly close: () => Promise<void>
}

/**
 * Opens the microphone.
 *
 * @param onSamples gets 80 ms at a time: 16 kHz, at the scale of int16
 * @throws DOMException if the browser or its user refuses
 */
export async function openMicrophone(onSamples: (samples: Float32Array) => void): Promise<Microphone> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  })
  const context = new AudioContext({ sampleRate })
  try {
    await context.audioWorklet.addModule(workletUrl)
    const capture = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0, channelCount: 1 })
    capture.port.addEventListener('message', ({ data }: MessageEvent<Float32Array>) => onSamples(data))
    capture.port.start()
    context.createMediaStreamSource(stream).connect(capture)
    await context.resume()
  } catch (error) {
    stop(stream)
    await context.close()
    throw error
  }
  return {
    close: async () => {
      stop(stream)
      await context.close()
    },
  }
}

const stop = (stream: MediaStream): void => {
  for (const track of stream.getTracks()) track.stop()
}

/**
 * Decodes a recording in any format that the browser reads.
 *
 * @returns 16 kHz, mono, at the scale of int16
 */
export async function decodeFile(file: Blob): Promise<Float32Array> {
  const context = new OfflineAudioContext(1, 1, sampleRate)
  const audio = await context.decodeAudioData(await file.arrayBuffer())
  const samples = new Float32Array(audio.length)
  for (let channel = 0; channel < audio.numberOfChannels; channel++)
    for (const [i, x] of audio.getChannelData(channel).entries())
      samples[i]! += (x * 32768) / audio.numberOfChannels
  return samples
}
