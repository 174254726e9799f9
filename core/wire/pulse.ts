/** What a server says of itself to another thread. */
export interface PulseState {
  /** It has started: it answers calls, or did until it began to stop. */
  readonly started: boolean;
  readonly ready: boolean;
}

/** A pulse as another thread reads it. */
export interface ReadPulse extends PulseState {
  /** How long ago the server's event loop turned, milliseconds; `Infinity` where it never has. */
  readonly ageMs: number;
}

const startedFlag = 1;
const readyFlag = 2;
const flagsAt = 2;
const bytes = 16;

/**
 * The state of a server and the time of its last heartbeat, in memory that threads share. So a thread can tell whether the event loop of
 * another one still turns, without asking it.
 *
 * Layout, in the machine's order of bytes: at 0 the time of the heartbeat, a 64-bit integer of nanoseconds as `process.hrtime` counts them,
 * which is the same clock in all threads; at 8 the flags, a 32-bit integer: 1 started, 2 ready.
 */
export class Pulse {
  readonly memory: SharedArrayBuffer;
  readonly #beat: BigInt64Array;
  readonly #flags: Int32Array;

  /** @param memory That of another `Pulse`; default: new. */
  constructor(memory = new SharedArrayBuffer(bytes)) {
    this.memory = memory;
    this.#beat = new BigInt64Array(memory, 0, 1);
    this.#flags = new Int32Array(memory);
  }

  /** Says how the server is, and that its event loop turns. */
  beat({ started, ready }: PulseState): void {
    Atomics.store(this.#flags, flagsAt, (started ? startedFlag : 0) | (ready ? readyFlag : 0));
    Atomics.store(this.#beat, 0, process.hrtime.bigint());
  }

  read(): ReadPulse {
    const at = Atomics.load(this.#beat, 0);
    const flags = Atomics.load(this.#flags, flagsAt);
    return {
      started: (flags & startedFlag) !== 0,
      ready: (flags & readyFlag) !== 0,
      ageMs: at === 0n ? Infinity : Number(process.hrtime.bigint() - at) / 1e6,
    };
  }
}
