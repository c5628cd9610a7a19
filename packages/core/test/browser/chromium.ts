import { chromium, type Browser, type Page } from 'playwright-core'

/** Whether the tests are to use the machine's GPU: HARDWARE=1. Otherwise SwiftShader computes, a GPU in software. */
export const hardware = process.env['HARDWARE'] === '1'

/**
 * A flag for pages in which WebAssembly computes little, as where it calls a GPU. Optimised code takes V8 longer than it saves there.
 * Those that compute for seconds are slower with it.
 */
export const shortWasm = '--js-flags=--liftoff-only'

const software = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  // Pages are drawn without SwiftShader, which would compile seconds of shaders for each of them.
  '--disable-gpu-compositing',
  '--disable-gpu-rasterization',
  shortWasm,
]
const webgpuInSoftware = [
  '--use-webgpu-adapter=swiftshader',
  // With it, SwiftShader compiles a store for every word of a workgroup's memory. Without it, Dawn writes a loop that does the same.
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
]
/** Linux has GPUs without a display by Vulkan only. */
const vulkan = ['--use-angle=vulkan', '--enable-features=Vulkan', '--disable-vulkan-surface']
const own = [...(process.platform === 'linux' ? vulkan : []), '--ignore-gpu-blocklist']

/** Flags of a Chromium that has WebGL and WebGPU. */
export const gpuFlags: readonly string[] = [
  ...(hardware ? own : software),
  '--enable-unsafe-webgpu',
  ...(hardware ? [] : webgpuInSoftware),
]

/**
 * Features of Chromium that cost time and that no test has a use for: every window starts a process for the list under its
 * address bar, two seconds of work on a machine of CI.
 */
const costly = ['WebUIOmniboxPopup', 'WebUIOmniboxFullPopup', 'WebUIOmniboxAimPopup']

/** Those that Playwright disables. Chromium reads the last such list alone, so these are to be said again. */
const asByPlaywright = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'TcpPortRandomizationWin',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'msForceBrowserSignIn',
  'msEdgeUpdateLaunchServicesPreferredVersion',
]

/** Starts the Chromium that `CHROMIUM_PATH` names. */
export function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  const disabled = `--disable-features=${[...asByPlaywright, ...costly].join(',')}`
  return chromium.launch({ executablePath, args: ['--no-sandbox', disabled, ...flags] })
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
