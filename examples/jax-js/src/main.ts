import { fit } from './fit.js'

const { losses, weight, bias } = fit(200)
for (const step of [1, 10, 100, 200]) console.log(`step ${step}: loss ${losses[step - 1]!.toPrecision(3)}`)
console.log(`y = ${weight.toFixed(2)}x ${bias < 0 ? '−' : '+'} ${Math.abs(bias).toFixed(2)}`)
