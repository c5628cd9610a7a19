import type { Redis } from 'ioredis'
import { coded, messageOf, optionError } from '../errors.js'
import { definitionOf } from '../results/definition.js'
import { type LoadedStudy, versionOf } from '../study/loadStudy.js'

/** Seconds in which Redis must answer at the start. Later on it may be away for as long as it likes. */
const patience = 20

/** BullMQ and the client that it uses. Both are optional dependencies. */
export async function loadBullMq() {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')])
    return { Queue: bullmq.Queue, Worker: bullmq.Worker, Redis: ioredis.Redis }
  } catch (error) {
    throw coded(
      'ERR_NOT_SUPPORTED',
      `sweeps over Redis need two more packages: npm install bullmq ioredis (${messageOf(error)})`,
      error,
    )
  }
}

/** A connection to Redis that waits for it to come back whenever it is away. */
export interface RedisConnection {
  readonly client: Redis
  readonly close: () => void
}

/**
 * Connects to Redis.
 *
 * @param notice - is told when Redis is away and when it is back
 * @throws ERR_OPTION if the URL is none; ERR_NOT_SUPPORTED if nothing answers there
 */
export async function connectRedis(url: string, notice: (text: string) => void): Promise<RedisConnection> {
  if (!/^rediss?:\/\/./.test(url)) throw optionError('redis must be a URL such as redis://127.0.0.1:6379')
  const { Redis } = await loadBullMq()
  const client = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt: number) => Math.min(100 * attempt, 2000),
  })
  let [isAway, lastError] = [false, 'no answer']
  client.on('error', (error: Error) => {
    lastError = error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message
    if (!isAway) notice(`Redis is away (${lastError}); waiting for it`)
    isAway = true
  })
  client.on('ready', () => {
    if (isAway) notice('Redis is back')
    isAway = false
  })
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Without the user and password that the URL may hold.
      const { host } = new URL(url)
      reject(
        coded(
          'ERR_NOT_SUPPORTED',
          `no Redis answers at ${host} (${lastError}); start one, or correct --redis`,
        ),
      )
    }, patience * 1000)
  })
  try {
    await Promise.race([client.ping(), tooLate])
  } catch (error) {
    client.disconnect()
    throw error
  } finally {
    clearTimeout(timer)
  }
  return { client, close: () => client.disconnect() }
}

/** The names in Redis that a study uses. */
export interface RedisNames {
  /** Of BullMQ's queue. */
  readonly queue: string
  /** Of a hash with the outcomes that are not stored yet, by job. */
  readonly outcomes: string
  /** Of the coordinator's lock. */
  readonly coordinator: string
  /** Of the version that the coordinator runs last. */
  readonly version: string
}

/** Names that differ for every version of a study file, so that workers with another one take no part in it. */
export async function redisNames(study: LoadedStudy): Promise<RedisNames & { readonly own: string }> {
  const own = await versionOf(study.url, JSON.stringify(definitionOf(study)))
  const base = `induced-sweep-${study.name}`
  return {
    own,
    queue: `${base}-${own}`,
    outcomes: `${base}-${own}:outcomes`,
    coordinator: `${base}-${own}:coordinator`,
    version: `${base}:version`,
  }
}
