import {
  deadlineMsOf,
  pipelineCodec,
  withinHeader,
  type Call,
  type HttpRequest,
  type HttpRequestHead,
  type HttpResponse,
  type PipelineCodec,
  type PipelineDescription,
  type Planes,
} from 'vivace';
import type { JsonLimits } from 'vivace/wire';
import { openApiDocument } from './open-api.js';
import type { FeatureApi } from './feature-api.js';
import { checkType, readJson } from './read-json.js';

/** A pipeline, and the codec of its JSON. */
export interface SpokenPipeline {
  readonly description: PipelineDescription;
  readonly codec: PipelineCodec;
  /** What its requests may hold. */
  readonly limits: JsonLimits;
}

export interface RestApiOptions {
  readonly planes: Planes;
  readonly prefix: string;
  readonly maxDepth: number;
  readonly servers: readonly string[];
  /** Features without a pipeline. */
  readonly features: FeatureApi;
}

/** The operations of the API, each from a request to its answer. The server answers what they throw. */
export class RestApi {
  readonly #planes: Planes;
  readonly #prefix: string;
  readonly #maxDepth: number;
  readonly #servers: readonly string[];
  readonly features: FeatureApi;
  /** By name; pipelines do not change while they are served. */
  // Keys: names of pipelines.
  readonly #spoken = new Map<string, SpokenPipeline>();

  constructor({ planes, prefix, maxDepth, servers, features }: RestApiOptions) {
    this.features = features;
    this.#planes = planes;
    this.#prefix = prefix;
    this.#maxDepth = maxDepth;
    this.#servers = servers;
  }

  /** Refuses, before its body is read, a prediction of a pipeline that is not there, or whose headers are wrong. */
  admitPrediction(pipeline: string, head: HttpRequestHead, call: Call): Call {
    this.#pipeline(pipeline);
    checkType(head.headers['content-type']);
    return withinHeader(head, call);
  }

  /** How long a prediction may take, as its pipeline and its headers say; `undefined` where they do not. */
  deadlineMs(pipeline: string, head: HttpRequestHead): number | undefined {
    const ownMs = this.#isKnown(pipeline) ? this.#pipeline(pipeline).description.deadlineMs : undefined;
    return deadlineMsOf(head, ownMs);
  }

  /** Bytes of the largest body that a request of a pipeline can have; `undefined` where there is no limit, or no such pipeline. */
  bodyLimitOf(pipeline: string): number | undefined {
    if (!this.#isKnown(pipeline)) return undefined;
    const { bodyLimitBytes } = this.#pipeline(pipeline).codec.limits;
    return Number.isFinite(bodyLimitBytes) ? bodyLimitBytes : undefined;
  }

  #isKnown(pipeline: string): boolean {
    return this.#spoken.has(pipeline) || this.#planes.data.pipelines.names().includes(pipeline);
  }

  async predict(pipeline: string, request: HttpRequest, call: Call): Promise<HttpResponse> {
    const { codec, limits } = this.#pipeline(pipeline);
    let columnar = false;
    const answer = await this.#planes.data.pipelines.predict(
      pipeline,
      () => {
        const decoded = codec.decode(readJson(request, limits));
        request.release?.();
        columnar = decoded.columnar;
        return decoded.input;
      },
      call,
    );
    return json(codec.text(answer, columnar), call);
  }

  list(call: Call): HttpResponse {
    return json(JSON.stringify({ pipelines: this.#planes.data.pipelines.names() }), call);
  }

  describe(pipeline: string, call: Call): HttpResponse {
    const { description, codec } = this.#pipeline(pipeline);
    const { requestSchema, responseSchema } = codec;
    const { name, description: text, plan } = description;
    return json(JSON.stringify({ name, description: text, requestSchema, responseSchema, plan }), call);
  }

  openApi(call: Call): HttpResponse {
    const { data, control } = this.#planes;
    const pipelines = data.pipelines.names().map((name) => this.#pipeline(name));
    const { version } = control.info();
    const document = openApiDocument(pipelines, {
      prefix: this.#prefix,
      servers: this.#servers,
      features: this.features,
      version: typeof version === 'string' ? version : '0',
    });
    return json(JSON.stringify(document), call);
  }

  /** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
  #pipeline(name: string): SpokenPipeline {
    let spoken = this.#spoken.get(name);
    if (spoken === undefined) {
      const description = this.#planes.data.pipelines.describe(name);
      const codec = pipelineCodec(description);
      spoken = { description, codec, limits: { ...codec.limits.json, maxDepth: this.#maxDepth } };
      this.#spoken.set(name, spoken);
    }
    return spoken;
  }
}

function json(body: string, { requestId }: Call): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json', 'x-request-id': requestId }, body };
}
