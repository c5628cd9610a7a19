import type { Peer } from './protocol/peer.js'
import type { Core } from './target.js'

/** The parts of its environment that the command uses. */
export interface CommandIo {
  out(text: string): void
  err(text: string): void
  /** Loads a module by the path that the user gave. */
  load(path: string): Promise<Record<string, unknown>>
  /** Loads the core that the suite depends on. */
  loadCore(): Promise<Core>
  /**
   * Prepares a command line to be started as a process.
   *
   * @param timeout - milliseconds that an answer may take
   */
  prepare(command: string, timeout: number): () => Peer
  read(path: string): Promise<string>
  write(path: string, text: string): Promise<void>
}

/** The parsed command line. */
export interface CommandOptions {
  /** The module that exports the target. */
  readonly target?: string | undefined
  /** The name of the target, if the module exports several. */
  readonly name?: string | undefined
  /** The command of a process that is the target, in place of a module. */
  readonly exec?: string | undefined
  /** Seconds that the process may take for an answer. */
  readonly timeout?: string | undefined
  readonly json?: string | undefined
  readonly html?: string | undefined
  /** A file for a badge, which ends in .json or .svg. */
  readonly badge?: string | undefined
  readonly thorough?: boolean | undefined
  readonly filter?: string | undefined
  readonly shard?: string | undefined
  /** A report whose failed cases are run again. */
  readonly failed?: string | undefined
  readonly seed?: string | undefined
  readonly path?: string | undefined
  readonly list?: boolean | undefined
  readonly help?: boolean | undefined
}
