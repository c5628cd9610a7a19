import { chromium, type Browser, type Page } from 'playwright-core'

/** Whether the tests are to use the machine's GPU: HARDWARE=1. Otherwise SwiftShader computes, a GPU in software. */
export const hardware = process.env['HARDWARE'] === '1'

const software = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]
/** Linux has GPUs without a display by Vulkan only. */
const vulkan = ['--use-angle=vulkan', '--enable-features=Vulkan', '--disable-vulkan-surface']
const own = [...(process.platform === 'linux' ? vulkan : []), '--ignore-gpu-blocklist']

/** Flags of a Chromium that has WebGL. */
export const webglFlags: readonly string[] = hardware ? own : software

/** Flags of a Chromium that has WebGL and WebGPU. */
export const gpuFlags: readonly string[] = [
  ...webglFlags,
  '--enable-unsafe-webgpu',
  ...(hardware ? [] : ['--use-webgpu-adapter=swiftshader']),
]

/** Starts the Chromium that `CHROMIUM_PATH` names. */
export function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...flags] })
}

/** What the graphics driver says of software rendering and of options, whatever a page does. */
const ofTheDriver = /GL Driver Message|GPU stall due to ReadPixels|powerPreference/

/**
 * Listens to what a page complains of: errors, and errors and warnings on its console.
 *
 * @param complain takes each text
 * @param expected what may be on the console beside the graphics driver's messages
 */
export function onComplaint(page: Page, complain: (text: string) => void, expected = /^$/): void {
  page.on('console', (message) => {
    const text = message.text()
    if (!['error', 'warning'].includes(message.type())) return
    if (!ofTheDriver.test(text) && !expected.test(text)) complain(text)
  })
  page.on('pageerror', (error) => complain(error.message))
}
