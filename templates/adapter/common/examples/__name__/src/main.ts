import { fit } from './fit.js'

const losses = fit(300)
for (const step of [1, 10, 100, 300]) console.log(`step ${step}: loss ${losses[step - 1]!.toPrecision(3)}`)
