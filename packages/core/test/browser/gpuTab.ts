import { gpuFlags, launchChromium, onComplaint } from './chromium.js'
import { serveModule } from './serveModule.js'

/** A page in Chromium with WebGPU. */
export interface GpuTab<P> {
  /** Calls a function of the page. */
  call<K extends keyof P & string>(
    name: K,
    ...given: P[K] extends (...given: infer G) => unknown ? G : never
  ): Promise<P[K] extends (...given: never[]) => infer R ? Awaited<R> : never>
  /** The errors and warnings on the console so far, among them WebGPU's. */
  readonly problems: string[]
  close(): Promise<void>
}

/**
 * Bundles a module from the sources of this workspace, and opens a page that runs it.
 *
 * @param module sets the global `page`, whose functions take and return what can be serialised
 * @param folders by the path under which the page finds their files
 */
export async function openGpuTab<P>(
  module: string,
  folders: Readonly<Record<string, string>> = {},
): Promise<GpuTab<P>> {
  const served = await serveModule(module, folders)
  const browser = await launchChromium(gpuFlags)
  const tab = await browser.newPage()
  const problems: string[] = []
  onComplaint(tab, (text) => problems.push(text))
  await tab.goto(served.url)
  await tab
    .waitForFunction(() => 'page' in globalThis)
    .catch((error: unknown) => {
      throw new Error(`the page did not start: ${problems.join('\n')}`, { cause: error })
    })
  return {
    problems,
    call: (name, ...given) =>
      tab.evaluate(
        ([name, given]) => {
          const { page } = globalThis as unknown as { page: Record<string, (...given: unknown[]) => unknown> }
          return page[name]!(...given)
        },
        [name, given] as [string, unknown[]],
      ) as never,
    async close() {
      await browser.close()
      served.close()
    },
  }
}
