import convnetjs, { type Net, type Vol } from 'convnetjs'

/** Numbers in (−1, 1), the same in every run. */
function numbers(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i + 0.3 * i * i))
}

/** A net of the given layers, with weights that are the same in every run. */
export function netOf(definitions: readonly object[], seed = 1): Net {
  const net = new convnetjs.Net()
  net.makeLayers(definitions.map((definition) => ({ ...definition })))
  net.getParamsAndGrads().forEach(({ params }, k) => {
    params.set(numbers(params.length, seed + k).map((x) => x / Math.sqrt(params.length)))
  })
  return net
}

/** The layers of a convolutional net on pictures of 8 × 8, with two classes. */
export const convolutional = [
  { type: 'input', out_sx: 8, out_sy: 8, out_depth: 1 },
  { type: 'conv', sx: 3, filters: 4, stride: 1, pad: 1, activation: 'relu', l1_decay_mul: 0.5 },
  { type: 'pool', sx: 2, stride: 2 },
  { type: 'fc', num_neurons: 6, activation: 'tanh', l2_decay_mul: 0.5 },
  { type: 'softmax', num_classes: 2 },
]

/** The layers of a convolutional net on the same pictures with one number to come out. */
export const regression = [...convolutional.slice(0, -1), { type: 'regression', num_neurons: 1 }]

/** Pictures with a bar, upright (class 1) or lying (class 0), under noise. */
export function bars(count: number, seed = 0): { readonly x: Vol; readonly y: number }[] {
  return Array.from({ length: count }, (_, k) => {
    const x = new convnetjs.Vol(8, 8, 1, 0)
    x.w.set(numbers(64, seed + 7 * k).map((noise) => noise / 4))
    const y = k % 2
    const place = (3 * k + seed) % 8
    for (let i = 0; i < 8; i++) x.w[y === 1 ? 8 * i + place : 8 * place + i]! += 1
    return { x, y }
  })
}

/** All weights of a net, layer by layer. */
export function weightsIn(net: Net): number[] {
  return net.getParamsAndGrads().flatMap(({ params }) => [...params])
}
