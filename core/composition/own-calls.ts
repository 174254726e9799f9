import { randomUUID } from 'node:crypto';
import { pipelineCodec, type PipelineCodec } from '../json/pipeline-codec.js';
import { Call, type Caller, type CallContext } from '../kernel/call.js';
import type { DataPlane } from '../ports/data-plane.js';

/** How a caller in process may call. */
export interface PredictOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly requestId?: string;
  /** What the request's span is a child of; default: the active context. */
  readonly trace?: CallContext['trace'];
  /** Who calls, for steps that ask. */
  readonly caller?: Caller;
}

/** Calls of the program that the server is part of: they go to the data plane, as those of transports do. */
export class OwnCalls {
  readonly #data: DataPlane;
  /** Aborts when the server has stopped. */
  readonly #cut: AbortSignal;
  /** Whether plans are what they will stay: before the server has started, one may lack what the model gives. */
  readonly #isCompiled: (pipeline: string) => boolean;
  // Keys: names of pipelines.
  readonly #codecs = new Map<string, PipelineCodec>();

  constructor(
    data: DataPlane,
    { cut, isCompiled }: { readonly cut: AbortSignal; readonly isCompiled: (pipeline: string) => boolean },
  ) {
    this.#data = data;
    this.#cut = cut;
    this.#isCompiled = isCompiled;
  }

  call({ requestId, signal, deadlineMs, trace, caller }: PredictOptions): Call {
    return new Call({
      requestId: requestId ?? randomUUID(),
      signal: signal ?? this.#cut,
      ...(deadlineMs === undefined ? {} : { deadline: performance.now() + deadlineMs }),
      trace,
      caller,
    });
  }

  /** Answers objects in the form in which they were sent: a list of objects, or a list per field. */
  async predict(pipeline: string, body: unknown, options: PredictOptions): Promise<object> {
    const codec = this.#codecOf(pipeline);
    let columnar = false;
    const answer = await this.#data.pipelines.predict(
      pipeline,
      () => {
        const decoded = codec.decode(body);
        columnar = decoded.columnar;
        return decoded.input;
      },
      this.call(options),
    );
    return codec.value(answer, columnar);
  }

  #codecOf(pipeline: string): PipelineCodec {
    let codec = this.#codecs.get(pipeline);
    if (codec === undefined) {
      codec = pipelineCodec(this.#data.pipelines.describe(pipeline));
      if (this.#isCompiled(pipeline)) this.#codecs.set(pipeline, codec);
    }
    return codec;
  }
}
