import * as tf from '@tensorflow/tfjs'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { transformWithOxc } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../packages/core/test/browser/chromium.js'
import { root } from '../scripts/workspace.js'

// The pages of docs/recipes as they stand there, with the published builds for script tags and with our modules, built from their sources.

/** What `node tests/packages/pages/fetch.js` fetches. */
const published = join(root, 'tests/packages/pages/node_modules')

async function contentOf(path: string): Promise<string | Uint8Array> {
  const file = path.replace(/^\/node_modules\//, '')
  if (file.startsWith('@induced-metric/')) {
    const source = join(root, 'node_modules', file.replace('/dist/', '/src/').replace(/\.js$/, '.ts'))
    return (await transformWithOxc(await readFile(source, 'utf8'), source)).code
  }
  return readFile(join(existsSync(join(published, file)) ? published : join(root, 'node_modules'), file))
}

/** The page of a recipe, as a person would have it in a file. */
async function pageOf(recipe: string): Promise<string> {
  const [, html] = /```html\n([\s\S]*?)```/.exec(
    await readFile(join(root, 'docs/recipes', `${recipe}.md`), 'utf8'),
  )!
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>${html}`
}

let server: Server
let browser: Browser
beforeAll(async () => {
  server = createServer(({ url = '/' }, response) => {
    const send = (type: string, body: string | Uint8Array): void => {
      response.writeHead(200, { 'content-type': type }).end(body)
    }
    const refuse = (): void => void response.writeHead(404).end()
    const [, recipe] = /^\/recipes\/([\w-]+)$/.exec(url) ?? []
    if (recipe === undefined) contentOf(url).then((body) => send('text/javascript', body), refuse)
    else pageOf(recipe).then((html) => send('text/html', html), refuse)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  browser = await launchChromium()
})
afterAll(async () => {
  await browser.close()
  await new Promise((closed) => server.close(closed))
})

/** Makes the random numbers of a page the same every time, those of its libraries included. */
function seedRandom(): void {
  let state = 1
  Math.random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** The text of a recipe's page once there is any, and everything that went wrong before. */
async function textOf(recipe: string, prepare?: (tab: Page) => Promise<void>): Promise<string[]> {
  const tab = await browser.newPage()
  const problems: string[] = []
  tab.on('pageerror', (error) => problems.push(String(error)))
  tab.on('requestfailed', (request) => problems.push(request.url()))
  await tab.addInitScript(seedRandom)
  await prepare?.(tab)
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/recipes/${recipe}`)
  const text = await tab.waitForFunction(() => document.body.innerText.trim() || undefined, null, {
    timeout: 200_000,
  })
  const found = [(await text.jsonValue()) ?? '', ...problems]
  await tab.close()
  return found
}

it.skipIf(!existsSync(join(published, 'ml5')))('trains a network of ml5', async () => {
  const [text, ...problems] = await textOf('ml5')
  expect(problems).toEqual([])
  const [, steps, loss, label] = /^(\d+) steps, loss (\S+): (\w+)$/.exec(text!) ?? []
  expect({ steps, label }).toEqual({ steps: '180', label: 'in' })
  expect(Number(loss)).toBeLessThan(0.5)
})

/** A small network in the place of the MobileNet, which no test may ask another host for. */
async function standIn(): Promise<tf.io.ModelArtifacts> {
  const { conv2d, averagePooling2d } = tf.layers
  const kernelInitializer = tf.initializers.heNormal({ seed: 1 })
  const model = tf.sequential({
    layers: [
      averagePooling2d({ inputShape: [224, 224, 3], poolSize: 8, strides: 8 }),
      conv2d({
        filters: 8,
        kernelSize: 4,
        strides: 4,
        activation: 'relu',
        kernelInitializer,
        name: 'out_relu',
      }),
    ],
  })
  let saved: tf.io.ModelArtifacts | undefined
  const handler = tf.io.withSaveHandler((artifacts) => {
    saved = artifacts
    return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } })
  })
  await model.save(handler)
  return saved!
}

it.skipIf(!existsSync(join(published, '@teachablemachine/image')))(
  'trains the head of a Teachable Machine',
  async () => {
    const { modelTopology, weightSpecs, weightData } = await standIn()
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }]
    const found = await textOf('teachable-machine', async (tab) => {
      await tab.route(/^https:\/\/storage\.googleapis\.com\/.*/, (route) => {
        const headers = { 'access-control-allow-origin': '*' }
        return route.request().url().endsWith('model.json')
          ? route.fulfill({ json: { modelTopology, weightsManifest }, headers })
          : route.fulfill({ body: Buffer.from(weightData as ArrayBuffer), headers })
      })
    })
    expect(found).toEqual(['disc or cross: cross'])
  },
)
