/**
 * The share of examples whose largest logit is that of their class.
 *
 * @param logits - a row of as many as there are classes for each label
 */
export function shareRight(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  const count = labels.length
  const classes = logits.length / count
  let right = 0
  for (let row = 0; row < count; row++) {
    let best = 0
    for (let digit = 1; digit < classes; digit++)
      if (logits[row * classes + digit]! > logits[row * classes + best]!) best = digit
    if (best === labels[row]) right++
  }
  return right / count
}
