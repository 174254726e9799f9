import { admittedCall } from '../json/admitted-call.js';
import { errorResponse } from '../json/error-response.js';
import { VivaceError } from '../kernel/errors.js';
import type { Call } from '../kernel/call.js';
import { waiting } from './bounded-call.js';
import {
  routeOf,
  type HttpRequest,
  type HttpRequestHead,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type HttpServer,
} from '../ports/http-server.js';

/** An HTTP server as the parts of one server see it: what they mount answers from `open` on, all of it in one step. */
export class HttpFront {
  /** What parts get in their slots. */
  readonly face: HttpServer;
  readonly #server: HttpServer;
  readonly #routers: HttpRouter[] = [];
  /** Servers in whose place this one has come, until they have stopped: requests still come to them. */
  readonly #leaving = new Set<HttpServer>();
  #open = false;

  /** @param server The guarded face of the part, which may be that of another server until `open`. */
  constructor(server: HttpServer) {
    this.#server = server;
    // What an adapter offers besides its port stays within reach.
    this.face = Object.assign(Object.create(server) as HttpServer, {
      mount: (router: HttpRouter) => this.#mount(router),
    });
  }

  get routers(): readonly HttpRouter[] {
    return this.#routers;
  }

  /** Puts the routers in the place of all others; resolves when the exchanges of those have ended. */
  open(): Promise<void> {
    this.#open = true;
    return this.#remount([...this.#routers]);
  }

  /** As `open`, also on a server that leaves, and on those that leave in its place: what still comes to them is answered by these routers. */
  openInsteadOf(front: HttpFront): Promise<void> {
    for (const server of [front.#server, ...front.#leaving])
      if (server !== this.#server) this.#leaving.add(server);
    front.#leaving.clear();
    return this.open();
  }

  /**
   * Lets requests wait, before their body is read, for routers that are to come; quiet routes, such as those of probes, go on.
   *
   * @returns Resolves when the exchanges that began before have ended.
   */
  hold(released: Promise<readonly HttpRouter[]>): Promise<void> {
    return this.#remount([heldRouter([...this.#routers], released)]);
  }

  async #remount(routers: readonly HttpRouter[]): Promise<void> {
    const leaving = [...this.#leaving].map(async (server) => {
      try {
        await server.remount(routers);
      } catch {
        // It has stopped: nothing comes to it any more.
        this.#leaving.delete(server);
      }
    });
    await Promise.all([this.#server.remount(routers), ...leaving]);
  }

  #mount(router: HttpRouter): void {
    this.#routers.push(router);
    if (this.#open) this.#server.mount(router);
  }
}

function heldRouter(before: readonly HttpRouter[], released: Promise<readonly HttpRouter[]>): HttpRouter {
  return (head) => {
    const known = routeOf(before, head);
    return known === undefined || known.quiet === true ? known : new HeldRoute(known, released);
  };
}

/** A route that is found again once the routers that are to come are there. */
class HeldRoute implements HttpRoute {
  #route: HttpRoute;
  readonly #released: Promise<readonly HttpRouter[]>;
  readonly template?: string;

  constructor(known: HttpRoute, released: Promise<readonly HttpRouter[]>) {
    this.#route = known;
    if (known.template !== undefined) this.template = known.template;
    this.#released = released;
  }

  async admit(head: HttpRequestHead, call: Call): Promise<Call> {
    const ownMs = this.deadlineMs(head);
    const found = routeOf(
      await waiting(ownMs === undefined ? call : call.within(ownMs), this.#released),
      head,
    );
    if (found === undefined)
      throw new VivaceError('NOT_FOUND', `nothing answers ${head.method} ${head.path}`);
    this.#route = found;
    return admittedCall(found, head, call);
  }

  deadlineMs(head: HttpRequestHead): number | undefined {
    return this.#route.deadlineMs?.(head);
  }

  async handle(request: HttpRequest, call: Call): Promise<HttpResponse> {
    return this.#route.handle(request, call);
  }

  failed(error: VivaceError, head: HttpRequestHead, call: Call): HttpResponse {
    const { requestId } = call;
    return this.#route.failed?.(error, head, call) ?? errorResponse(error, { requestId });
  }

  get bodyLimitBytes(): number {
    return this.#route.bodyLimitBytes ?? Infinity;
  }
}
