/** The bodies of the functions to fill in, for the framework in this folder, by file and name. */
export const bodies: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'packages/NAME/test/conformance/targets.js': {
    modelOf: `
      const layers = parameters.map(({ name, shape, data }) => {
        return { name, shape, weights: data, gradients: /** @type {TypedArray | null} */ (null) }
      })
      return { layers, update: () => {} }`,
    train: `
      model.layers.forEach((layer, i) => (layer.gradients = gradients[i] ?? null))
      model.update(loss)`,
  },
  'examples/NAME/src/fit.ts': {
    createModel: `
      const layer = (name: string) => ({ name, shape: [1], weights: new Float32Array(1), gradients: new Float32Array(1) })
      return { layers: [layer('weight'), layer('bias')], update: () => {} }`,
    train: `
      const [weight, bias] = model.layers
      const error = weight!.weights[0]! * x + bias!.weights[0]! - y
      weight!.gradients![0] = 2 * error * x
      bias!.gradients![0] = 2 * error
      model.update(error ** 2)
      return error ** 2`,
  },
}
