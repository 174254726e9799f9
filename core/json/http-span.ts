import {
  context as contextApi,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { attributeNames } from '../kernel/attribute-names.js';
import { isTracing, tracer } from '../kernel/instrumentation.js';
import { traceFrom } from '../kernel/trace-context.js';
import type { HttpRequestHead, HttpRoute } from '../ports/http-server.js';

/** What a server knows of an exchange beside its head. */
export interface HttpExchangeFacts {
  /** What answers it, where that is known. */
  readonly route?: HttpRoute | undefined;
  readonly scheme: 'http' | 'https';
  /** `1.1`, `2`. */
  readonly protocolVersion: string;
  /** The path that the server is mounted at, without a slash at its end; default: none. */
  readonly mountedAt?: string;
}

/** The methods by which spans may be told apart; any other is `_OTHER`, or callers could make names without end. */
const knownMethods = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

/**
 * The SERVER span of one exchange. What is done for the exchange is done inside `run`, and its call's trace is `context`.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
 */
export class HttpSpan {
  readonly context: Context;
  readonly #span: Span;

  private constructor(span: Span, parent: Context) {
    this.#span = span;
    this.context = trace.setSpan(parent, span);
  }

  /**
   * Begins the span when the head has come.
   *
   * @param factsOf Asked only where somebody traces.
   * @returns `undefined` where nobody traces, where the route wants none, and where the application has a span of the exchange already: a
   *   second one would count it twice.
   */
  static begin(head: HttpRequestHead, factsOf: () => HttpExchangeFacts): HttpSpan | undefined {
    if (!isTracing()) return undefined;
    const facts = factsOf();
    if (facts.route?.quiet === true) return undefined;
    const parent = traceFrom(head.headers) ?? ROOT_CONTEXT;
    const outer = trace.getSpanContext(parent);
    if (outer !== undefined && outer.isRemote !== true) return undefined;
    const { mountedAt = '', route } = facts;
    const template = route?.template === undefined ? undefined : mountedAt + route.template;
    const method = knownMethods.has(head.method) ? head.method : 'HTTP';
    const span = tracer().startSpan(
      template === undefined ? method : `${method} ${template}`,
      { kind: SpanKind.SERVER, attributes: attributesOf(head, template, facts) },
      parent,
    );
    return new HttpSpan(span, parent);
  }

  /** Does what belongs to the exchange, so that other spans hang below this one. */
  run<T>(work: () => T): T {
    return contextApi.with(this.context, work);
  }

  /** @param status Of the answer; `undefined` where the peer left before there was one. */
  end(status: number | undefined): void {
    if (status !== undefined) this.#span.setAttribute(attributeNames.httpStatus, status);
    if (status !== undefined && status >= 500) {
      this.#span.setAttribute(attributeNames.errorType, String(status));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

function attributesOf(
  { method, path, headers, peer }: HttpRequestHead,
  template: string | undefined,
  { scheme, protocolVersion, mountedAt = '' }: HttpExchangeFacts,
): Attributes {
  const isKnown = knownMethods.has(method);
  const [, address, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(headers['host'] ?? '') ?? [];
  const agent = headers['user-agent'];
  return {
    [attributeNames.httpMethod]: isKnown ? method : '_OTHER',
    ...(isKnown ? {} : { [attributeNames.httpOriginalMethod]: method }),
    [attributeNames.urlPath]: mountedAt + path,
    [attributeNames.urlScheme]: scheme,
    [attributeNames.protocolVersion]: protocolVersion,
    ...(template === undefined ? {} : { [attributeNames.httpRoute]: template }),
    ...(address === undefined || address === ''
      ? {}
      : { [attributeNames.serverAddress]: address.replace(/^\[(.*)\]$/, '$1') }),
    ...(port === undefined ? {} : { [attributeNames.serverPort]: Number(port) }),
    ...(peer === '' ? {} : { [attributeNames.clientAddress]: peer }),
    ...(agent === undefined ? {} : { [attributeNames.userAgent]: agent }),
  };
}
