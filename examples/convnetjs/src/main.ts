import { fit } from './fit.js'

const { losses, accuracy } = fit(600)
for (let start = 0; start < losses.length; start += 100) {
  const mean = losses.slice(start, start + 100).reduce((sum, loss) => sum + loss, 0) / 100
  console.log(`pictures ${start + 1} to ${start + 100}: loss ${mean.toPrecision(3)}`)
}
console.log(`accuracy on new pictures: ${(100 * accuracy).toFixed(0)} %`)
