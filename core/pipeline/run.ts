import type { Frame } from '../data/frame.js';
import type { Call } from '../kernel/call.js';
import type { Degradation } from '../ports/data-plane.js';
import type { ModelVersion } from '../ports/model-repository.js';

/** What the views of one run share. */
class RunState {
  frame: Frame | undefined;
  readonly decode: () => Frame;
  readonly degraded: Degradation[] = [];
  // Keys: names of steps.
  readonly models = new Map<string, ModelVersion>();

  constructor(decode: () => Frame) {
    this.decode = decode;
  }
}

/** One run of a pipeline: its call, its data, and what it says of itself. */
export class Run {
  readonly call: Call;
  /** The signal for work that may be given up: aborts while there is still time to answer with what the pipeline declares instead. */
  readonly fetchCall: Call;
  readonly #state: RunState;

  /** @param decode Makes the frame of the request. */
  constructor(call: Call, decode: (() => Frame) | RunState, fetchCall = call) {
    this.call = call;
    this.fetchCall = fetchCall;
    this.#state = decode instanceof RunState ? decode : new RunState(decode);
  }

  /** `undefined` until the request has been decoded: a layer sees it after `next`. */
  get frame(): Frame | undefined {
    return this.#state.frame;
  }

  get degraded(): Degradation[] {
    return this.#state.degraded;
  }

  /** Per predict step, by alias. */
  get models(): Map<string, ModelVersion> {
    return this.#state.models;
  }

  /** Makes the frame; runs inside all layers. */
  decode(): NodeRun {
    this.#state.frame = this.#state.decode();
    return this as NodeRun;
  }

  /** The same run under another call, as a layer passes it inwards. */
  under(call: Call, fetchCall: Call): Run {
    return new Run(call, this.#state, fetchCall);
  }
}

/** A run as nodes see it. */
export interface NodeRun extends Run {
  readonly frame: Frame;
}
