/** Numbers in rows of equal length. */
export interface Table {
  readonly rows: number
  /** Numbers in a row. */
  readonly columns: number
  /** Row after row. */
  readonly values: ArrayLike<number | bigint>
  /** Names the place of a row in the file, as messages do. */
  readonly placeOf: (row: number) => string
}
