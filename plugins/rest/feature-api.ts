import {
  deadlineMsOf,
  pushAnswer,
  pushCodec,
  readAnswerText,
  readKeys,
  readLimits,
  readRequest,
  VivaceError,
  withinHeader,
  type Call,
  type FeaturePlane,
  type HttpRequest,
  type HttpRequestHead,
  type HttpResponse,
  type PushCodec,
} from 'vivace';
import { jsonLengthHeader, readJsonLength, splitBody, type MessageParts } from 'vivace/wire';
import { FeatureTensors } from './feature-tensors.js';
import { checkType, readJson } from './read-json.js';

const nothing = new Uint8Array(0);

export interface FeatureApiOptions {
  readonly features: FeaturePlane;
  /** Of the options, for mistakes in them. */
  readonly path: string;
  readonly maxDepth: number;
  /** The views that callers may read, `true` for all. */
  readonly read?: readonly string[] | true;
  /** The views that callers may write. */
  readonly push: readonly string[];
}

/** Reads and pushes of features, each from a request to its answer. */
export class FeatureApi {
  readonly #features: FeaturePlane;
  readonly #tensors: FeatureTensors;
  readonly #maxDepth: number;
  /** `undefined`: none may be read. */
  readonly #readable: ReadonlySet<string> | true | undefined;
  /** By the name of the view. */
  // Keys: names of views.
  readonly #codecs = new Map<string, PushCodec>();

  /** @throws {VivaceError} `INVALID_CONFIG` where there is no such view, or its rows are not pushed. */
  constructor({ features, path, maxDepth, read, push }: FeatureApiOptions) {
    this.#features = features;
    this.#tensors = new FeatureTensors(features);
    this.#maxDepth = maxDepth;
    // Keys: names of views.
    this.#readable = read === undefined || read === true ? read : new Set(read);
    if (read !== undefined && read !== true)
      read.forEach((view, i) => wrongAt(`${path}.read[${i}]`, () => features.describeRead([view])));
    push.forEach((view, i) =>
      wrongAt(`${path}.push[${i}]`, () => this.#codecs.set(view, pushCodec(features.describePush(view)))),
    );
  }

  get reads(): boolean {
    return this.#readable !== undefined;
  }

  /** The views that callers may write, with the codecs of their rows. */
  get pushes(): ReadonlyMap<string, PushCodec> {
    return this.#codecs;
  }

  /** Refuses, before its body is read, a request that nothing here answers, or whose headers are wrong. */
  admitPush(view: string, head: HttpRequestHead, call: Call): Call {
    this.#codec(view);
    return admitted(head, call);
  }

  /** The same for a read. */
  admitRead(head: HttpRequestHead, call: Call): Call {
    if (this.#readable === undefined)
      throw new VivaceError(
        'UNIMPLEMENTED',
        'features are not read over HTTP here: that needs `features: { read: true }`, or a list of views',
      );
    if (readJsonLength(head.headers[jsonLengthHeader]) === undefined) return admitted(head, call);
    // Clients say octet-stream of a body with binary tensors, or nothing.
    return withinHeader(head, call);
  }

  /** How long a call may take, as its headers say. */
  deadlineMs(head: HttpRequestHead): number | undefined {
    return deadlineMsOf(head, undefined);
  }

  /** Bytes of the largest body that a push can have; `undefined` where there is no limit, or no such view. */
  bodyLimitOf(view: string): number | undefined {
    const { bodyLimitBytes = Infinity } = this.#codecs.get(view)?.limits ?? {};
    return Number.isFinite(bodyLimitBytes) ? bodyLimitBytes : undefined;
  }

  async push(view: string, request: HttpRequest, call: Call): Promise<HttpResponse> {
    const codec = this.#codec(view);
    const outcome = await this.#features.push(
      view,
      () => {
        const limits = { ...codec.limits.json, maxDepth: this.#maxDepth };
        const input = codec.decode(readJson(request, limits));
        request.release?.();
        return input;
      },
      call,
    );
    return json(JSON.stringify(pushAnswer(outcome)), call);
  }

  async read(request: HttpRequest, call: Call): Promise<HttpResponse> {
    const parts = this.#partsOf(request);
    const { value } = parts.json;
    if (typeof value === 'object' && value !== null && 'inputs' in value) {
      const wanted = this.#tensors.featuresOf(parts);
      this.#checkReadable(wanted, (i) => `outputs[${i}].name`);
      const answered = this.#tensors.read(wanted, parts, call);
      request.release?.();
      return answered;
    }
    const { features, keys } = readRequest(value);
    request.release?.();
    this.#checkReadable(features, (i) => `features[${i}]`);
    const description = this.#features.describeRead(features);
    const answer = await this.#features.read(features, () => readKeys(description, keys), call);
    return json(readAnswerText(answer), call);
  }

  /** The JSON of a read, and the binary tensors behind it. */
  #partsOf(request: HttpRequest): MessageParts {
    const limits = { ...readLimits, maxDepth: this.#maxDepth };
    const length = readJsonLength(request.headers[jsonLengthHeader]);
    if (length === undefined && request.parsedBody !== undefined)
      return { json: { value: readJson(request, limits) }, binary: nothing };
    if (length === 0 || request.parsedBody !== undefined)
      throw new VivaceError(
        'INVALID_ARGUMENT',
        `the header ${jsonLengthHeader} is for JSON with binary tensors behind it`,
      );
    return splitBody(request.body, length, limits);
  }

  /** A view that callers may not read is one that is not there. */
  #checkReadable(features: readonly string[], placeOf: (index: number) => string): void {
    const readable = this.#readable;
    if (readable === undefined || readable === true) return;
    features.forEach((feature, i) => {
      const view = feature.split('.', 1)[0]!;
      if (readable.has(view)) return;
      const path = placeOf(i);
      throw new VivaceError('INVALID_ARGUMENT', `${path}: there is no view "${view.slice(0, 100)}"`, {
        path,
      });
    });
  }

  #codec(view: string): PushCodec {
    const codec = this.#codecs.get(view);
    if (codec !== undefined) return codec;
    if (this.#codecs.size === 0)
      throw new VivaceError(
        'UNIMPLEMENTED',
        'features are not pushed over HTTP here: that needs `features: { push: [view] }`',
      );
    throw new VivaceError('NOT_FOUND', `there is no view "${view}" to which rows are pushed here`);
  }
}

function admitted(head: HttpRequestHead, call: Call): Call {
  checkType(head.headers['content-type']);
  return withinHeader(head, call);
}

/** Says where in the options a mistake is. */
function wrongAt(path: string, check: () => unknown): void {
  try {
    check();
  } catch (cause) {
    const { message } = cause as Error;
    throw new VivaceError('INVALID_CONFIG', `${path}: ${message.replace(/^features\[0\]: /, '')}`, {
      path,
      cause,
    });
  }
}

function json(body: string, { requestId }: Call): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json', 'x-request-id': requestId }, body };
}
