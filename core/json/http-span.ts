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
import { methodName } from './http-methods.js';
import type { HttpRequestHead, HttpRoute } from '../ports/http-server.js';

/** What a server knows of an exchange besides its head. */
export interface HttpExchangeFacts {
  /** The route that answers it, where that is known. */
  readonly route?: HttpRoute | undefined;
  readonly scheme: 'http' | 'https';
  /** `1.1`, `2`. */
  readonly protocolVersion: string;
  /** The path that the server is mounted at, without a slash at its end; default: none. */
  readonly mountedAt?: string;
  /**
   * What stands before the template of a route in `http.route`; default: `mountedAt`. A server that may be mounted at any number of paths
   * names few, since each is a time series.
   */
  readonly routesAt?: string;
}

/** The route of an exchange as `http.route` names it; `undefined` where it has no template. */
export function httpRouteOf({
  route,
  mountedAt = '',
  routesAt = mountedAt,
}: Pick<HttpExchangeFacts, 'route' | 'mountedAt' | 'routesAt'>): string | undefined {
  return route?.template === undefined ? undefined : routesAt + route.template;
}

/**
 * The SERVER span of one exchange. All work for the exchange is done inside `run`, and the trace of its call is `context`.
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
   * Begins the span when the head has arrived.
   *
   * @param factsOf Called only where tracing is on.
   * @returns `undefined` where tracing is off, where the route wants no span, and where the application already has a span of the exchange:
   *   a second one would count it twice.
   */
  static begin(head: HttpRequestHead, factsOf: () => HttpExchangeFacts): HttpSpan | undefined {
    if (!isTracing()) return undefined;
    const facts = factsOf();
    if (facts.route?.quiet === true) return undefined;
    const parent = traceFrom(head.headers) ?? ROOT_CONTEXT;
    const outer = trace.getSpanContext(parent);
    if (outer !== undefined && outer.isRemote !== true) return undefined;
    const template = httpRouteOf(facts);
    const method = methodName(head.method) === head.method ? head.method : 'HTTP';
    const span = tracer().startSpan(
      template === undefined ? method : `${method} ${template}`,
      { kind: SpanKind.SERVER, attributes: attributesOf(head, template, facts) },
      parent,
    );
    return new HttpSpan(span, parent);
  }

  /** Runs work that belongs to the exchange, so that other spans are children of this one. */
  run<T>(work: () => T): T {
    return contextApi.with(this.context, work);
  }

  /** @param status The status of the answer; `undefined` where the peer disconnected before there was one. */
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
  const named = methodName(method);
  const [, address, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(headers['host'] ?? '') ?? [];
  const agent = headers['user-agent'];
  return {
    [attributeNames.httpMethod]: named,
    ...(named === method ? {} : { [attributeNames.httpOriginalMethod]: method }),
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
