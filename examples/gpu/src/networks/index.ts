import type { DataFile } from '../data/files.js'
import { digitsNetwork } from './digits.js'
import { gptNetwork } from './gpt.js'
import type { Network, NetworkName } from './network.js'

/** The networks: the file of its data, and how it is made from that. */
const networks: Readonly<Record<NetworkName, { file: DataFile; create: (bytes: Uint8Array) => Network }>> = {
  gpt: { file: 'text.txt', create: (bytes) => gptNetwork(new TextDecoder().decode(bytes)) },
  digits: { file: 'digits.bin', create: digitsNetwork },
}

/**
 * Creates a network.
 *
 * @param load reads a file of data
 */
export async function loadNetwork(
  name: NetworkName,
  load: (file: DataFile) => Promise<Uint8Array>,
): Promise<Network> {
  const { file, create } = networks[name]
  return create(await load(file))
}
