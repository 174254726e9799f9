import type { RedisArgument } from 'redis';
import {
  isVivaceError,
  messageOf,
  untilAborted,
  VivaceError,
  type CallContext,
  type PartContext,
} from 'vivace';
import { loadSdk, timeoutSignal } from 'vivace/kit';
import { makeClient, type Client, type Watcher } from './clients.js';
import { codeOf, explain, isOffline, withoutArguments } from './errors.js';
import type { RedisOptions } from './options.js';
import type { Script } from './scripts.js';
import { settingsOf } from './settings.js';

/** One connection to each server: a single one, the masters of a cluster, or the master that sentinels name. */
export class Connection {
  /** Keys are spread over the servers of a cluster: a command takes one only. */
  readonly spread: boolean;
  readonly #options: RedisOptions;
  readonly #context: PartContext;
  /** In a cluster the limit holds for each server, and the SDK counts. */
  readonly #mostWaiting: number;
  /** `undefined` while a new client replaces one that was silent, and after the end. */
  #client: Client | undefined;
  #make!: () => Client;
  #address = '';
  #state: 'starting' | 'started' | 'stopped' = 'starting';
  /** Why a server is away, by its address. */
  // Keys: nodes of a cluster.
  readonly #lost = new Map<string, unknown>();
  /** Commands without an answer yet, in the order in which they were sent. */
  readonly #waiting = new Set<{ readonly at: number }>();
  /** When a command was last answered. */
  #heardAt = 0;

  constructor(options: RedisOptions, context: PartContext) {
    this.#options = options;
    this.#context = context;
    this.spread = options.cluster !== undefined;
    this.#mostWaiting = this.spread ? Infinity : (options.maxQueuedCommands ?? 2_000);
  }

  async start({ signal }: CallContext): Promise<void> {
    const sdk = await loadSdk('redis', () => import('redis'));
    const settings = await settingsOf(this.#options, this.#context, {
      connected: () => this.#state === 'started',
    });
    this.#address = settings.address;
    this.#make = () => makeClient(sdk, settings, this.#watcher);
    this.#client = this.#make();
    try {
      await untilAborted(this.#client.connect(), signal);
    } catch (error) {
      void this.stop();
      throw this.#explain(error);
    }
    this.#lost.clear();
    this.#state = 'started';
    this.#context.every(this.#options.silenceMs / 2, (call) => this.#renewIfSilent(call));
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    const client = this.#client;
    this.#client = undefined;
    await client?.destroy();
  }

  /**
   * Sends one command.
   *
   * @param key The key that the command is about, or one of them.
   * @throws {VivaceError} With the reason of the server or of the connection.
   */
  async send(key: string, args: RedisArgument[]): Promise<unknown> {
    try {
      return await this.#ask(key, args);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Runs a script, and sends its text along where the server does not know it (yet, or no longer). */
  async run(
    { sha, source }: Script,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#ask(keys[0]!, ['EVALSHA', sha, ...rest]);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw this.#explain(error);
    }
    return this.send(keys[0]!, ['EVAL', source, ...rest]);
  }

  async #ask(key: string, args: RedisArgument[]): Promise<unknown> {
    const { clock } = this.#context;
    const client = this.#client;
    if (client === undefined) throw this.#offline();
    // It is refused here, so that the refusal does not pass for an answer of the server.
    if (this.#waiting.size >= this.#mostWaiting) {
      throw new VivaceError(
        'UNAVAILABLE',
        `${this.#waiting.size} commands already wait for ${this.#address} (maxQueuedCommands)`,
        { started: false },
      );
    }
    const sent = { at: clock.monotonic() };
    this.#waiting.add(sent);
    try {
      return await client.send(key, args);
    } catch (error) {
      // What an SDK says of a client that was given up meanwhile, in whatever words, is that its connection is gone.
      const givenUp = client !== this.#client && codeOf(error) === undefined;
      throw givenUp ? this.#offline() : error;
    } finally {
      this.#waiting.delete(sent);
      this.#heardAt = clock.monotonic();
    }
  }

  /** How long nothing has come back though something was asked; of a cluster, from any of its servers. */
  #silentMs(): number {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return 0;
    const from = this.spread ? oldest.at : Math.max(oldest.at, this.#heardAt);
    return this.#context.clock.monotonic() - from;
  }

  /**
   * Connects anew where calls wait and nothing comes back: a host that has vanished closes no connection, and the SDK takes
   * what it still sends on one for a sign of life.
   */
  async #renewIfSilent({ signal }: CallContext): Promise<void> {
    const { silenceMs, connectTimeoutMs } = this.#options;
    const silentMs = this.#silentMs();
    const why = `no answer for ${Math.round(silentMs)} ms`;
    const silent = this.#client;
    if (silent !== undefined && silentMs < silenceMs) return;
    // The other servers of a cluster go on answering meanwhile.
    if (!this.spread && silent !== undefined) {
      this.#watcher.lost(this.#address, new Error(why));
      this.#client = undefined;
      void silent.destroy();
    }
    const next = this.#make();
    const enough = timeoutSignal(connectTimeoutMs + 2 * silenceMs);
    try {
      await untilAborted(next.connect(), AbortSignal.any([signal, enough]));
    } catch {
      // The watcher says why; it is tried again.
      void next.destroy();
      return;
    }
    this.#client = next;
    if (!this.spread) return;
    this.#context.log.warn(`reconnected to ${this.#address}`, { error: new Error(why) });
    void silent?.destroy();
  }

  readonly #watcher: Watcher = {
    ready: (where) => {
      if (this.#lost.delete(where)) this.#context.log.info(`connected to ${where} again`);
    },
    lost: (where, reason) => {
      const error = withoutArguments(reason);
      const before = this.#lost.has(where);
      this.#lost.set(where, error);
      if (before || this.#state !== 'started') return;
      this.#context.log.warn(`lost the connection to ${where}; connecting again`, { error });
    },
  };

  /** While there is no connection, the reason is why there is none. */
  #explain(cause: unknown): VivaceError {
    if (isVivaceError(cause)) return cause;
    const error = withoutArguments(cause);
    return isOffline(error) ? this.#offline(error) : explain(error, this.#address);
  }

  #offline(error: unknown = new Error('no connection')): VivaceError {
    const reasons = [...this.#lost.values()];
    const telling = reasons.find((one) => (codeOf(one) ?? 'UNAVAILABLE') !== 'UNAVAILABLE');
    const where = `not connected to ${[...this.#lost.keys()].join(', ') || this.#address}`;
    return explain(telling ?? reasons[0] ?? error, where, 'UNAVAILABLE');
  }
}
