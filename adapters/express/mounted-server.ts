import type { IncomingMessage } from 'node:http';
import { type HttpRouter, type HttpServer, type PartContext, type PartLifecycle } from 'vivace';
import { pause } from 'vivace/kit';
import { Dispatcher } from './dispatcher.js';
import type { ExpressRouter } from './express-types.js';
import { HeldBytes } from './held-bytes.js';
import { MiddlewareChain, type MiddlewareOptions } from './middleware-chain.js';
import { fillBody, type BodyLimits } from './read-body.js';

type MountedOptions = BodyLimits &
  Pick<MiddlewareOptions, 'middleware' | 'middlewareTimeoutMs'> & {
    readonly stopTimeoutMs: number;
    readonly maxBufferedBytes: number;
  };

/** A request with what the application has added to it. */
type HostedRequest = IncomingMessage & {
  readonly ip?: string;
  readonly protocol?: string;
  readonly baseUrl?: string;
};

/** Mounted on a router of a team's own application: that application listens, and closes. */
export class MountedServer implements HttpServer, PartLifecycle {
  readonly #dispatcher: Dispatcher;
  readonly #options: MountedOptions;
  readonly #context: PartContext;

  constructor(options: MountedOptions & { readonly router: ExpressRouter }, context: PartContext) {
    this.#options = options;
    this.#context = context;
    const held = new HeldBytes(options.maxBufferedBytes);
    this.#dispatcher = new Dispatcher(
      {
        fillBody: (exchange, request) => fillBody(exchange, request, { limits: options, held }),
        peerOf: (request: HostedRequest) => request.ip,
        mountOf: ({ protocol, baseUrl }: HostedRequest) => ({
          scheme: protocol === 'https' ? 'https' : 'http',
          mountedAt: baseUrl ?? '',
        }),
      },
      context.log,
    );
    options.router.use((request, response, next) => {
      this.#dispatcher.dispatch(request, response, next);
    });
  }

  async start(): Promise<void> {
    const { middleware, middlewareTimeoutMs } = this.#options;
    this.#dispatcher.middleware = await MiddlewareChain.load(
      { middleware, middlewareTimeoutMs, hosted: true },
      this.#context,
    );
  }

  mount(router: HttpRouter): void {
    this.#dispatcher.routers.mount(router);
  }

  async remount(routers: readonly HttpRouter[]): Promise<void> {
    await this.#dispatcher.routers.remount(routers);
  }

  address(): undefined {
    return undefined;
  }

  /** The connections are the application's, which closes them when it closes; here only new requests are refused. */
  drain(): void {
    this.#dispatcher.stopped = true;
  }

  async stop(): Promise<void> {
    this.drain();
    await Promise.race([pause(this.#options.stopTimeoutMs), this.#dispatcher.idle()]);
  }
}
