import type { RedisArgument } from 'redis';
import {
  isVivaceError,
  loadSdk,
  messageOf,
  untilAborted,
  type CallContext,
  type PartContext,
  VivaceError,
} from 'vivace';
import { makeClient, type Client, type Watcher } from './clients.js';
import { codeOf, explain, isOffline, withoutArguments } from './errors.js';
import type { RedisOptions } from './options.js';
import type { Script } from './scripts.js';
import { pause, settingsOf } from './settings.js';

/** One connection to each server: of one alone, of the masters of a cluster, or of the master that sentinels name. */
export class Connection {
  /** Keys are spread over the servers of a cluster: a command takes one only. */
  readonly spread: boolean;
  readonly #options: RedisOptions;
  readonly #context: PartContext;
  /** In a cluster, where it holds for each server, the SDK counts. */
  readonly #mostWaiting: number;
  #client: Client | undefined;
  #make!: () => Client;
  #address = '';
  #state: 'starting' | 'started' | 'stopped' = 'starting';
  /** Why a server is away, by its address. */
  readonly #lost = new Map<string, unknown>();
  /** Commands without an answer yet. */
  #waiting = 0;
  /** When a command was last answered, or the first of those that wait was sent. */
  #heardAt = 0;
  /** Why there is no client in the place of one that was silent: behind sentinels the SDK gives up. */
  #noClient: VivaceError | undefined;

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
    // Of a cluster nobody tells which server a command waits for.
    if (!this.spread) this.#context.every(this.#options.silenceMs / 2, (call) => this.#renewIfSilent(call));
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    await this.#client?.destroy();
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
    if (this.#noClient !== undefined) throw this.#noClient;
    // Refused here, where a refusal does not pass for an answer.
    if (this.#waiting >= this.#mostWaiting) {
      throw new VivaceError(
        'UNAVAILABLE',
        `${this.#waiting} commands wait for ${this.#address} already (maxQueuedCommands)`,
        { started: false },
      );
    }
    if (this.#waiting++ === 0) this.#heardAt = clock.monotonic();
    try {
      return await this.#client!.send(key, args);
    } finally {
      this.#waiting--;
      this.#heardAt = clock.monotonic();
    }
  }

  /**
   * Connects anew where calls wait and nothing comes back: a host that has vanished closes no connection, and to the SDK what is still
   * sent on one is a sign of life.
   */
  async #renewIfSilent({ signal }: CallContext): Promise<void> {
    const silentMs = this.#context.clock.monotonic() - this.#heardAt;
    if (this.#waiting === 0 || silentMs < this.#options.silenceMs) return;
    this.#watcher.lost(this.#address, new Error(`no answer for ${Math.round(silentMs)} ms`));
    for (let tries = 1; !signal.aborted; tries++) {
      const silent = this.#client;
      this.#client = this.#make();
      this.#noClient = undefined;
      void silent?.destroy();
      try {
        await untilAborted(this.#client.connect(), signal);
        return;
      } catch (error) {
        this.#noClient = this.#explain(error);
        await this.#context.delay(pause(tries, this.#options.reconnectMaxMs), signal);
      }
    }
  }

  readonly #watcher: Watcher = {
    opened: () => {
      // The SDK goes on with an attempt that was under way when it was told to stop.
      if (this.#state === 'stopped') void this.#client?.destroy();
    },
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
    if (!isOffline(error)) return explain(error, this.#address);
    const reasons = [...this.#lost.values()];
    const reason = reasons.find((one) => codeOf(one) !== 'UNAVAILABLE') ?? reasons[0] ?? error;
    return explain(reason, `not connected to ${[...this.#lost.keys()].join(', ') || this.#address}`);
  }
}
