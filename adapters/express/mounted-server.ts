import type { IncomingMessage } from 'node:http';
import { type HttpRouter, type HttpServer, type PartContext, type PartLifecycle } from 'vivace';
import { pause } from 'vivace/kit';
import { Dispatcher } from './dispatcher.js';
import type { ExpressRouter } from './express-types.js';
import { HeldBytes } from './held-bytes.js';
import { InOrder } from './in-order.js';
import type { ExpressOptions } from './options.js';
import { MiddlewareChain, type MiddlewareOptions } from './middleware-chain.js';
import { Probes } from './probes.js';
import { fillBody, type BodyLimits } from './read-body.js';
import type { WriteLimits } from './unsent-answers.js';

type MountedOptions = BodyLimits &
  WriteLimits &
  Pick<MiddlewareOptions, 'middleware' | 'middlewareTimeoutMs'> &
  Pick<ExpressOptions, 'stopTimeoutMs' | 'host' | 'probes'>;

/** A request with what the application has added to it. */
type HostedRequest = IncomingMessage & {
  readonly ip?: string;
  readonly protocol?: string;
  readonly baseUrl?: string;
};

/** The most paths in the names of routes: a path with a parameter, such as `/shops/:shop`, is as many as callers like. */
const mostMounts = 10;

/** Mounted on a router of a team's own application: that application listens, and closes. */
export class MountedServer implements HttpServer, PartLifecycle {
  readonly #dispatcher: Dispatcher;
  readonly #options: MountedOptions;
  readonly #context: PartContext;
  /** The paths that routes are named with. */
  readonly #mounts: string[] = [];
  #probes: Probes | undefined;

  constructor(options: MountedOptions & { readonly router: ExpressRouter }, context: PartContext) {
    this.#options = options;
    this.#context = context;
    const held = new HeldBytes(options.maxBufferedBytes);
    this.#dispatcher = new Dispatcher(
      {
        fillBody: (exchange, request) => fillBody(exchange, request, { limits: options, held }),
        peerOf: (request: HostedRequest) => request.ip,
        mountOf: ({ protocol, baseUrl = '' }: HostedRequest) => ({
          scheme: protocol === 'https' ? 'https' : 'http',
          mountedAt: baseUrl,
          ...(this.#namesRoutes(baseUrl) ? {} : { routesAt: '' }),
        }),
      },
      options,
      context,
    );
    const order = new InOrder();
    options.router.use((request, response, next) => {
      const arrivedAt = performance.now();
      order.run(request, response, () => {
        this.#dispatcher.dispatch({ request, response }, arrivedAt, next);
      });
    });
  }

  #namesRoutes(path: string): boolean {
    if (this.#mounts.includes(path)) return true;
    return this.#mounts.length < mostMounts && this.#mounts.push(path) > 0;
  }

  async start(): Promise<void> {
    const { probes } = this.#options;
    if (probes !== undefined)
      this.#probes = await Probes.listen(
        { ...probes, host: probes.host ?? this.#options.host },
        this.#context,
      );
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

  probes(memory: SharedArrayBuffer): string | undefined {
    this.#probes?.read(memory);
    return this.#probes?.address;
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
    await this.#probes?.stop();
  }
}
