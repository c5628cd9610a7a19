/** A share as the paper writes it: `.9068`; an em dash when there is none. */
export function formatShare(share: number | null | undefined, digits = 4): string {
  return share === null || share === undefined ? '—' : share.toFixed(digits).replace(/^0\./, '.')
}

/** A loss, factor or time in few digits; an em dash when there is none. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return '—'
  if (!Number.isFinite(value)) return String(value)
  return value !== 0 && Math.abs(value) < 10 ** -digits ? value.toExponential(2) : value.toFixed(digits)
}
